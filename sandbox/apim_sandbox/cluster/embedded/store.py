"""The cluster's objects, and what applying one changes."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Literal

from apim_emulators.core.ids import Ids
from apim_emulators.core.store import MemoryStore
from apim_sandbox.cluster.embedded.objects import Key, Raw, Stored

Result = Literal["created", "configured", "unchanged"]


class ObjectStore:
    """Objects by kind, namespace and name, on a revisioned store: what was applied outlives a restart."""

    def __init__(self, ids: Ids, store: MemoryStore | None = None) -> None:
        self._ids = ids
        self._objects = (store or MemoryStore()).collection("cluster/objects", Stored)

    def get(self, kind: str, namespace: str, name: str) -> Stored | None:
        return self._objects.get(_path(Key(kind, namespace, name)))

    def of_kind(self, kind: str) -> Iterator[Stored]:
        """Every object of a kind, in the order in which they were created."""
        return (stored for stored in list(self._objects.values()) if stored.key.kind == kind)

    def put(self, key: Key, raw: Raw, place: str = "") -> Result:
        """Apply an object: what the manifest says replaces what was there, the uid stays."""
        before = self._objects.get(_path(key))
        if before is not None and before.raw == raw:
            if before.place != place:
                self._objects.put(_path(key), Stored(key, before.raw, before.uid, place))
            return "unchanged"
        uid = before.uid if before is not None else self._ids.uuid()
        self._objects.put(_path(key), Stored(key, deepcopy(raw), uid, place))
        return "created" if before is None else "configured"

    def remove(self, key: Key) -> Stored | None:
        stored = self._objects.get(_path(key))
        self._objects.delete(_path(key))
        return stored


def _path(key: Key) -> str:
    return f"{key.kind}/{key.namespace}/{key.name}"
