"""The control service's clock: shown, set, advanced, frozen, skewed, and followed by other processes."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.events import ClockMoved
from apim_emulators.core.journal import MemoryJournal
from apim_emulators.core.nearest import nearest
from apim_emulators.core.vocabulary import ACTORS, VocabularyError
from apim_sandbox.control.server_sent import server_sent, states

_TEN_YEARS = 3650 * 86400


class Advance(BaseModel):
    """Seconds to move the sandbox's clock forwards; backwards is refused with the reason."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(ge=-_TEN_YEARS, le=_TEN_YEARS)


class Moment(BaseModel):
    """Where to move the sandbox's clock, in epoch seconds; not before its now."""

    model_config = ConfigDict(extra="forbid")

    moment: float = Field(ge=0, le=253_402_300_799)


class Skew(BaseModel):
    """An actor's clock against the sandbox's, in seconds; positive runs ahead."""

    model_config = ConfigDict(extra="forbid")

    actor: str
    seconds: float = Field(ge=-_TEN_YEARS, le=_TEN_YEARS)


def clock_routes(app: FastAPI, clock: MasterClock, journal: MemoryJournal) -> None:
    """Add them to the control service. `ClockError` and `VocabularyError` are its to answer."""

    def told(event: ClockMoved) -> dict[str, Any]:
        journal.add("control", clock.now(), event, 0.0)
        return clock.shown()

    @app.get("/clock")
    async def show() -> dict[str, Any]:
        return clock.shown()

    @app.post("/clock/advance")
    async def advance(body: Advance) -> dict[str, Any]:
        clock.advance(body.seconds)
        return told(ClockMoved(body.seconds))

    @app.post("/clock/set")
    async def set_to(body: Moment) -> dict[str, Any]:
        return told(ClockMoved(clock.advance_to(body.moment)))

    @app.post("/clock/skew")
    async def skew(body: Skew) -> dict[str, Any]:
        if body.actor not in ACTORS:
            meant = nearest(body.actor, ACTORS)
            hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(ACTORS)}"
            raise VocabularyError(f"no actor is called {body.actor!r}; {hint}")
        clock.set_skew(body.actor, body.seconds)
        return told(ClockMoved(0.0, body.actor, clock.skew(body.actor)))

    @app.post("/clock/freeze")
    async def freeze() -> dict[str, Any]:
        clock.freeze()
        return told(ClockMoved(0.0, frozen=True))

    @app.post("/clock/unfreeze")
    async def unfreeze() -> dict[str, Any]:
        clock.unfreeze()
        return told(ClockMoved(0.0, frozen=False))

    @app.get("/clock/stream")
    async def stream() -> StreamingResponse:
        """Server-sent events: the clock now, and again at every move."""
        return server_sent(states(clock.shown, clock.on_move, clock.off_move))
