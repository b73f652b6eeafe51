"""The control service's clock: shown, set, advanced, frozen, skewed, and followed by other processes."""

from typing import Annotated, Any

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import StreamingResponse

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.events import ClockMoved
from apim_emulators.core.journal import MemoryJournal
from apim_emulators.core.nearest import nearest
from apim_emulators.core.vocabulary import ACTORS, VocabularyError
from apim_sandbox.control.offers import Body, Offers
from apim_sandbox.control.server_sent import server_sent, states

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


def clock_routes(offers: Offers, clock: MasterClock, journal: MemoryJournal) -> None:
    """Add them to the control service. `ClockError` and `VocabularyError` are its to answer."""

    def told(event: ClockMoved) -> dict[str, Any]:
        journal.add("control", clock.now(), event, 0.0)
        return clock.shown()

    @offers.get("/clock")
    async def show(_: Request) -> dict[str, Any]:
        """Where the sandbox's clock and its actors' clocks stand."""
        return clock.shown()

    @offers.post("/clock/advance", body=Advance)
    async def advance(_: Request, body: Advance) -> dict[str, Any]:
        """Move it forwards."""
        clock.advance(body.seconds)
        return told(ClockMoved(body.seconds))

    @offers.post("/clock/set", body=Moment)
    async def set_to(_: Request, body: Moment) -> dict[str, Any]:
        """Move it to a moment."""
        return told(ClockMoved(clock.advance_to(body.moment)))

    @offers.post("/clock/skew", body=Skew)
    async def skew(_: Request, body: Skew) -> dict[str, Any]:
        """Let an actor's clock run ahead of it, or behind."""
        if body.actor not in ACTORS:
            meant = nearest(body.actor, ACTORS)
            hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(ACTORS)}"
            raise VocabularyError(f"no actor is called {body.actor!r}; {hint}")
        clock.set_skew(body.actor, body.seconds)
        return told(ClockMoved(0.0, body.actor, clock.skew(body.actor)))

    @offers.post("/clock/freeze")
    async def freeze(_: Request) -> dict[str, Any]:
        """Let it stand."""
        clock.freeze()
        return told(ClockMoved(0.0, frozen=True))

    @offers.post("/clock/unfreeze")
    async def unfreeze(_: Request) -> dict[str, Any]:
        """Let it go on."""
        clock.unfreeze()
        return told(ClockMoved(0.0, frozen=False))

    @offers.get("/clock/stream")
    async def stream(_: Request) -> StreamingResponse:
        """Server-sent events: the clock now, and again at every move."""
        return server_sent(states(clock.shown, clock.on_move, clock.off_move))
