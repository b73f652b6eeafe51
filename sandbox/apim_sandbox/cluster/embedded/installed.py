"""What azure-workload-identity's chart leaves in a cluster, as far as calls of its webhook go by it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from apim_emulators.core.vocabulary import WEBHOOK_HOST
from apim_emulators.webhook.certificates import SECRET_NAME
from apim_emulators.webhook.config import DEFAULT_NAMESPACE as NAMESPACE
from apim_emulators.webhook.model import USE_LABEL
from apim_emulators.webhook.selection import CONFIGURATION_NAME, WEBHOOK_NAME
from apim_sandbox.cluster.embedded.objects import Key, Raw, items, mapping

ADMISSION_GROUP = "admissionregistration.k8s.io"
CONFIGURATIONS = "mutatingwebhookconfigurations"
ACCOUNT = "azure-wi-webhook-admin"
SECRET = Key("Secret", NAMESPACE, SECRET_NAME)
CONFIGURATION = Key("MutatingWebhookConfiguration", "", CONFIGURATION_NAME)
ROLE = Key("ClusterRole", "", "azure-wi-webhook-manager-role")
MARKER = Key("Namespace", "", NAMESPACE)
OURS = (SECRET, CONFIGURATION, ROLE)


def objects(failure_policy: str, timeout: float, namespace_labels: Mapping[str, str]) -> Iterable[Raw]:
    """The namespace, the webhook's rights, its empty Secret and its configuration without a caBundle."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": ROLE.kind,
        "metadata": {"name": ROLE.name},
        "rules": [
            {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "watch"]},
            {
                "apiGroups": [ADMISSION_GROUP],
                "resources": [CONFIGURATIONS],
                "verbs": ["get", "list", "update", "watch"],
            },
        ],
    }
    yield {
        "apiVersion": "v1",
        "kind": SECRET.kind,
        "metadata": {"name": SECRET.name, "namespace": SECRET.namespace},
    }
    service, _, namespace = WEBHOOK_HOST.removesuffix(".svc").partition(".")
    yield {
        "apiVersion": f"{ADMISSION_GROUP}/v1",
        "kind": CONFIGURATION.kind,
        "metadata": {"name": CONFIGURATION.name},
        "webhooks": [
            {
                "name": WEBHOOK_NAME,
                "admissionReviewVersions": ["v1", "v1beta1"],
                "failurePolicy": failure_policy,
                "matchPolicy": "Equivalent",
                "reinvocationPolicy": "IfNeeded",
                "sideEffects": "None",
                "timeoutSeconds": int(timeout) if timeout.is_integer() else timeout,
                "objectSelector": {"matchLabels": {USE_LABEL: "true"}},
                "namespaceSelector": {"matchLabels": dict(namespace_labels)} if namespace_labels else {},
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                    }
                ],
                "clientConfig": {
                    "service": {"name": service, "namespace": namespace, "path": "/mutate-v1-pod"}
                },
            }
        ],
    }


def key_of(raw: Raw) -> Key:
    """What identifies an object."""
    return Key(raw["kind"], raw["metadata"].get("namespace", ""), raw["metadata"]["name"])


def may_update_configurations(role: Raw | None) -> bool:
    """Whether the webhook's ClusterRole lets it write caBundle."""
    return any(
        _holds(rule, "apiGroups", ADMISSION_GROUP)
        and _holds(rule, "resources", CONFIGURATIONS)
        and _holds(rule, "verbs", "update")
        for rule in items((role or {}).get("rules"))
    )


def forbidden() -> str:
    """What the API server tells the webhook that may not."""
    return (
        f'{CONFIGURATIONS}.{ADMISSION_GROUP} "{CONFIGURATION.name}" is forbidden: User '
        f'"system:serviceaccount:{NAMESPACE}:{ACCOUNT}" cannot update resource "{CONFIGURATIONS}" in API '
        f'group "{ADMISSION_GROUP}" at the cluster scope'
    )


def with_bundles_of(before: Raw, applied: Raw) -> Raw:
    """An applied configuration; where it says nothing of caBundle, the one that was written stays."""
    known = {
        str(one.get("name")): mapping(one.get("clientConfig")).get("caBundle")
        for one in items(before.get("webhooks"))
    }
    hooks = [
        {**one, "clientConfig": {**_bundle(known, one), **mapping(one.get("clientConfig"))}}
        for one in items(applied.get("webhooks"))
    ]
    return {**applied, "webhooks": hooks}


def _bundle(known: Mapping[str, Any], hook: Raw) -> Raw:
    bundle = known.get(str(hook.get("name")))
    return {"caBundle": bundle} if bundle else {}


def _holds(rule: Raw, what: str, wanted: str) -> bool:
    listed = rule.get(what)
    return isinstance(listed, list) and bool({wanted, "*"} & set(listed))
