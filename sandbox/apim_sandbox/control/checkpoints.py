"""The world as it was: one snapshot of everything, and the way back, for the next test.

Back go the emulators' stores, the cluster's objects, the clock with its skews; faults, pods, lasting
attachments and what the emulators only kept in memory end. The journal goes on.
"""

from typing import TYPE_CHECKING

from msgspec import Struct, field

from apim_emulators.core.journal import MemoryJournal
from apim_sandbox.assembly import Assembly
from apim_sandbox.control.attachments import Attachments

if TYPE_CHECKING:
    from apim_sandbox.cluster.embedded.cluster import EmbeddedCluster

START = "start"  # the snapshot that every sandbox has from the beginning


class CheckpointError(ValueError):
    """A snapshot that does not exist."""


class _Checkpoint(Struct, frozen=True):
    """`stores` as `Stores.snapshot` gives them; the clock as `MasterClock.follow` takes it."""

    stores: dict[str, object]
    offset: float
    skews: dict[str, float]
    frozen: float | None


class Checkpoints(Struct):
    """Snapshots of a sandbox whose emulators are all in this process."""

    assembly: Assembly
    cluster: "EmbeddedCluster"
    attachments: Attachments
    journal: MemoryJournal
    _taken: dict[str, _Checkpoint] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        self._taken[START] = self._now()

    def take(self) -> str:
        """Remember the world as it is now; the snapshot's id."""
        self._count += 1
        name = str(self._count)
        self._taken[name] = self._now()
        return name

    def _now(self) -> _Checkpoint:
        around = self.assembly.around
        return _Checkpoint(
            around.store.snapshot(), around.clock.offset, around.clock.skews, around.clock.frozen
        )

    async def restore(self, name: str) -> int:
        """Go back; the journal's newest sequence number before the world is told anew.

        Pods of Deployments that were there then are started anew. Raises `CheckpointError`.
        """
        checkpoint = self._find(name)
        around = self.assembly.around
        self.attachments.release()
        await self.cluster.halt()
        around.faults.clear()
        around.store.restore(checkpoint.stores)
        around.clock.follow(checkpoint.offset, checkpoint.skews, checkpoint.frozen)
        before = self.journal.sequence
        self.assembly.forget()
        self.cluster.resume()
        return before

    def drop(self, name: str) -> None:
        """Forget a snapshot. Raises `CheckpointError`."""
        self._find(name)
        del self._taken[name]

    def _find(self, name: str) -> _Checkpoint:
        found = self._taken.get(name)
        if found is None:
            raise CheckpointError(f"no snapshot {name!r}; there are {', '.join(self._taken) or 'none'}")
        return found
