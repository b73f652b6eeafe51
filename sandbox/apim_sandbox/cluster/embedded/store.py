"""The cluster's objects, and what applying one changes."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Literal

from apim_emulators.core.ids import Ids
from apim_sandbox.cluster.embedded.objects import Key, Raw, Stored

Result = Literal["created", "configured", "unchanged"]


class ObjectStore:
    """Objects by kind, namespace and name."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._objects: dict[Key, Stored] = {}

    def get(self, kind: str, namespace: str, name: str) -> Stored | None:
        return self._objects.get(Key(kind, namespace, name))

    def of_kind(self, kind: str) -> Iterator[Stored]:
        """Every object of a kind, in the order in which they were created."""
        return (stored for key, stored in list(self._objects.items()) if key.kind == kind)

    def put(self, key: Key, raw: Raw, place: str = "") -> Result:
        """Apply an object: what the manifest says replaces what was there, the uid stays."""
        before = self._objects.get(key)
        if before is not None and before.raw == raw:
            self._objects[key] = Stored(key, before.raw, before.uid, place)
            return "unchanged"
        uid = before.uid if before is not None else self._ids.uuid()
        self._objects[key] = Stored(key, deepcopy(raw), uid, place)
        return "created" if before is None else "configured"

    def remove(self, key: Key) -> Stored | None:
        return self._objects.pop(key, None)
