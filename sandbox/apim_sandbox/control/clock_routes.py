"""The control service's clock: shown, set, advanced, frozen, skewed, and followed by other processes.

A jump is one moment for everybody, so it is told in turn: the emulators, whose answers tell the time;
the kubelet, which renews what is due; then the gateways and whoever else waits. In a real cluster they
race, and a gateway may be seen with a token that the kubelet was about to renew.

POST /clock/advance ──► emulators ──seen──► kubelet ──done──► gateways ──seen──► answer
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio
from msgspec import Meta, Struct, field
from starlette.requests import Request
from starlette.responses import StreamingResponse

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.events import ClockMoved
from apim_emulators.core.journal import MemoryJournal
from apim_emulators.core.vocabulary import ACTORS
from apim_sandbox.control.followers import Followers, Seen
from apim_sandbox.control.offers import Body, Offers, require_known
from apim_sandbox.control.server_sent import Subscribe, states

CAUGHT_UP_WITHIN = 2.0  # seconds of real time; an issuer that says nothing is not waited for at each move
_TEN_YEARS = 3650 * 86400


class Advance(Body, frozen=True):
    """Seconds to move the sandbox's clock forwards; backwards is refused with the reason."""

    seconds: Annotated[float, Meta(ge=-_TEN_YEARS, le=_TEN_YEARS)]


class Moment(Body, frozen=True):
    """Where to move the sandbox's clock, in epoch seconds; not before its now."""

    moment: Annotated[float, Meta(ge=0, le=253_402_300_799)]


class Skew(Body, frozen=True):
    """An actor's clock against the sandbox's, in seconds; positive runs ahead."""

    actor: str
    seconds: Annotated[float, Meta(ge=-_TEN_YEARS, le=_TEN_YEARS)]


class ClockDesk(Struct):
    """What the routes steer. `catch_up` lets the cluster do what is due, before anybody looks."""

    clock: MasterClock
    journal: MemoryJournal
    catch_up: Callable[[], Awaitable[None]]
    first: Followers = field(default_factory=Followers)  # emulators
    others: Followers = field(default_factory=Followers)
    version: int = 0
    _ahead: list[Callable[[], None]] = field(default_factory=list)
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def move(self, change: Callable[[], ClockMoved]) -> dict[str, Any]:
        """Carry out `change` and tell it in turn; the clock as everybody has it then."""
        clock = self.clock

        def changed() -> None:
            event = change()
            self.journal.add("control", clock.now(), event, 0.0)
            self.version += 1
            for listener in list(self._ahead):
                listener()

        async def those_who_go_first() -> None:
            await self.first.have(self.version)
            with anyio.move_on_after(CAUGHT_UP_WITHIN):
                await self.catch_up()

        async with self._lock:
            await clock.in_turn(changed, those_who_go_first)
            await self.others.have(self.version)
        return clock.shown()

    def told(self) -> dict[str, Any]:
        """What the processes that follow are told."""
        return {**self.clock.shown(), "version": self.version}

    def subscriptions(self, *, ahead: bool) -> tuple[Subscribe, Subscribe]:
        """How to begin and how to stop hearing of moves."""
        if not ahead:
            return self.clock.on_move, self.clock.off_move

        def subscribe(listener: Callable[[], None]) -> None:
            self._ahead.append(listener)
            self.clock.on_move(listener)  # what a fault does to the clock goes without turns

        def unsubscribe(listener: Callable[[], None]) -> None:
            self._ahead.remove(listener)
            self.clock.off_move(listener)

        return subscribe, unsubscribe


def clock_routes(offers: Offers, desk: ClockDesk) -> None:
    """Add them to the control service. `ClockError` and `VocabularyError` are its to answer."""
    clock = desk.clock

    @offers.get("/clock")
    async def show(_: Request) -> dict[str, Any]:
        """Where the sandbox's clock and its actors' clocks stand."""
        return clock.shown()

    @offers.post("/clock/advance", body=Advance)
    async def advance(_: Request, body: Advance) -> dict[str, Any]:
        """Move it forwards; it is so everywhere when this answers."""

        def change() -> ClockMoved:
            clock.advance(body.seconds)
            return ClockMoved(body.seconds)

        return await desk.move(change)

    @offers.post("/clock/set", body=Moment)
    async def set_to(_: Request, body: Moment) -> dict[str, Any]:
        """Move it to a moment."""
        return await desk.move(lambda: ClockMoved(clock.advance_to(body.moment)))

    @offers.post("/clock/skew", body=Skew)
    async def skew(_: Request, body: Skew) -> dict[str, Any]:
        """Let an actor's clock run ahead of it, or behind."""
        require_known("actor", body.actor, ACTORS)

        def change() -> ClockMoved:
            clock.set_skew(body.actor, body.seconds)
            return ClockMoved(0.0, body.actor, clock.skew(body.actor))

        return await desk.move(change)

    @offers.post("/clock/freeze")
    async def freeze(_: Request) -> dict[str, Any]:
        """Let it stand."""

        def change() -> ClockMoved:
            clock.freeze()
            return ClockMoved(0.0, frozen=True)

        return await desk.move(change)

    @offers.post("/clock/unfreeze")
    async def unfreeze(_: Request) -> dict[str, Any]:
        """Let it go on."""

        def change() -> ClockMoved:
            clock.unfreeze()
            return ClockMoved(0.0, frozen=False)

        return await desk.move(change)

    for path, followers, ahead in (
        ("/clock/stream", desk.others, False),
        ("/clock/ahead", desk.first, True),
    ):
        _followed(offers, desk, path, followers, ahead=ahead)


def _followed(offers: Offers, desk: ClockDesk, path: str, followers: Followers, *, ahead: bool) -> None:
    @offers.get(path, query=["process"])
    async def stream(request: Request) -> StreamingResponse:
        """Server-sent events: the clock now, and at every move, for a process that follows it."""
        events = states(desk.told, *desk.subscriptions(ahead=ahead))
        return followers.stream(request.query_params.get("process", ""), events)

    @offers.post(f"{path}/seen", body=Seen, status=204)
    async def seen(_: Request, body: Seen) -> None:
        """Take note that a process has taken over a move."""
        followers.take_note(body)
