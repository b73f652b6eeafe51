"""What Kubernetes and the webhook accept in silence, though nobody can have meant it. Pure.

Each of these is behind field reports of pods that start without AZURE_* variables (kubernetes issue
lists of Azure/azure-workload-identity: #525, #601, #691, #695, #720, #751, #756, #1025, #1249, AKS#4059).
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from apim_emulators.webhook.gotypes import kubernetes_types, unknown_members
from apim_emulators.webhook.model import USE_LABEL
from apim_sandbox.cluster.embedded.manifest import Manifest, Path
from apim_sandbox.cluster.embedded.objects import Raw, mapping, service_account_of
from apim_sandbox.cluster.protocol import Hint
from apim_sandbox.documents import nearest

PREFIX = "azure.workload.identity/"
CLIENT_ID = PREFIX + "client-id"
ON_ACCOUNT = (CLIENT_ID, PREFIX + "tenant-id")
ON_POD = (
    PREFIX + "skip-containers",
    PREFIX + "inject-proxy-sidecar",
    PREFIX + "proxy-sidecar-port",
)
ANYWHERE = (USE_LABEL, PREFIX + "service-account-token-expiration")
KNOWN = (*ANYWHERE, *ON_ACCOUNT, *ON_POD)

# Where each kind keeps its pods' template.
TEMPLATES: dict[str, Path] = {
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
Accounts = Collection[tuple[str, str]]  # (namespace, name)


def hints(manifest: Manifest, together: Sequence[Manifest], accounts: Accounts) -> tuple[Hint, ...]:
    """Hints about one object, given all of the same `apply` and the cluster's service accounts."""
    found = [*_misspelt(manifest), *_wrong_object(manifest)]
    if manifest.key.kind in TEMPLATES:
        found += [*_label(manifest, together), *_account(manifest, together, accounts), *_lost(manifest)]
    return tuple(found)


def _label(manifest: Manifest, together: Sequence[Manifest]) -> Iterator[Hint]:
    path = TEMPLATES[manifest.key.kind]
    template = _at(manifest.raw, path)
    value = mapping(mapping(template.get("metadata")).get("labels")).get(USE_LABEL)
    if value == "true":
        return
    where = ".".join(str(part) for part in (*path, "metadata", "labels"))
    if value is not None:
        at = (*path, "metadata", "labels", USE_LABEL)
        yield _hint(
            manifest, at, f'label {USE_LABEL} is "{value}": the webhook selects "true" exactly, '
            "these pods start without AZURE_* variables", f'{USE_LABEL}: "true"',
        )  # fmt: skip
        return
    for outer in _outer_metadata(manifest, path):
        for kind in ("labels", "annotations"):
            at = (*outer, "metadata", kind, USE_LABEL)
            if USE_LABEL in _at(manifest.raw, at[:-1]):
                yield _hint(
                    manifest, at, f"label {USE_LABEL} is on {'.'.join(map(str, at[:-1]))}, not on the pod "
                    "template: the webhook will not see these pods, they start without AZURE_* variables",
                    f"move it to {where}",
                )  # fmt: skip
                return
    account = _account_of(manifest, together)
    annotations = mapping(mapping(account.raw.get("metadata")).get("annotations")) if account else {}
    if CLIENT_ID in annotations:
        yield _hint(
            manifest, (*path, "metadata", "labels"),
            f"service account {account.key.name if account else ''} carries {CLIENT_ID}, but the pod "
            f"template lacks the label {USE_LABEL}: the account's own is not read (since webhook v1.0.0)",
            f'add {USE_LABEL}: "true" to {where}',
        )  # fmt: skip


def _account(manifest: Manifest, together: Sequence[Manifest], accounts: Accounts) -> Iterator[Hint]:
    path = TEMPLATES[manifest.key.kind]
    spec = mapping(_at(manifest.raw, path).get("spec"))
    name, namespace = service_account_of(spec), manifest.key.namespace
    labelled = (
        mapping(mapping(_at(manifest.raw, path).get("metadata")).get("labels")).get(USE_LABEL) == "true"
    )
    at = (*path, "spec", "serviceAccountName")
    account = _account_of(manifest, together)
    if account is None and (namespace, name) not in accounts and name != "default":
        known = [one for other, one in _accounts(together, accounts) if other == namespace]
        elsewhere = [other for other, one in _accounts(together, accounts) if one == name]
        meant = nearest(name, known)
        fix = f'write "{meant}"' if meant else f"apply a ServiceAccount {name} in namespace {namespace}"
        there = f"; there is one in namespace {elsewhere[0]}" if elsewhere else ""
        yield _hint(
            manifest, at, f"service account {namespace}/{name} does not exist{there}: "
            "no pod can be made until it does", fix,
        )  # fmt: skip
    elif account is not None and labelled and not _annotation(account, CLIENT_ID):
        yield _hint(
            account, ("metadata", "annotations"),
            f"service account {name} has no annotation {CLIENT_ID}: its pods start without AZURE_CLIENT_ID",
            f"add {CLIENT_ID} with the application's client id",
        )  # fmt: skip
    elif labelled and name == "default" and "serviceAccountName" not in spec:
        yield _hint(
            manifest, (*path, "spec"), "the pod has no serviceAccountName: it uses the account default",
            "add serviceAccountName:",
        )  # fmt: skip


def _lost(manifest: Manifest) -> Iterator[Hint]:
    """Fields of Kubernetes that are newer than the webhook's types: Azure/azure-workload-identity#1312."""
    path = TEMPLATES[manifest.key.kind]
    template = _at(manifest.raw, path)
    if mapping(mapping(template.get("metadata")).get("labels")).get(USE_LABEL) != "true":
        return
    for lost in unknown_members(template.get("spec"), "v1.PodSpec", kubernetes_types()):
        yield _hint(
            manifest, (*path, "spec", *lost),
            f"the webhook is built with older types, which have no {lost[-1]}: its patch takes the field "
            "away from these pods",
            f"do without {lost[-1]} in pods that the webhook selects",
        )  # fmt: skip


def _wrong_object(manifest: Manifest) -> Iterator[Hint]:
    """Annotations of the service account on other objects, and annotations written as labels."""
    kind = manifest.key.kind
    for path in _all_metadata(manifest):
        for group in ("labels", "annotations"):
            for key in _at(manifest.raw, (*path, "metadata", group)):
                at = (*path, "metadata", group, key)
                if key in ON_ACCOUNT and (kind != "ServiceAccount" or group == "labels"):
                    yield _hint(
                        manifest, at, f"{key} is read from the ServiceAccount's annotations only; "
                        f"here, among the {group} of the {kind}, nobody reads it",
                        "move it to metadata.annotations of the ServiceAccount",
                    )  # fmt: skip
                elif key == USE_LABEL and group == "annotations" and kind in TEMPLATES:
                    yield _hint(
                        manifest, at, f"{USE_LABEL} is an annotation here: the webhook selects by label",
                        "move it from annotations to labels",
                    )  # fmt: skip


def _misspelt(manifest: Manifest) -> Iterator[Hint]:
    for path in _all_metadata(manifest):
        for group in ("labels", "annotations"):
            for key in _at(manifest.raw, (*path, "metadata", group)):
                prefix, slash, name = str(key).partition("/")
                if key in KNOWN or not slash or name.startswith("use-"):
                    continue
                if prefix + "/" == PREFIX or nearest(prefix, [PREFIX[:-1]]) is not None:
                    meant = nearest(PREFIX + name, KNOWN)
                    yield _hint(
                        manifest, (*path, "metadata", group, key), f"nobody reads the key {key}",
                        f'write "{meant}"' if meant else "keys are " + ", ".join(KNOWN),
                    )  # fmt: skip


def _accounts(together: Sequence[Manifest], accounts: Accounts) -> list[tuple[str, str]]:
    applied = [(one.key.namespace, one.key.name) for one in together if one.key.kind == "ServiceAccount"]
    return sorted({*applied, *accounts})


def _account_of(manifest: Manifest, together: Sequence[Manifest]) -> Manifest | None:
    name = service_account_of(mapping(_at(manifest.raw, TEMPLATES[manifest.key.kind]).get("spec")))
    for one in together:
        if one.key.kind == "ServiceAccount" and (one.key.namespace, one.key.name) == (
            manifest.key.namespace,
            name,
        ):
            return one
    return None


def _annotation(manifest: Manifest, key: str) -> str:
    return str(mapping(mapping(manifest.raw.get("metadata")).get("annotations")).get(key) or "")


def _outer_metadata(manifest: Manifest, template: Path) -> Iterator[Path]:
    """Objects above the pod template that have metadata of their own, outermost first."""
    for length in range(len(template)):
        if "metadata" in _at(manifest.raw, template[:length]):
            yield template[:length]


def _all_metadata(manifest: Manifest) -> Iterator[Path]:
    template = TEMPLATES.get(manifest.key.kind, ())
    yield from _outer_metadata(manifest, template)
    yield template


def _at(raw: Raw, path: Path) -> Raw:
    value: Any = raw
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return mapping(value)


def _hint(manifest: Manifest, path: Path, message: str, fix: str) -> Hint:
    return Hint(str(manifest.document.key_place(*manifest.at, *path)), message, fix)
