"""A container's environment: envFrom, then env, with references resolved as the kubelet does."""

import base64
import binascii
import re
from collections.abc import Callable

from apim_sandbox.cluster.embedded.objects import Container, Pod, Raw, items, mapping
from apim_sandbox.cluster.embedded.store import ObjectStore

_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
_KEYED = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
POD_IP = "127.0.0.1"


class ConfigError(Exception):
    """CreateContainerConfigError: the message is the kubelet's."""


def environment(pod: Pod, container: Container, store: ObjectStore, node: str) -> dict[str, str]:
    """The variables that the container starts with. Raises `ConfigError`."""
    result: dict[str, str] = {"HOSTNAME": pod.name}
    for source in items(container.raw.get("envFrom")):
        prefix = str(source.get("prefix", ""))
        for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            reference = source.get(key)
            if isinstance(reference, dict):
                for name, value in data(store, kind, pod.namespace, reference).items():
                    result[prefix + name] = value
    own: dict[str, str] = {}
    for variable in items(container.raw.get("env")):
        name = str(variable.get("name", ""))
        origin = variable.get("valueFrom")
        if isinstance(origin, dict):
            found = _value_from(pod, container, store, node, origin)
            if found is not None:
                own[name] = found
        else:
            own[name] = _expand(str(variable.get("value") or ""), {**result, **own})
    return {**result, **own}


def data(store: ObjectStore, kind: str, namespace: str, reference: Raw) -> dict[str, str]:
    """A ConfigMap's or Secret's data as text. Raises `ConfigError` when it is missing and not optional."""
    name = str(reference.get("name", ""))
    stored = store.get(kind, namespace, name)
    if stored is None:
        if reference.get("optional") is True:
            return {}
        raise ConfigError(f'{kind.lower()} "{name}" not found')
    values = {key: str(value) for key, value in mapping(stored.raw.get("data")).items()}
    if kind == "Secret":
        values = {key: _decoded(namespace, name, key, value) for key, value in values.items()}
        values.update({key: str(value) for key, value in mapping(stored.raw.get("stringData")).items()})
    return values


def field(pod: Pod, path: str, node: str) -> str:
    """A downward API field. Raises `ConfigError`."""
    metadata = mapping(pod.raw.get("metadata"))
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return str(mapping(metadata.get(keyed[1])).get(keyed[2], ""))
    known: dict[str, Callable[[], str]] = {
        "metadata.name": lambda: pod.name,
        "metadata.namespace": lambda: pod.namespace,
        "metadata.uid": lambda: pod.uid,
        "metadata.labels": lambda: _pairs(metadata.get("labels")),
        "metadata.annotations": lambda: _pairs(metadata.get("annotations")),
        "spec.nodeName": lambda: node,
        "spec.serviceAccountName": lambda: pod.service_account,
        "status.podIP": lambda: POD_IP,
        "status.podIPs": lambda: POD_IP,
        "status.hostIP": lambda: POD_IP,
        "status.hostIPs": lambda: POD_IP,
    }
    if path not in known:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return known[path]()


def _value_from(pod: Pod, container: Container, store: ObjectStore, node: str, source: Raw) -> str | None:
    for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        reference = source.get(key)
        if isinstance(reference, dict):
            wanted = str(reference.get("key", ""))
            values = data(store, kind, pod.namespace, reference)
            if wanted in values:
                return values[wanted]
            if reference.get("optional") is True:
                return None
            raise ConfigError(
                f"couldn't find key {wanted} in {kind} {pod.namespace}/{reference.get('name', '')}"
            )
    if isinstance(source.get("fieldRef"), dict):
        return field(pod, str(source["fieldRef"].get("fieldPath", "")), node)
    if isinstance(source.get("resourceFieldRef"), dict):
        kind, _, resource = str(source["resourceFieldRef"].get("resource", "")).partition(".")
        return str(mapping(mapping(container.raw.get("resources")).get(kind)).get(resource, "0"))
    return None


def _expand(text: str, known: dict[str, str]) -> str:
    """`$(NAME)` becomes NAME's value where that is known; `$$` is a dollar sign."""

    def replace(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else known.get(match[1], match[0])

    return _REFERENCE.sub(replace, text)


def _decoded(namespace: str, name: str, key: str, value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ConfigError(f"key {key} of Secret {namespace}/{name} is not base64-encoded text") from None


def _pairs(value: object) -> str:
    return "\n".join(f'{key}="{text}"' for key, text in sorted(mapping(value).items()))
