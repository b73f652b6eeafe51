"""A guarded application on the wire, in virtual time, and what a client sees of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx
import trio
import trio.testing
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.clock import MasterClock, VirtualTime
from apim_emulators.core.events import FaultFired
from apim_emulators.core.faults import ActorFaults, FaultGate, Faults, Planned
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.wire import open_wire

R = TypeVar("R")
HOST = "login.microsoftonline.com"
TRUE_ANSWER = b'{"method":"GET","path":"/"}'


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Say what was asked for."""
    request = Request(scope, receive)
    body = {"method": request.method, "path": request.url.path}
    await JSONResponse(body)(scope, receive, send)


@dataclass(slots=True)
class Lab:
    """One application behind its gate; `seconds` is how long the last request took."""

    faults: Faults
    clock: MasterClock
    journal: MemoryJournal
    http: httpx.AsyncClient
    gate: FaultGate
    seconds: float = 0.0

    async def ask(self, path: str = "/", method: str = "GET") -> httpx.Response | type[httpx.TransportError]:
        """The answer, or how the attempt failed."""
        started = trio.current_time()
        try:
            return await self.http.request(method, f"https://{HOST}{path}")
        except httpx.TransportError as error:
            return type(error)
        finally:
            self.seconds = trio.current_time() - started

    async def status(self, path: str = "/", method: str = "GET") -> int:
        found = await self.ask(path, method)
        assert isinstance(found, httpx.Response), found
        return found.status_code

    def fired(self) -> list[FaultFired]:
        return [record.event for record in self.journal.since() if isinstance(record.event, FaultFired)]


def in_lab(
    main: Callable[[Lab], Awaitable[R]], *planned: Planned, target: str = "entra", app: ASGIApp = answer
) -> R:
    """Run `main` with these faults at `target`; the client gives up after ten seconds."""

    async def run() -> R:
        clock, journal, faults = MasterClock(VirtualTime()), MemoryJournal(), Faults()
        journal.on_record(faults.note)
        for one in planned:
            faults.add(one)
        own = ActorFaults(faults, target, clock, clock, ActorJournal(journal, "entra", clock))
        gate = FaultGate(app, own, lambda name: (name, f"id-of-{name}"))
        async with (
            open_wire(lambda host: gate if host == HOST else None) as wire,
            httpx.AsyncClient(transport=wire.transport(), timeout=10) as http,
        ):
            return await main(Lab(faults, clock, journal, http, gate))

    return trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
