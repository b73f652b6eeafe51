"""The store: revisions, propagation, snapshots, and nothing acknowledged is lost."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apim_emulators.core.store import Change, MemoryStore, SqliteStore


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    parts: tuple[str, ...] = ()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStore]:
    """Both kinds keep the same promises."""
    if request.param == "memory":
        yield MemoryStore()
    else:
        found = SqliteStore(tmp_path / "store.sqlite")
        yield found
        found.close()


def test_each_write_has_the_next_revision(store: MemoryStore) -> None:
    """One counter for all collections; a key's revision is its newest write's."""
    things, others = store.collection("things", Thing), store.collection("others", Thing)
    changes = [things.put("a", Thing("1")), others.put("a", Thing("2")), things.put("a", Thing("3"))]
    assert [change.revision for change in changes] == [1, 2, 3]
    assert (things.revision_of("a"), others.revision_of("a"), things.revision_of("b")) == (3, 2, 0)
    assert store.revision == 3


def test_a_write_is_seen_when_it_has_propagated(store: MemoryStore) -> None:
    """Who asks as of an earlier moment still sees what was there."""
    things = store.collection("things", Thing)
    things.put("a", Thing("old"))
    things.put("a", Thing("new"), visible_at=600)
    assert [things.get("a", at=moment) for moment in (0, 599, 600)] == [
        Thing("old"),
        Thing("old"),
        Thing("new"),
    ]
    assert things.get("a") == Thing("new")


def test_a_deletion_propagates_too(store: MemoryStore) -> None:
    """A revoked role goes on counting until the deletion is seen."""
    things = store.collection("things", Thing)
    things.put("a", Thing("1"))
    assert things.delete("a", visible_at=600)
    assert (things.get("a", at=599), things.get("a", at=600)) == (Thing("1"), None)
    assert not things.delete("a")


def test_items_come_in_the_order_of_their_first_write(store: MemoryStore) -> None:
    """Order never depends on hashes."""
    things = store.collection("things", Thing)
    for key in ("b", "a", "c"):
        things.put(key, Thing(key))
    things.put("b", Thing("again"))
    things.delete("a")
    assert list(things.items()) == [("b", Thing("again")), ("c", Thing("c"))]


def test_changes_since_a_revision(store: MemoryStore) -> None:
    """The feed: oldest first, deletions included."""
    things = store.collection("things", Thing)
    things.put("a", Thing("1"))
    things.put("b", Thing("2"))
    things.delete("a")
    assert store.since(1) == [
        Change(2, "things", "b", Thing("2"), 0.0),
        Change(3, "things", "a", None, 0.0),
    ]


def test_a_cleared_store_is_as_a_new_one(store: MemoryStore) -> None:
    """Who holds a collection goes on with it."""
    things = store.collection("things", Thing)
    things.put("a", Thing("old"))
    store.clear()
    assert (store.revision, store.since(0), list(things.items())) == (0, [], [])
    assert things.put("a", Thing("new")).revision == 1


def test_restoring_a_snapshot_goes_back_to_it() -> None:
    """What was written meanwhile is gone; collections handed out stay valid."""
    store = MemoryStore()
    things = store.collection("things", Thing)
    things.put("a", Thing("1"))
    snapshot = store.snapshot()
    things.put("a", Thing("2"))
    store.collection("later", Thing).put("x", Thing("x"))
    store.restore(snapshot)
    assert (things.get("a"), store.collection("later", Thing).get("x"), store.revision) == (
        Thing("1"),
        None,
        1,
    )


def test_a_restart_finds_everything(tmp_path: Path) -> None:
    """Values, deletions, pending propagation and the revision counter."""
    path = tmp_path / "store.sqlite"
    first = SqliteStore(path)
    things = first.collection("things", Thing)
    things.put("a", Thing("1", ("x", "y")))
    things.put("b", Thing("2"))
    things.delete("b")
    things.put("a", Thing("3"), visible_at=600)
    first.close()

    second = SqliteStore(path)
    again = second.collection("things", Thing)
    assert (again.get("a", at=0), again.get("a"), again.get("b")) == (
        Thing("1", ("x", "y")),
        Thing("3"),
        None,
    )
    assert second.revision == 4
    assert [change.revision for change in second.since(2)] == [3, 4]
    second.close()


def test_what_was_cleared_stays_away_after_a_restart(tmp_path: Path) -> None:
    """The file forgets as well."""
    first = SqliteStore(tmp_path / "store.sqlite")
    first.collection("things", Thing).put("a", Thing("old"))
    first.clear()
    first.close()
    second = SqliteStore(tmp_path / "store.sqlite")
    assert (second.revision, list(second.collection("things", Thing).items())) == (0, [])
    second.close()


def test_a_killed_process_loses_no_acknowledged_write(tmp_path: Path) -> None:
    """Each number is printed after its write has returned; then the process is killed."""
    path = tmp_path / "store.sqlite"
    program = (
        "from dataclasses import dataclass\nfrom pathlib import Path\n"
        "from apim_emulators.core.store import SqliteStore\n"
        "@dataclass(frozen=True)\nclass Thing:\n    name: str\n"
        f"things = SqliteStore(Path({str(path)!r})).collection('things', Thing)\n"
        "number = 0\n"
        "while True:\n    number += 1\n    things.put(str(number), Thing('x'))\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(200)][-1]
        process.send_signal(signal.SIGKILL)
    store = SqliteStore(path)
    things = store.collection("things", Thing)
    assert all(things.get(str(number)) is not None for number in range(1, acknowledged + 1))
    store.close()


def test_the_file_is_private(tmp_path: Path) -> None:
    """It holds keys and hashes of secrets."""
    path = tmp_path / "store.sqlite"
    SqliteStore(path).close()
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_a_file_goes_back_too(tmp_path: Path) -> None:
    """Back to a snapshot, on from there, and forward to one of the history that was left."""
    path = tmp_path / "store.sqlite"
    store = SqliteStore(path)
    things = store.collection("things", Thing)
    things.put("a", Thing("1"))
    first = store.snapshot()
    things.put("a", Thing("2"))
    things.put("b", Thing("3"), visible_at=10)
    second = store.snapshot()
    store.restore(first)
    assert _reopened(path) == ({"a": Thing("1")}, 1)
    things.put("c", Thing("4"))
    assert _reopened(path) == ({"a": Thing("1"), "c": Thing("4")}, 2)
    store.restore(second)
    assert _reopened(path) == ({"a": Thing("2"), "b": Thing("3")}, 3)
    assert dict(things.items()) == {"a": Thing("2"), "b": Thing("3")}
    store.close()


def test_what_is_first_looked_at_after_a_snapshot_goes_back_as_well(tmp_path: Path) -> None:
    """A collection of an earlier run, asked for later than the snapshot was taken."""
    path = tmp_path / "store.sqlite"
    earlier = SqliteStore(path)
    earlier.collection("things", Thing).put("a", Thing("1"))
    earlier.close()
    store = SqliteStore(path)
    snapshot = store.snapshot()
    things = store.collection("things", Thing)
    things.put("a", Thing("2"))
    store.restore(snapshot)
    assert (things.get("a"), _reopened(path)) == (Thing("1"), ({"a": Thing("1")}, 1))
    store.close()


def _reopened(path: Path) -> tuple[dict[str, Thing], int]:
    """What another run would find: the newest values and the revision."""
    store = SqliteStore(path)
    found = dict(store.collection("things", Thing).items()), store.revision
    store.close()
    return found
