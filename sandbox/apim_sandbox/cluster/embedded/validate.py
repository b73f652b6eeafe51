"""What the API server refuses in an object: unknown fields, wrong types, missing or contradictory values.

`kubectl apply` asks for strict field validation by default, so a misspelt field is an error there too.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apim_emulators.webhook.validation import port_complaint
from apim_sandbox.cluster.embedded.fields import KINDS, Shape
from apim_sandbox.cluster.embedded.manifest import Manifest, Path
from apim_sandbox.cluster.embedded.objects import items, labels, mapping
from apim_sandbox.cluster.embedded.quantity import quantity
from apim_sandbox.documents import DocumentError, dotted, nearest

FAILURE_POLICIES = ("Fail", "Ignore")
_TYPES = {"s": ("string", str), "i": ("int32", int), "b": ("bool", bool)}


# What these groups have, whether or not this cluster acts on it (Kubernetes 1.34's API reference).
_GROUPS = {
    "v1": (
        "ConfigMap", "Endpoints", "Event", "LimitRange", "Namespace", "Node", "PersistentVolume",
        "PersistentVolumeClaim", "Pod", "PodTemplate", "ReplicationController", "ResourceQuota", "Secret",
        "Service", "ServiceAccount",
    ),
    "apps/v1": ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
}  # fmt: skip
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_SHORTEST_TOKEN = 600  # seconds


def problems(manifest: Manifest) -> list[DocumentError]:
    """Everything that is wrong with an object, in reading order; nothing for kinds not known here."""
    unmatched = _unmatched(manifest)
    if unmatched is not None:
        return [unmatched]
    shape = KINDS.get(manifest.key.kind)
    if shape is None:
        return []
    found = list(_shape(manifest, manifest.raw, shape, ()))
    return found or list(_values(manifest))


def _unmatched(manifest: Manifest) -> DocumentError | None:
    """Whether the API server has no such kind in that version."""
    version, kind = str(manifest.raw["apiVersion"]), manifest.key.kind
    right = next((group for group, kinds in _GROUPS.items() if kind in kinds), None)
    message = f'no matches for kind "{kind}" in version "{version}"'
    if right is not None and version != right:
        return manifest.error(("apiVersion",), message, f"write apiVersion: {right}")
    if right is None and version in _GROUPS:
        everything = [one for kinds in _GROUPS.values() for one in kinds]
        meant = nearest(kind, everything)
        fix = f'write "{meant}"' if meant else f"kinds there are {', '.join(_GROUPS[version])}"
        return manifest.error(("kind",), message, fix)
    return None


def pod_spec_path(kind: str) -> Path:
    """Where a kind has its pod's spec."""
    return ("spec",) if kind == "Pod" else ("spec", "template", "spec")


def _shape(manifest: Manifest, value: Any, shape: Shape, path: Path) -> Iterator[DocumentError]:
    if value is None or shape == "*":
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield manifest.error(path, f"{dotted(path)} should be an object, it is {_kind_of(value)}")
            return
        for key, child in value.items():
            if key not in shape:
                yield _unknown(manifest, (*path, key), list(shape))
            else:
                yield from _shape(manifest, child, shape[key], (*path, key))
    elif isinstance(shape, list):
        if not isinstance(value, list):
            fix = "begin each item with a dash"
            yield manifest.error(path, f"{dotted(path)} should be a list, it is {_kind_of(value)}", fix)
            return
        for index, child in enumerate(value):
            yield from _shape(manifest, child, shape[0], (*path, index))
    else:
        name, type_ = _TYPES[shape]
        if not isinstance(value, type_) or (shape == "i" and isinstance(value, bool)):
            yield manifest.error(
                path,
                f"{dotted(path)}: cannot unmarshal {_kind_of(value)} into a field of type {name}",
                _fix(shape, value),
            )


def _unknown(manifest: Manifest, path: Path, known: list[str]) -> DocumentError:
    meant = nearest(str(path[-1]), known)
    place = manifest.document.key_place(*manifest.at, *path)
    fix = f'write "{meant}"' if meant else "fields here are " + ", ".join(sorted(known))
    message = f'{manifest.key.kind} cannot be handled: strict decoding error: unknown field "{dotted(path)}"'
    return DocumentError(place, message, fix)


def _values(manifest: Manifest) -> Iterator[DocumentError]:
    kind, raw = manifest.key.kind, manifest.raw
    if kind == "Secret":
        yield from _secret(manifest)
    if kind == "MutatingWebhookConfiguration":
        yield from _hooks(manifest)
    if kind == "Deployment":
        yield from _selector(manifest)
    if kind not in ("Deployment", "Pod"):
        return
    path = pod_spec_path(kind)
    spec: Any = raw
    for part in path:
        spec = mapping(spec).get(str(part))
    yield from _numbers(manifest, path, mapping(spec))
    containers = items(mapping(spec).get("containers"))
    if not containers:
        yield manifest.error(path, f"{dotted(path)}.containers: Required value", "add a container")
    volumes = {str(one.get("name")) for one in items(mapping(spec).get("volumes"))}
    for group in ("initContainers", "containers"):
        seen: set[str] = set()
        for index, one in enumerate(items(mapping(spec).get(group))):
            yield from _container(manifest, (*path, group, index), one, volumes, seen)


def _numbers(manifest: Manifest, path: Path, spec: Mapping[str, Any]) -> Iterator[DocumentError]:
    """Bounds of what is no part of a container."""
    replicas = mapping(manifest.raw.get("spec")).get("replicas")
    if manifest.key.kind == "Deployment" and isinstance(replicas, int) and replicas < 0:
        message = f"spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0"
        yield manifest.error(("spec", "replicas"), message, "write 0 or more")
    for index, volume in enumerate(items(spec.get("volumes"))):
        for number, source in enumerate(items(mapping(volume.get("projected")).get("sources"))):
            seconds = mapping(source.get("serviceAccountToken")).get("expirationSeconds")
            if isinstance(seconds, int) and seconds < _SHORTEST_TOKEN:
                at = (
                    *path, "volumes", index, "projected", "sources", number, "serviceAccountToken",
                    "expirationSeconds",
                )  # fmt: skip
                message = (
                    f"{dotted(at)}: Invalid value: {seconds}: may not specify a duration less than 10 minutes"
                )
                yield manifest.error(at, message, f"write {_SHORTEST_TOKEN} or more")


def _container(
    manifest: Manifest, path: Path, raw: dict[str, Any], volumes: set[str], seen: set[str]
) -> Iterator[DocumentError]:
    for key in ("name", "image"):
        if not raw.get(key):
            yield manifest.error(path, f"{dotted(path)}.{key}: Required value", f"add {key}:")
    name = str(raw.get("name"))
    if name in seen:
        yield manifest.error((*path, "name"), f'{dotted(path)}.name: Duplicate value: "{name}"', "rename one")
    seen.add(name)
    policy = raw.get("imagePullPolicy")
    if policy not in (None, *_PULL_POLICIES):
        yield _unsupported(manifest, (*path, "imagePullPolicy"), policy, _PULL_POLICIES)
    for index, opened in enumerate(items(raw.get("ports"))):
        complaint = port_complaint(opened.get("containerPort") or 0)
        if complaint is not None:
            at = (*path, "ports", index, "containerPort")
            yield manifest.error(
                at, f"{dotted(at)}: {complaint}", "write the port that the container listens on"
            )
    for index, mount in enumerate(items(raw.get("volumeMounts"))):
        if str(mount.get("name")) not in volumes:
            at = (*path, "volumeMounts", index, "name")
            meant = nearest(str(mount.get("name")), volumes)
            fix = f'write "{meant}"' if meant else "declare the volume"
            yield manifest.error(at, f'{dotted(at)}: Not found: "{mount.get("name")}"', fix)
    for kind in ("limits", "requests"):
        for resource, amount in mapping(mapping(raw.get("resources")).get(kind)).items():
            try:
                quantity(str(amount))
            except ValueError as error:
                at = (*path, "resources", kind, resource)
                yield manifest.error(at, f"{dotted(at)}: {error}")
    ports = {str(one.get("name")): one.get("containerPort") for one in items(raw.get("ports"))}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        for handler in ("httpGet", "tcpSocket"):
            given = mapping(raw.get(probe))
            port = mapping(given.get(handler)).get("port")
            if handler in given and port is None:
                at = (*path, probe, handler)
                yield manifest.error(at, f"{dotted(at)}.port: Required value", "add port:")
            if isinstance(port, str) and port not in ports:
                at = (*path, probe, handler, "port")
                meant = nearest(port, ports)
                fix = f'write "{meant}"' if meant else "name a port of this container"
                yield manifest.error(at, f'{dotted(at)}: no port of the container is called "{port}"', fix)


def _selector(manifest: Manifest) -> Iterator[DocumentError]:
    spec = mapping(manifest.raw.get("spec"))
    wanted = mapping(mapping(spec.get("selector")).get("matchLabels"))
    if not wanted and not mapping(spec.get("selector")).get("matchExpressions"):
        yield manifest.error(("spec", "selector"), "spec.selector: Required value", "add matchLabels:")
    there = labels(mapping(spec.get("template")))
    missing = [f"{key}: {value}" for key, value in wanted.items() if there.get(key) != value]
    if missing:
        yield manifest.error(
            ("spec", "template", "metadata", "labels"),
            "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`",
            f"add {', '.join(missing)} to the template's labels",
        )


def _hooks(manifest: Manifest) -> Iterator[DocumentError]:
    for index, hook in enumerate(items(manifest.raw.get("webhooks"))):
        path: Path = ("webhooks", index)
        policy = hook.get("failurePolicy")
        if policy not in (None, *FAILURE_POLICIES):
            yield _unsupported(manifest, (*path, "failurePolicy"), policy, FAILURE_POLICIES)
        if not _is_base64(mapping(hook.get("clientConfig")).get("caBundle")):
            at = (*path, "clientConfig", "caBundle")
            fix = "encode the PEM certificate, or leave it to the webhook"
            yield manifest.error(at, f"{dotted(at)}: illegal base64 data", fix)


def _unsupported(manifest: Manifest, at: Path, value: Any, known: Sequence[str]) -> DocumentError:
    supported = ", ".join(f'"{one}"' for one in known)
    message = f'{dotted(at)}: Unsupported value: "{value}": supported values: {supported}'
    same = next((one for one in known if one.lower() == str(value).lower()), None)
    return manifest.error(at, message, f'write "{same or nearest(str(value), known) or known[0]}"')


def _is_base64(value: Any) -> bool:
    try:
        base64.b64decode(str(value or ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _secret(manifest: Manifest) -> Iterator[DocumentError]:
    for key, value in mapping(manifest.raw.get("data")).items():
        if not _is_base64(value):
            yield manifest.error(
                ("data", key),
                f"data.{key}: illegal base64 data",
                "encode it, or use stringData: for plain text",
            )


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _fix(shape: str, value: Any) -> str:
    if shape == "s" and isinstance(value, (bool, int, float)):
        shown = str(value).lower() if isinstance(value, bool) else value
        return f'write "{shown}", in quotes'
    if shape in "ib" and isinstance(value, str):
        return "remove the quotes"
    return ""
