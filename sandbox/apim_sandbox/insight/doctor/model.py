"""The nouns of the doctor: a manifest with places, a rule, a finding."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from msgspec import Struct

from apim_sandbox.documents import Document
from apim_sandbox.insight.doctor.cloud import Cloud

Path = tuple[str | int, ...]
Position = Callable[[Path], tuple[int, int]]  # (line, column), both from 1
Severity = Literal["error", "warning"]


class Manifest(Struct, frozen=True):
    """One Kubernetes object as parsed. `position` tells where the value at a path stands."""

    file: str
    data: dict[str, Any]
    position: Position
    document: Document | None = None  # None for what a cluster holds, and for an item of a list

    @classmethod
    def of(cls, document: Document) -> "Manifest | None":
        """From a parsed document, None when it is no mapping."""

        def position(path: Path) -> tuple[int, int]:
            place = document.key_place(*path)
            return place.line, place.column

        value = document.value
        return cls(document.file, value, position, document) if isinstance(value, dict) else None


class Finding(Struct, frozen=True):
    """Something that will fail, where it stands, and what to write instead."""

    file: str
    line: int
    column: int
    rule: str
    severity: Severity
    message: str
    fix: str


class Hit(Struct, frozen=True):
    """A rule's finding before it is placed: in which manifest, at which path, or where it stands."""

    manifest: Manifest
    path: Path
    message: str
    fix: str
    at: tuple[int, int] | None = None


class Rule(Struct, frozen=True):
    """One static cause. `id` is stable; `why` says what happens when nobody mends it.

    A rule with `needs_cloud` compares the manifests with a world or an export, and is silent without.
    """

    id: str
    title: str
    severity: Severity
    why: str
    source: str
    look: "Callable[[Objects], Iterator[Hit]]"
    needs_cloud: bool = False


class Workload(Struct, frozen=True):
    """Something that makes pods: `template` is the path of the pod template's object."""

    manifest: Manifest
    kind: str
    name: str
    namespace: str
    template: Path

    @property
    def metadata(self) -> dict[str, Any]:
        return mapping(at(self.manifest.data, (*self.template, "metadata")))

    @property
    def spec(self) -> dict[str, Any]:
        return mapping(at(self.manifest.data, (*self.template, "spec")))

    @property
    def account(self) -> str:
        name = self.spec.get("serviceAccountName") or self.spec.get("serviceAccount")
        return name if isinstance(name, str) else ""

    def containers(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for group in ("initContainers", "containers"):
            items = self.spec.get(group)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                if isinstance(item, dict):
                    yield (*self.template, "spec", group, index), item


class Objects:
    """The manifests of one look, by kind and name, and what they must agree with.

    `now` in epoch seconds; without it nothing is said of what ends by itself.
    """

    def __init__(
        self, manifests: list[Manifest], cloud: Cloud | None = None, now: float | None = None
    ) -> None:
        self.now = now
        self.manifests = manifests
        self.cloud = cloud or Cloud("nothing")
        self.workloads = [found for one in manifests if (found := _workload(one)) is not None]

    def of_kind(self, kind: str) -> list[Manifest]:
        return [one for one in self.manifests if one.data.get("kind") == kind]

    def find(self, kind: str, name: str, namespace: str) -> Manifest | None:
        for one in self.of_kind(kind):
            if name_of(one) == name and namespace_of(one) == namespace:
                return one
        return None


_TEMPLATES: dict[str, Path] = {
    "Pod": (),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"),
        ("spec", "template"),
    ),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


def _workload(manifest: Manifest) -> Workload | None:
    kind = manifest.data.get("kind")
    if not isinstance(kind, str) or kind not in _TEMPLATES:
        return None
    return Workload(manifest, kind, name_of(manifest), namespace_of(manifest), _TEMPLATES[kind])


def at(value: Any, path: Path) -> Any:
    """The value at `path`, None when there is none."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def labels(metadata: dict[str, Any]) -> dict[str, Any]:
    return mapping(metadata.get("labels"))


def annotations(metadata: dict[str, Any]) -> dict[str, Any]:
    return mapping(metadata.get("annotations"))


def metadata_of(manifest: Manifest) -> dict[str, Any]:
    return mapping(manifest.data.get("metadata"))


def name_of(manifest: Manifest) -> str:
    return str(metadata_of(manifest).get("name", ""))


def namespace_of(manifest: Manifest) -> str:
    return str(metadata_of(manifest).get("namespace") or "default")
