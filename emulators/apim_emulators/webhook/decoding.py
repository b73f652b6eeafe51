"""Raw objects become pods: what the webhook refuses to read, in the decoder's words.

controller-runtime's `admission.Decoder` reads `request.object` into a typed Pod; members that the
mutation looks at must have the schema's types. Others are not looked at here: the API server, which
validated the object before it asked, knows more of them than any webhook.
"""

from typing import Any

from apim_emulators.webhook.gojson import (
    BOOL,
    NO_KIND,
    STRING,
    TYPE_META,
    GoJsonError,
    Many,
    Strings,
    Struct,
    check,
    no_version_and_kind,
)
from apim_emulators.webhook.model import Object

_ENV = Struct("EnvVar", {"name": STRING, "value": STRING})
_MOUNT = Struct("VolumeMount", {"name": STRING, "mountPath": STRING, "readOnly": BOOL})
_CONTAINER = Struct(
    "Container",
    {
        "name": STRING, "image": STRING, "command": Strings(many=True), "args": Strings(many=True),
        "env": Many(_ENV), "volumeMounts": Many(_MOUNT), "imagePullPolicy": STRING,
    },
)  # fmt: skip
_TOKEN = Struct("ServiceAccountTokenProjection", {"audience": STRING, "path": STRING})
_SOURCE = Struct("VolumeProjection", {"serviceAccountToken": _TOKEN})
_VOLUME = Struct(
    "Volume", {"name": STRING, "projected": Struct("ProjectedVolumeSource", {"sources": Many(_SOURCE)})}
)
_METADATA = Struct(
    "ObjectMeta",
    {
        "name": STRING, "generateName": STRING, "namespace": STRING,
        "labels": Strings(), "annotations": Strings(),
    },
)  # fmt: skip
_SPEC = Struct(
    "PodSpec",
    {
        "volumes": Many(_VOLUME), "initContainers": Many(_CONTAINER), "containers": Many(_CONTAINER),
        "serviceAccountName": STRING, "hostNetwork": BOOL,
    },
)  # fmt: skip
_POD = Struct("Pod", {"metadata": _METADATA, "spec": _SPEC})
_ACCOUNT = Struct("ServiceAccount", {"metadata": _METADATA})


# What client-go's scheme knows besides pods, as far as somebody could send it by mistake.
_REGISTERED = {
    "v1": (
        "ConfigMap", "Namespace", "Node", "PodTemplate", "ReplicationController", "Secret", "Service",
        "ServiceAccount",
    ),
    "apps/v1": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "batch/v1": ("CronJob", "Job"),
}  # fmt: skip


class UndecodableError(ValueError):
    """The object is no pod; the message is the decoder's."""


def decode_pod(raw: Any) -> Object:
    """`request.object` as a pod; null where a list or object should be counts as absent.

    Raises `UndecodableError`.
    """
    if raw is None:
        raise UndecodableError("there is no content to decode")
    if not isinstance(raw, dict):
        raise UndecodableError(no_version_and_kind(raw))
    try:
        check(raw, TYPE_META)
    except GoJsonError as error:
        raise UndecodableError(f"{NO_KIND}{error}") from None
    version, kind = raw.get("apiVersion") or "v1", raw.get("kind") or "Pod"
    if (version, kind) != ("v1", "Pod"):
        raise UndecodableError(_other_kind(version, kind))
    try:
        check(raw, _POD)
    except GoJsonError as error:
        raise UndecodableError(str(error)) from None
    return _without_null_elements(raw)


def _other_kind(version: str, kind: str) -> str:
    if kind not in _REGISTERED.get(version, ()):
        return f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:100"'
    shown = version if "/" in version else f"/{version}"
    return f"unable to decode {shown}, Kind={kind} into *v1.Pod"


def decode_account(raw: Any) -> Object:
    """A service account as the API server answered it. Raises `UndecodableError`."""
    try:
        check(raw, _ACCOUNT)
    except GoJsonError as error:
        raise UndecodableError(str(error)) from None
    return raw if isinstance(raw, dict) else {}


def _without_null_elements(pod: Object) -> Object:
    """Go reads a null list element as an empty struct."""
    spec = pod.get("spec")
    if not isinstance(spec, dict):
        return pod
    lists = {
        name: _elements(spec[name]) for name in ("volumes", "initContainers", "containers") if spec.get(name)
    }
    for name in ("initContainers", "containers"):
        for container in lists.get(name, ()):
            container.update(
                {
                    inner: _elements(container[inner])
                    for inner in ("env", "volumeMounts")
                    if container.get(inner)
                }
            )
    for volume in lists.get("volumes", ()):
        projected = volume.get("projected")
        if projected and projected.get("sources"):
            volume["projected"] = {**projected, "sources": _elements(projected["sources"])}
    return {**pod, "spec": {**spec, **lists}}


def _elements(values: list[Any]) -> list[Object]:
    return [{} if value is None else dict(value) for value in values]
