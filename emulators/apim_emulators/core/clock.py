"""Time, injected everywhere: the only module that reads the system's clock.

One `MasterClock` per sandbox; each actor sees it through an `ActorClock` of its own, which can be
skewed. Live, the master follows the system time plus what the user advanced. Virtual (trio's
`MockClock`), it follows the event loop's time from a fixed epoch, so that a day takes milliseconds.
"""

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import anyio

VIRTUAL_EPOCH = 1_767_225_600.0  # 2026-01-01T00:00:00Z: where every virtual run begins


class Clock(Protocol):
    """Wall time as one actor believes it to be, in seconds since 1970-01-01T00:00:00Z."""

    def now(self) -> float:
        """The actor's wall time, skew included."""
        ...

    def tick(self) -> float:
        """Monotonic seconds for measuring durations; not moved by `advance` nor by skew."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until `now()` has moved on by `seconds`; advancing the sandbox's clock shortens it."""
        ...

    async def sleep_until(self, moment: float) -> None:
        """Wait until `now()` reaches `moment`; advancing the sandbox's clock shortens it."""
        ...


class TimeSource(Protocol):
    """Where a master clock takes its time from."""

    def wall(self) -> float: ...

    def tick(self) -> float: ...


class SystemTime:
    """The machine's own time."""

    def wall(self) -> float:
        return time.time()

    def tick(self) -> float:
        return time.perf_counter()


class VirtualTime:
    """The event loop's time, counted from a fixed epoch: with trio's `MockClock` it costs nothing."""

    def __init__(self, epoch: float = VIRTUAL_EPOCH) -> None:
        import trio  # 50 ms, which live programs need not spend

        # Asked some 30 times a request: anyio would look each time which event loop this is.
        in_trio = trio.lowlevel.in_trio_run()
        self.tick: Callable[[], float] = trio.current_time if in_trio else anyio.current_time
        self._zero = epoch - self.tick()

    def wall(self) -> float:
        return self._zero + self.tick()


class ClockError(ValueError):
    """A clock was asked to do what a clock can't, such as go back."""


class MasterClock:
    """The sandbox's time: a source plus what the user advanced, with a skew per actor.

    Frozen it stands still, and whoever waits on it waits until it is moved or goes on.
    """

    def __init__(self, source: TimeSource | None = None, *, offset: float = 0.0) -> None:
        self._source: TimeSource = source or SystemTime()
        self._offset = offset
        self._skews: dict[str, float] = {}
        self._drifts: Callable[[], Mapping[str, float]] = dict
        self._frozen: float | None = None
        self._moved: anyio.Event | None = None
        self._turns = 0  # how many wait for those who go first
        self._listeners: list[Callable[[], None]] = []

    @property
    def offset(self) -> float:
        """Seconds by which the sandbox's time is ahead of its source (behind it when long frozen)."""
        return self._offset if self._frozen is None else self._frozen - self._source.wall()

    @property
    def skews(self) -> dict[str, float]:
        """Seconds by actor, as somebody set them: positive means that the actor's clock runs ahead."""
        return dict(self._skews)

    @property
    def frozen(self) -> float | None:
        """The moment at which it stands still; None while it goes."""
        return self._frozen

    def now(self) -> float:
        return self._source.wall() + self._offset if self._frozen is None else self._frozen

    def tick(self) -> float:
        return self._source.tick()

    def advance(self, seconds: float) -> None:
        """Move the sandbox's time forwards and wake whoever sleeps past the new time.

        Raises `ClockError` for a negative step: issued tokens and renewals can't be unmade.
        """
        if seconds < 0:
            raise ClockError(
                f"the clock can't go back by {-seconds:g} s: tokens and events already carry later times; "
                "skew one actor's clock instead"
            )
        frozen = None if self._frozen is None else self._frozen + seconds
        self.follow(self._offset + seconds, self._skews, frozen)

    def advance_to(self, moment: float) -> float:
        """Move the sandbox's time forwards to `moment`; by how many seconds. Raises `ClockError`."""
        seconds = moment - self.now()
        self.advance(seconds)
        return seconds

    def freeze(self) -> None:
        """Stand still. Raises `ClockError` for virtual time, which nobody could make go on."""
        if isinstance(self._source, VirtualTime):
            raise ClockError("virtual time can't be frozen: it stands still already unless somebody waits")
        self.follow(self._offset, self._skews, self.now())

    def unfreeze(self) -> None:
        """Go on from the moment at which it stood."""
        self.follow(self.offset, self._skews)

    def set_skew(self, actor: str, seconds: float) -> None:
        """Let `actor` believe that it is `seconds` later (or, negative, earlier) than it is."""
        self.follow(self._offset, {**self._skews, actor: seconds}, self._frozen)

    def drift_by(self, drifts: Callable[[], Mapping[str, float]]) -> None:
        """Ask `drifts` what faults add to the actors' skews, in seconds; `wake` when it changes."""
        self._drifts = drifts

    def follow(self, offset: float, skews: dict[str, float], frozen: float | None = None) -> None:
        """Take over the state of another process's master clock (see the control service)."""
        self._offset = offset
        self._frozen = frozen
        self._skews = {actor: skew for actor, skew in skews.items() if skew}
        self.wake()

    def shown(self) -> dict[str, Any]:
        """How other processes are told: `now`, `offset`, `skews` by actor, `frozen` (a moment or null)."""
        return {
            "now": self.now(), "offset": self.offset, "skews": self.all_skews(), "frozen": self._frozen,
        }  # fmt: skip

    def take(self, shown: Mapping[str, Any]) -> None:
        """Follow what `shown` told. Raises `KeyError`, `TypeError`, `ValueError` for what is not that."""
        skews = {str(actor): float(seconds) for actor, seconds in shown["skews"].items()}
        frozen = shown.get("frozen")
        self.follow(float(shown["offset"]), skews, None if frozen is None else float(frozen))

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every advance, freeze or change of skew."""
        self._listeners.append(listener)

    def off_move(self, listener: Callable[[], None]) -> None:
        """Undo `on_move`."""
        self._listeners.remove(listener)

    def skew(self, actor: str) -> float:
        """Seconds by which `actor` is ahead, by its setting and by faults."""
        return self._skews.get(actor, 0.0) + self._drifts().get(actor, 0.0)

    def all_skews(self) -> dict[str, float]:
        """`skew` of each actor whose clock is not the sandbox's."""
        found = {actor: self.skew(actor) for actor in (*self._skews, *self._drifts())}
        return {actor: seconds for actor, seconds in found.items() if seconds}

    def for_actor(self, actor: str) -> "ActorClock":
        return ActorClock(self, actor)

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self.now() + seconds)

    async def sleep_until(self, moment: float) -> None:
        await self.wait_for(lambda: moment - self.now())

    async def wait_for(self, remaining: Callable[[], float]) -> None:
        """Wait until `remaining()` seconds are no longer positive, looking again at every move."""
        seconds = remaining()
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
        while seconds > 0:
            if self._moved is None:
                self._moved = anyio.Event()
            moved = self._moved
            with anyio.move_on_after(math.inf if self._frozen is not None else seconds):
                await moved.wait()
            seconds = remaining()

    async def in_turn(self, change: Callable[[], object], first: Callable[[], Awaitable[None]]) -> None:
        """Carry out a move, let `first` act upon it, and only then wake those who wait for its time.

        A jump is one moment for all. Whoever must be done with it before the others look, as the kubelet
        with a token that is due, would else be in a race with them.
        """
        self._turns += 1
        try:
            change()
            await first()
        finally:
            self._turns -= 1
            self.wake()

    def wake(self) -> None:
        """Let everybody who waits look again, unless somebody goes first."""
        if self._turns:
            return
        moved, self._moved = self._moved, None
        if moved is not None:
            moved.set()
        for listener in list(self._listeners):
            listener()


class ActorClock:
    """The master clock as one actor sees it."""

    def __init__(self, master: MasterClock, actor: str) -> None:
        self._master = master
        self._actor = actor

    def now(self) -> float:
        return self._master.now() + self._master.skew(self._actor)

    def tick(self) -> float:
        return self._master.tick()

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self.now() + seconds)

    async def sleep_until(self, moment: float) -> None:
        await self._master.wait_for(lambda: moment - self.now())


def utc(moment: float) -> datetime:
    """`moment` (epoch seconds) as an aware UTC datetime."""
    return datetime.fromtimestamp(moment, UTC)


def rfc3339(moment: float) -> str:
    """`moment` (epoch seconds) as `2026-11-23T09:14:03Z`."""
    return utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")
