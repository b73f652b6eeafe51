"""A small revisioned store: what an emulator remembers.

Every write gets the store's next revision and a `visible_at`: readers who ask *as of* a moment see
only what was visible then, which is how propagation delays work. Values are frozen structs.
`MemoryStore` forgets at exit and snapshots in microseconds; `SqliteStore` writes through to a file,
so that a killed sandbox comes back with every acknowledged write. One writer an emulator.
"""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")
ALWAYS = float("inf")


class Change(Struct, Generic[T], frozen=True):
    """One write. `value` is None where the key was deleted; `visible_at` is in epoch seconds."""

    revision: int
    collection: str
    key: str
    value: T | None
    visible_at: float


class Store(Protocol):
    """Revisioned collections of frozen values."""

    @property
    def revision(self) -> int:
        """The revision of the newest write; 0 when nothing was ever written."""
        ...

    def collection(self, name: str, value_type: type[T]) -> "Collection[T]":
        """The collection called `name`; every caller gets the same one."""
        ...


class Collection(Generic[T]):
    """Keys to values, with every key's versions that somebody may still see."""

    def __init__(self, store: "MemoryStore", name: str, value_type: type[T]) -> None:
        self._store = store
        self.name = name
        self.value_type = value_type
        self._versions: dict[str, list[Change[T]]] = {}

    def put(self, key: str, value: T, *, visible_at: float = 0.0) -> Change[T]:
        """Write `value`; readers asking as of a moment before `visible_at` still see what was there."""
        return self._write(key, value, visible_at)

    def delete(self, key: str, *, visible_at: float = 0.0) -> bool:
        """Delete `key`; False when it was not there."""
        if self.get(key) is None:
            return False
        self._write(key, None, visible_at)
        return True

    def get(self, key: str, *, at: float = ALWAYS) -> T | None:
        """The value as of `at` (epoch seconds); the newest, visible or not, without it."""
        for change in reversed(self._versions.get(key, ())):
            if change.visible_at <= at:
                return change.value
        return None

    def revision_of(self, key: str) -> int:
        """The revision of the newest write to `key`; 0 when it was never written."""
        versions = self._versions.get(key)
        return versions[-1].revision if versions else 0

    def items(self, *, at: float = ALWAYS) -> Iterator[tuple[str, T]]:
        """Keys and values as of `at`, in the order in which the keys were first written."""
        for key in list(self._versions):
            value = self.get(key, at=at)
            if value is not None:
                yield key, value

    def values(self, *, at: float = ALWAYS) -> Iterator[T]:
        return (value for _, value in self.items(at=at))

    def _write(self, key: str, value: T | None, visible_at: float) -> Change[T]:
        change = Change(self._store.revision + 1, self.name, key, value, visible_at)
        self._store.commit(change)
        self._remember(change)
        return change

    def _remember(self, change: Change[T]) -> None:
        versions = self._versions.setdefault(change.key, [])
        if change.visible_at == 0.0:  # visible to everybody at once: nothing older can be seen again
            versions.clear()
        versions.append(change)


class MemoryStore:
    """Everything in memory."""

    def __init__(self) -> None:
        self._collections: dict[str, Collection[Any]] = {}
        self._log: list[Change[Any]] = []
        self._revision = 0

    @property
    def revision(self) -> int:
        return self._revision

    def collection(self, name: str, value_type: type[T]) -> Collection[T]:
        found = self._collections.get(name)
        if found is None:
            found = self._collections[name] = Collection(self, name, value_type)
            self._loaded(found)
        return found

    def since(self, revision: int) -> list[Change[Any]]:
        """The writes after `revision`, oldest first."""
        return [change for change in self._log if change.revision > revision]

    def commit(self, change: Change[Any]) -> None:
        """Take a collection's write into the log; called before readers can see it."""
        self._revision = change.revision
        self._log.append(change)

    def snapshot(self) -> object:
        """What `restore` takes back; values are immutable, so only the tables are copied."""
        tables = {
            name: {key: list(versions) for key, versions in collection._versions.items()}
            for name, collection in self._collections.items()
        }
        return tables, list(self._log), self._revision

    def restore(self, snapshot: object) -> None:
        """Go back to what `snapshot` returned; collections handed out stay valid."""
        tables, log, revision = snapshot  # type: ignore[misc]
        self._rewind(log, revision)  # type: ignore[has-type]
        self._log = list(log)  # type: ignore[has-type]
        self._revision = revision  # type: ignore[has-type]
        for name, collection in self._collections.items():
            table = tables.get(name, {})  # type: ignore[has-type]
            collection._versions = {key: list(versions) for key, versions in table.items()}
            if name not in tables:  # type: ignore[has-type]
                self._loaded(collection)

    def clear(self) -> None:
        """Forget everything, as a new store; collections handed out stay valid."""
        for collection in self._collections.values():
            collection._versions = {}
        self._log = []
        self._revision = 0

    def _loaded(self, collection: Collection[Any]) -> None:
        """A hook for stores that hold the collection's past."""

    def _rewind(self, log: list[Change[Any]], revision: int) -> None:
        """A hook for stores that keep the log elsewhere too: it was `log`, and `revision` its newest."""


class Stores:
    """One store for each name, made at its first use; all of them go back together."""

    def __init__(self, make: Callable[[str], MemoryStore]) -> None:
        self._make = make
        self._stores: dict[str, MemoryStore] = {}

    def __call__(self, name: str) -> MemoryStore:
        found = self._stores.get(name)
        if found is None:
            found = self._stores[name] = self._make(name)
        return found

    def snapshot(self) -> dict[str, object]:
        """What `restore` takes back."""
        return {name: store.snapshot() for name, store in self._stores.items()}

    def restore(self, snapshot: dict[str, object]) -> None:
        """Go back to what `snapshot` returned."""
        for name, kept in snapshot.items():
            self._stores[name].restore(kept)


class SqliteStore(MemoryStore):
    """Memory plus a file: each write is on disk before it is acknowledged.

    The calls are synchronous on purpose (23 us a write with WAL): a thread would let a virtual
    clock run away.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS changes (revision INTEGER PRIMARY KEY, collection TEXT NOT NULL,"
            " key TEXT NOT NULL, value BLOB, visible_at REAL NOT NULL)"
        )
        row = self._connection.execute("SELECT COALESCE(MAX(revision), 0) FROM changes").fetchone()
        self._revision = int(row[0])

    def commit(self, change: Change[Any]) -> None:
        self._insert(change)
        super().commit(change)

    def _insert(self, change: Change[Any]) -> None:
        value = None if change.value is None else msgspec.json.encode(change.value)
        self._connection.execute(
            "INSERT INTO changes VALUES (?, ?, ?, ?, ?)",
            (change.revision, change.collection, change.key, value, change.visible_at),
        )

    def _rewind(self, log: list[Change[Any]], revision: int) -> None:
        current = {change.revision: change for change in self._log}
        gone = [change for change in log if current.get(change.revision) is not change]
        kept = gone[0].revision - 1 if gone else revision
        if not gone and kept == self._revision:
            return
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.execute("DELETE FROM changes WHERE revision > ?", (kept,))
            for change in gone:  # a snapshot of a history that an earlier restore had left
                self._insert(change)

    def clear(self) -> None:
        self._connection.execute("DELETE FROM changes")
        super().clear()

    def close(self) -> None:
        self._connection.close()

    def _loaded(self, collection: Collection[Any]) -> None:
        rows = self._connection.execute(
            "SELECT revision, key, value, visible_at FROM changes WHERE collection = ? ORDER BY revision",
            (collection.name,),
        )
        for revision, key, blob, visible_at in rows:
            value = None if blob is None else msgspec.json.decode(blob, type=collection.value_type)
            change: Change[Any] = Change(revision, collection.name, key, value, visible_at)
            collection._remember(change)
            self._log.append(change)
        self._log.sort(key=lambda change: change.revision)
