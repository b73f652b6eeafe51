"""Kubernetes objects as far as this cluster reads them; the raw object is always kept beside."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, field

Raw = dict[str, Any]  # a Kubernetes object as its JSON

CLUSTER_SCOPED = {
    "Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "IngressClass", "Node",
    "PersistentVolume", "PriorityClass", "StorageClass", "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
}  # fmt: skip
ACTED_ON = {"Namespace", "ServiceAccount", "ConfigMap", "Secret", "Deployment", "Pod"}


class Key(Struct, frozen=True, order=True):
    """What identifies an object; `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Stored(Struct, frozen=True):
    """An object of the cluster. `place` is where its manifest has it, `file:line`."""

    key: Key
    raw: Raw
    uid: str
    place: str = ""


class Probe(Struct, frozen=True):
    """A probe with Kubernetes' defaults (core/v1 Probe). Only httpGet and tcpSocket are carried out."""

    handler: Literal["httpGet", "tcpSocket", "other"]
    port: int | str
    path: str = "/"
    scheme: str = "HTTP"
    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3


class Container(Struct, frozen=True):
    """A container of a pod. `ports` maps port names to numbers, unnamed ones under their number."""

    name: str
    image: str
    raw: Raw
    pull_policy: str
    ports: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)
    readiness: Probe | None = None
    liveness: Probe | None = None
    startup: Probe | None = None
    mounts: tuple[tuple[str, str, str], ...] = ()  # volume, mountPath, subPath

    def port(self, reference: int | str) -> int:
        """A port by number or name; 0 when no port is called so."""
        return reference if isinstance(reference, int) else self.ports.get(reference, 0)


class Pod(Struct, frozen=True):
    """A pod's spec as this cluster reads it."""

    namespace: str
    name: str
    uid: str
    raw: Raw
    service_account: str
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...]
    volumes: tuple[Raw, ...]
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always"
    host_network: bool = False
    place: str = ""


def mapping(value: Any) -> Raw:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Sequence[Raw]:
    """The mappings in `value` if it is a list, else nothing."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def labels(raw: Raw) -> Raw:
    """An object's labels."""
    return mapping(mapping(raw.get("metadata")).get("labels"))


def service_account_of(spec: Raw) -> str:
    """The service account of a pod's spec; `serviceAccount` is the old name of the field."""
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


def pod(raw: Raw, place: str = "") -> Pod:
    """The typed view of a pod that has its name and uid."""
    metadata, spec = mapping(raw.get("metadata")), mapping(raw.get("spec"))
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        raw=raw,
        service_account=service_account_of(spec),
        containers=tuple(container(one) for one in items(spec.get("containers"))),
        init_containers=tuple(container(one) for one in items(spec.get("initContainers"))),
        volumes=tuple(items(spec.get("volumes"))),
        restart_policy=spec.get("restartPolicy", "Always"),
        host_network=bool(spec.get("hostNetwork", False)),
        place=place,
    )


def container(raw: Raw) -> Container:
    """The typed view of a container, defaults filled in."""
    image = str(raw.get("image", ""))
    resources = mapping(raw.get("resources"))
    # A request that is not given is the limit (core/v1 defaults).
    requests = {**mapping(resources.get("limits")), **mapping(resources.get("requests"))}
    return Container(
        name=str(raw.get("name", "")),
        image=image,
        raw=raw,
        pull_policy=raw.get("imagePullPolicy") or ("Always" if tag(image) == "latest" else "IfNotPresent"),
        ports={
            str(port.get("name") or port["containerPort"]): int(port["containerPort"])
            for port in items(raw.get("ports"))
            if "containerPort" in port and port.get("protocol", "TCP") == "TCP"
        },
        requests={name: str(amount) for name, amount in requests.items()},
        readiness=_probe(raw.get("readinessProbe")),
        liveness=_probe(raw.get("livenessProbe")),
        startup=_probe(raw.get("startupProbe")),
        mounts=tuple(
            (str(mount.get("name", "")), str(mount.get("mountPath", "")), str(mount.get("subPath", "")))
            for mount in items(raw.get("volumeMounts"))
        ),
    )


def tag(image: str) -> str:
    """An image's tag; `latest` when it names none, empty for a digest."""
    if "@" in image:
        return ""
    last = image.rpartition("/")[2]
    return last.partition(":")[2] or "latest"


def _probe(raw: Any) -> Probe | None:
    if not isinstance(raw, dict):
        return None
    http, tcp = raw.get("httpGet"), raw.get("tcpSocket")
    action = mapping(http if http is not None else tcp)
    return Probe(
        handler="httpGet" if http is not None else "tcpSocket" if tcp is not None else "other",
        port=action.get("port", 0),
        path=str(action.get("path", "/")),
        scheme=str(action.get("scheme", "HTTP")),
        initial_delay=float(raw.get("initialDelaySeconds", 0)),
        period=float(raw.get("periodSeconds") or 10),
        timeout=float(raw.get("timeoutSeconds") or 1),
        success_threshold=int(raw.get("successThreshold") or 1),
        failure_threshold=int(raw.get("failureThreshold") or 3),
    )
