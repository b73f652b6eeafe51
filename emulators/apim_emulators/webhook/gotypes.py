"""JSON read into Go's types and written again, as the webhook does with a pod (pure).

Members that the types do not know are gone afterwards, zero values of members without `omitempty` are
there, quantities and times are in canonical form: that is what the webhook's patch is computed against
(encoding/json; k8s.io/api v0.31, with which azure-workload-identity v1.6.0 is built).
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from apim_emulators.webhook.gojson import UnmarshalTypeError, folded, kind_of
from apim_emulators.webhook.goscalars import (
    INT32,
    INT64,
    int_or_string,
    integer,
    plain,
    quantity,
    text_of,
    time,
)

# Of a named type its underlying type, of a struct its members: Go's type by JSON name, with ! where a
# member is written even when it is empty.
Types = Mapping[str, str | Mapping[str, str]]

TYPE_META = ""  # an anonymous struct
TYPE_META_ALONE: Types = {TYPE_META: {"apiVersion": "string", "kind": "string"}}

_AS_IT_CAME = "runtime.RawExtension"
_FIELDS = "v1.FieldsV1"
_ITS_OWN = {"resource.Quantity": quantity, "v1.Time": time, "intstr.IntOrString": int_or_string}
_ZEROS: dict[str, Any] = {"string": "", "bool": False, "int32": 0, "int64": 0}


@cache
def kubernetes_types() -> Types:
    """The types of pods, service accounts and reviews; written by scripts/pod_types.py."""
    text = files(__package__).joinpath("pod_types.json").read_text(encoding="utf-8")
    found: Types = json.loads(text)
    return found


def read_as(value: Any, go: str, types: Types) -> Any:
    """`value` as Go writes it after reading it into type `go`. Raises `GoJsonError`.

    As in Go, the first value that does not fit is told, unless a later one can't be read at all.
    """
    reader = _Reader(types)
    found = reader.read(value, go, "", "")
    if reader.first is not None:
        raise reader.first
    return found


def version_and_kind(raw: dict[str, Any]) -> tuple[str, str]:
    """What an object says that it is, either empty where it does not. Raises `GoJsonError`."""
    found = read_as(folded(raw, TYPE_META_ALONE[TYPE_META]), TYPE_META, TYPE_META_ALONE)
    return found.get("apiVersion", ""), found.get("kind", "")


def unknown_members(value: Any, go: str, types: Types) -> Iterator[tuple[str | int, ...]]:
    """Paths of the members that are lost when `value` is read as type `go`."""
    shape = types.get(go.lstrip("*"), go.lstrip("*"))
    if isinstance(shape, Mapping):
        for member, one in value.items() if isinstance(value, dict) else ():
            if member not in shape:
                yield (member,)
                continue
            for path in unknown_members(one, shape[member].rstrip("!"), types):
                yield member, *path
    elif shape.startswith("[]") and isinstance(value, list):
        for index, one in enumerate(value):
            for path in unknown_members(one, shape[2:], types):
                yield index, *path


class _Reader:
    def __init__(self, types: Types) -> None:
        self._types = types
        self.first: UnmarshalTypeError | None = None

    def read(self, value: Any, go: str, owner: str, path: str) -> Any:
        """`value` as type `go`; `owner` and `path` say where, as Go does."""
        if go.startswith("*"):
            return None if value is None else self.read(value, go[1:], owner, path)
        if go in _ITS_OWN:
            try:
                return _ITS_OWN[go](value)
            except UnmarshalTypeError as error:  # it does not know where it stands
                raise UnmarshalTypeError(error.kind, error.go, owner, path) from None
        if go == _AS_IT_CAME:
            return value
        if go == _FIELDS:
            return plain(value)
        shape = self._types.get(go, go)
        if isinstance(shape, Mapping):
            return self._struct(value, go, shape, owner, path)
        if value is None:
            return self.zero(go)
        if shape.startswith("[]"):
            if not isinstance(value, list):
                return self._misfit(value, go, owner, path)
            return [self.read(one, shape[2:], owner, path) for one in value]
        if shape.startswith("map["):
            if not isinstance(value, dict):
                return self._misfit(value, go, owner, path)
            element = shape.partition("]")[2]
            return {key: self.read(one, element, owner, path) for key, one in value.items()}
        return self._scalar(value, go, shape, owner, path)

    def _scalar(self, value: Any, go: str, shape: str, owner: str, path: str) -> Any:
        if shape in ("string", "bool"):
            fits = isinstance(value, str if shape == "string" else bool)
            return value if fits else self._misfit(value, go, owner, path)
        number = integer(value, INT32 if shape == "int32" else INT64)
        return self._misfit(value, go, owner, path, literal=True) if number is None else number

    def _struct(self, value: Any, go: str, members: Mapping[str, str], owner: str, path: str) -> Any:
        if value is None:
            return self.zero(go)
        if not isinstance(value, dict):
            return self._misfit(value, go, owner, path)
        name = go.rpartition(".")[2]
        read = {
            member: self.read(one, members[member].rstrip("!"), name, f"{path}.{member}" if path else member)
            for member, one in value.items()
            if member in members
        }
        return self._written(members, read)

    def _written(self, members: Mapping[str, str], read: Mapping[str, Any]) -> dict[str, Any]:
        """A struct's members in the order of their declaration, without those that are left out."""
        found: dict[str, Any] = {}
        for member, go in members.items():
            inner = go.rstrip("!")
            value = read[member] if member in read else self.zero(inner)
            if go.endswith("!") or self._stays(inner, value):
                found[member] = value
        return found

    def _stays(self, go: str, value: Any) -> bool:
        """Whether `omitempty` leaves a value of type `go` in: structs always."""
        if go.startswith("*"):
            return value is not None
        if go in _ITS_OWN or go in (_AS_IT_CAME, _FIELDS) or isinstance(self._types.get(go), Mapping):
            return True
        return bool(value)

    def zero(self, go: str) -> Any:
        """The zero value of type `go`, as it is written."""
        if go in _ITS_OWN:
            return _ITS_OWN[go](None)
        shape = self._types.get(go, go)
        return self._written(shape, {}) if isinstance(shape, Mapping) else _ZEROS.get(shape)

    def _misfit(self, value: Any, go: str, owner: str, path: str, *, literal: bool = False) -> Any:
        kind = kind_of(value)
        if literal and kind == "number":
            kind = f"number {text_of(value)}"
        self.first = self.first or UnmarshalTypeError(kind, go, owner, path)
        return self.zero(go)
