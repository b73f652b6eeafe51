"""Raw objects become pods: what the webhook refuses to read, in the decoder's words.

controller-runtime's `admission.Decoder` reads `request.object` into a typed Pod. What the webhook's
types do not know is lost on the way: fields of Kubernetes newer than them, misspelt ones.
"""

from typing import Any

from apim_emulators.core.provenance import Behaviour
from apim_emulators.webhook.annotations import quote
from apim_emulators.webhook.gojson import NO_KIND, GoJsonError, no_version_and_kind
from apim_emulators.webhook.gotypes import kubernetes_types, read_as, version_and_kind
from apim_emulators.webhook.model import Object

# What client-go's scheme knows besides pods, as far as somebody could send it by mistake.
_REGISTERED = {
    "v1": (
        "ConfigMap", "Namespace", "Node", "PodTemplate", "ReplicationController", "Secret", "Service",
        "ServiceAccount",
    ),
    "apps/v1": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "batch/v1": ("CronJob", "Job"),
}  # fmt: skip


TYPES = Behaviour(
    "webhook.types", "observed",
    "A pod goes through the webhook's own types (k8s.io/api v0.31): fields that are newer are removed by the "
    "patch, a value that does not fit is refused with Go's words, quantities come out in canonical form.",
    "Azure/azure-workload-identity v1.6.0, its binary run with generated pods; istio/istio#49221",
    "tests/emulators/webhook/test_upstream.py::"
    "test_pods_with_fields_of_all_kinds_come_out_exactly_as_upstream_writes_them",
)  # fmt: skip


class UndecodableError(ValueError):
    """The object is no pod; the message is the decoder's."""


def decode_pod(raw: Any) -> Object:
    """`request.object` as a pod, as the webhook would write it again.

    Raises `UndecodableError`.
    """
    if raw is None:
        raise UndecodableError("there is no content to decode")
    if not isinstance(raw, dict):
        raise UndecodableError(no_version_and_kind(raw))
    try:
        version, kind = version_and_kind(raw)
    except GoJsonError as error:
        raise UndecodableError(f"{NO_KIND}{error}") from None
    version, kind = version or "v1", kind or "Pod"
    if (version, kind) != ("v1", "Pod"):
        raise UndecodableError(_other_kind(version, kind))
    return _read(raw, "v1.Pod")


def _other_kind(version: str, kind: str) -> str:
    if kind not in _REGISTERED.get(version, ()):
        return (
            f"no kind {quote(kind)} is registered for version {quote(version)} in scheme "
            '"pkg/runtime/scheme.go:100"'
        )
    shown = version if "/" in version else f"/{version}"
    return f"unable to decode {shown}, Kind={kind} into *v1.Pod"


def decode_account(raw: Any) -> Object:
    """A service account as the API server answered it. Raises `UndecodableError`."""
    return _read(raw, "v1.ServiceAccount")


def _read(raw: Any, go: str) -> Object:
    try:
        found: Object = read_as(raw, go, kubernetes_types())
    except GoJsonError as error:
        raise UndecodableError(str(error)) from None
    return found
