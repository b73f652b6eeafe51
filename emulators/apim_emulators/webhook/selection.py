"""What the API server decides about admission by itself (pure): the webhook never looks at the label.

The MutatingWebhookConfiguration says which pods it is asked about and what happens when it can't be
asked; the texts are those that a client of the API server sees.
"""

import base64
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from apim_emulators.core.provenance import Behaviour
from apim_emulators.webhook.model import USE_LABEL

CONFIGURATION_NAME = "azure-wi-webhook-mutating-webhook-configuration"
WEBHOOK_NAME = "mutation.azure-workload-identity.io"

SELECTION = Behaviour(
    "webhook.selection", "documented",
    'Only pods that carry azure.workload.identity/use: "true" themselves, exactly so, reach the webhook.',
    "Azure/azure-workload-identity chart, MutatingWebhookConfiguration; Kubernetes label selectors",
    "tests/emulators/webhook/test_selection.py::test_the_label_must_be_exactly_true_and_on_the_pod",
)  # fmt: skip

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]


class Requirement(Struct, frozen=True):
    """One of a selector's `matchExpressions`."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
        return self.key not in labels  # DoesNotExist


class LabelSelector(Struct, frozen=True):
    """All requirements must hold; an empty selector selects everything."""

    match_labels: Mapping[str, str] = field(default_factory=dict)
    match_expressions: tuple[Requirement, ...] = ()

    def unmet(self, labels: Mapping[str, str], whose: str) -> str:
        """The first requirement that does not hold, for people; empty when all do."""
        for key, wanted in self.match_labels.items():
            if key not in labels:
                return f'{whose} has no label {key}: "{wanted}"'
            if labels[key] != wanted:
                return f'{whose}\'s label {key} is "{labels[key]}", not "{wanted}"'
        for one in self.match_expressions:
            if not one.holds(labels):
                values = f" {list(one.values)}" if one.values else ""
                return f"{whose}'s labels do not meet {one.key} {one.operator}{values}"
        return ""


class Configuration(Struct, frozen=True):
    """The webhook's entry. `timeout` in seconds: what the API server takes where none is set."""

    object_selector: LabelSelector = LabelSelector({USE_LABEL: "true"})
    namespace_selector: LabelSelector = LabelSelector()
    failure_policy: Literal["Fail", "Ignore"] = "Fail"
    timeout: float = 10
    namespace: str = "azure-workload-identity-system"
    ca_bundle: bytes = b""  # PEM; empty: the system's roots

    def why_not(self, pod: Mapping[str, Any], namespace_labels: Mapping[str, str]) -> str:
        """Why the webhook is not asked about `pod`; empty when it is. The service account has no say."""
        labels = (pod.get("metadata") or {}).get("labels") or {}
        unmet = self.object_selector.unmet(labels, "the pod")
        if unmet:
            return unmet
        unmet = self.namespace_selector.unmet(namespace_labels, "the namespace")
        return f"the webhook's namespaceSelector leaves it out: {unmet}" if unmet else ""

    @property
    def admits_unasked(self) -> bool:
        """Whether a pod is let through unmutated when the webhook can't be called."""
        return self.failure_policy == "Ignore"

    def unreachable(self, cause: str) -> str:
        """How the API server's own client tells of a call that got no answer."""
        return (
            f'Post "https://azure-wi-webhook-webhook-service.{self.namespace}.svc:443/mutate-v1-pod'
            f'?timeout={self.timeout:g}s": {cause}'
        )

    def call_failed(self, error: str) -> str:
        """What the API server says when the webhook can't be called; failurePolicy Ignore only logs it."""
        return (
            f'Internal error occurred: failed calling webhook "{WEBHOOK_NAME}": '
            f"failed to call webhook: {error}"
        )

    def without_client(self, error: str) -> str:
        """What the API server says when its client for the webhook can't even be made."""
        return (
            f'Internal error occurred: failed calling webhook "{WEBHOOK_NAME}": '
            f"could not get REST client: {error}"
        )


def configuration(raw: Mapping[str, Any]) -> Configuration | None:
    """The webhook's entry of a MutatingWebhookConfiguration; None when it has none of that name."""
    entry = next((one for one in raw.get("webhooks") or () if one.get("name") == WEBHOOK_NAME), None)
    if entry is None:
        return None
    client = entry.get("clientConfig") or {}
    return Configuration(
        object_selector=_selector(entry.get("objectSelector")),
        namespace_selector=_selector(entry.get("namespaceSelector")),
        failure_policy="Ignore" if entry.get("failurePolicy") == "Ignore" else "Fail",
        timeout=float(entry.get("timeoutSeconds") or 10),
        namespace=(client.get("service") or {}).get("namespace") or "azure-workload-identity-system",
        ca_bundle=base64.b64decode(client.get("caBundle") or ""),
    )


def _selector(raw: Any) -> LabelSelector:
    raw = raw or {}
    return LabelSelector(
        raw.get("matchLabels") or {},
        tuple(
            Requirement(one["key"], one["operator"], tuple(one.get("values") or ()))
            for one in raw.get("matchExpressions") or ()
        ),
    )


def denied(message: str) -> str:
    """What the client sees when the webhook denies."""
    return f'admission webhook "{WEBHOOK_NAME}" denied the request: {message}'
