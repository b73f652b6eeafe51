"""From YAML documents to objects with their places; refuses what the API server refuses. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from apim_sandbox.cluster.embedded.objects import CLUSTER_SCOPED, Key, Raw
from apim_sandbox.documents import Document, DocumentError, dotted, parse

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
Path = tuple[str | int, ...]


class Manifest(Struct, frozen=True):
    """One object of a manifest. `at` is its path within the document (an item of a List)."""

    key: Key
    raw: Raw
    document: Document
    at: Path = ()

    @property
    def place(self) -> str:
        """`file:line` of the object."""
        place = self.document.place(*self.at)
        return f"{place.file}:{place.line}"

    def error(self, path: Path, message: str, fix: str = "") -> DocumentError:
        return self.document.error((*self.at, *path), message, fix)


def manifests(documents: Iterable[tuple[str, str]], default_namespace: str = "default") -> list[Manifest]:
    """The objects of `(path, text)` files, in order. Raises `DocumentError`."""
    found: list[Manifest] = []
    for file, text in documents:
        for document in parse(text, file or "<manifest>"):
            found.extend(objects_of(document, default_namespace))
    return found


def objects_of(document: Document, default_namespace: str = "default") -> Iterator[Manifest]:
    """The objects of one document, a List's items too. Raises `DocumentError`."""
    return _objects(document, document.value, (), default_namespace)


def _objects(document: Document, raw: Any, at: Path, default_namespace: str) -> Iterator[Manifest]:
    if not isinstance(raw, dict):
        raise document.error(at, "is not a Kubernetes object", "begin it with apiVersion: and kind:")
    for key in ("apiVersion", "kind"):
        if not isinstance(raw.get(key), str) or not raw[key]:
            raise document.error((*at, key), f"{key} is not set", f"add {key}:")
    if raw["kind"] == "List":
        for index, item in enumerate(raw.get("items") or []):
            yield from _objects(document, item, (*at, "items", index), default_namespace)
        return
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict):
        raise document.error((*at, "metadata"), "metadata is not set", "add metadata: with a name:")
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        fix = "put it in quotes" if name else "add name:"
        raise document.error((*at, "metadata", "name"), "metadata.name is not a name", fix)
    if "<" in name or not _NAME.fullmatch(name):
        raise document.error(
            (*at, "metadata", "name"),
            f'{raw["kind"]} name "{name}" is invalid: lower case letters, digits, "-" and "." only',
            "fill in the placeholder" if "<" in name else "rename it",
        )
    namespace = _namespace(document, raw, at, default_namespace)
    _text_values(document, raw, at)
    yield Manifest(Key(raw["kind"], namespace, name), raw, document, at)


def _namespace(document: Document, raw: Raw, at: Path, default_namespace: str) -> str:
    if raw["kind"] in CLUSTER_SCOPED:
        return ""
    namespace = raw["metadata"].get("namespace") or default_namespace
    if not isinstance(namespace, str) or not _NAME.fullmatch(namespace) or "." in namespace:
        filled = "fill in the placeholder" if "<" in str(namespace) else "rename it"
        raise document.error(
            (*at, "metadata", "namespace"),
            f'namespace "{namespace}" is invalid: lower case letters, digits and "-" only',
            filled,
        )
    return namespace


def _text_values(document: Document, raw: Raw, at: Path) -> None:
    """Labels, annotations and a ConfigMap's data hold text only; the API server refuses the rest."""
    for path in _metadata_paths(raw, ()):
        for kind in ("labels", "annotations"):
            _all_text(document, raw, at, (*path, kind), f"ObjectMeta.metadata.{kind}")
    if raw["kind"] == "ConfigMap":
        _all_text(document, raw, at, ("data",), "ConfigMap.data")
    if raw["kind"] == "Secret":
        _all_text(document, raw, at, ("stringData",), "Secret.stringData")
    if raw["kind"] == "Deployment":
        _all_text(document, raw, at, ("spec", "selector", "matchLabels"), "LabelSelector.matchLabels")


def _metadata_paths(value: Any, path: Path) -> Iterator[Path]:
    if not isinstance(value, dict):
        return
    if isinstance(value.get("metadata"), dict):
        yield (*path, "metadata")
    for key in ("spec", "template", "jobTemplate"):
        yield from _metadata_paths(value.get(key), (*path, key))


_GO_TYPES = {bool: "bool", int: "number", float: "number", dict: "object", list: "array"}


def _all_text(document: Document, raw: Raw, at: Path, path: Path, field: str) -> None:
    holder: Any = raw
    for part in path:
        holder = holder.get(part) if isinstance(holder, dict) else None
    if not isinstance(holder, dict):
        return
    for key, value in holder.items():
        if value is None or isinstance(value, str):
            continue
        shown = str(value).lower() if isinstance(value, bool) else value
        kind = _GO_TYPES.get(type(value), "value")
        raise document.error(
            (*at, *path, key),
            f"{dotted((*path, key))}: cannot unmarshal {kind} into Go struct field {field} of type string",
            f'write "{shown}", in quotes',
        )
