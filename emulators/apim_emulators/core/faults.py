"""Faults: what a component does wrong because somebody asked it to.

A fault has a name, a target (an actor) and a scope: call numbers or a time window. It acts where
its target's requests arrive (`FaultGate`), or where the target asks for it by name (`meaning`).
Every firing is journalled, so that a fault that never fired can be seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.clock import Clock
from apim_emulators.core.events import FaultFired
from apim_emulators.core.journal import Journal


class FaultError(ValueError):
    """A fault that can't be; the message names the field, the value and the fix."""


class Fault(Protocol):
    """What a transport fault does with a request: answer it, or wait and let it pass (None)."""

    @property
    def name(self) -> str: ...

    async def act(self, clock: Clock) -> Response | None: ...

    def effect(self) -> str: ...


@dataclass(frozen=True, slots=True)
class NoFault:
    """target ──► handler: nothing happens. Start here to write one of your own."""

    name: str = "none"

    async def act(self, clock: Clock) -> Response | None:  # noqa: ARG002
        return None

    def effect(self) -> str:
        return "nothing"


@dataclass(frozen=True, slots=True)
class Latency:
    """caller ──► [waits] ──► handler. `seconds` of the sandbox's time."""

    seconds: float
    name: str = "latency"

    async def act(self, clock: Clock) -> Response | None:
        await clock.sleep(self.seconds)
        return None

    def effect(self) -> str:
        return f"waited {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Status:
    """caller ◄── [status, body]   handler is never asked."""

    code: int
    body: str = ""
    retry_after: int | None = None
    name: str = "status"

    async def act(self, clock: Clock) -> Response | None:  # noqa: ARG002
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return Response(self.body, self.code, headers, media_type="text/plain")

    def effect(self) -> str:
        return f"answered {self.code}"


REGISTRY: dict[str, Callable[..., Fault]] = {"none": NoFault, "latency": Latency, "status": Status}


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault with its target and scope. Calls count from 1, `until` inclusive; times in epoch seconds."""

    id: str
    target: str
    fault: Fault
    first_call: int = 1
    last_call: int | None = None
    since: float = 0.0
    until: float | None = None

    def applies(self, call: int, now: float) -> bool:
        return (
            self.first_call <= call
            and (self.last_call is None or call <= self.last_call)
            and self.since <= now
            and (self.until is None or now < self.until)
        )


@dataclass(slots=True)
class Faults:
    """The faults in force, in the order in which they were added."""

    planned: dict[str, Planned] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    fired: dict[str, int] = field(default_factory=dict)

    def add(self, planned: Planned) -> None:
        if planned.id in self.planned:
            raise FaultError(f"fault id {planned.id!r} is taken; remove it first or choose another")
        self.planned[planned.id] = planned
        self.fired[planned.id] = 0

    def remove(self, fault_id: str) -> bool:
        return self.planned.pop(fault_id, None) is not None

    def clear(self) -> None:
        self.planned.clear()
        self.calls.clear()
        self.fired.clear()

    def due(self, target: str, now: float) -> tuple[int, list[Planned]]:
        """Count a call to `target`; its number since a fault names the target, and what applies."""
        mine = [planned for planned in self.planned.values() if planned.target == target]
        if not mine:
            return 0, []
        call = self.calls[target] = self.calls.get(target, 0) + 1
        due = [planned for planned in mine if planned.applies(call, now)]
        for planned in due:
            self.fired[planned.id] += 1
        return call, due


def make_fault(name: str, **arguments: object) -> Fault:
    """A fault of the registry. Raises `FaultError` for an unknown name or arguments that do not fit."""
    factory = REGISTRY.get(name)
    if factory is None:
        raise FaultError(f"no fault is called {name!r}; there are {', '.join(sorted(REGISTRY))}")
    try:
        return factory(**arguments)
    except TypeError as error:
        raise FaultError(f"fault {name!r}: {error}") from None


class FaultGate:
    """ASGI middleware in front of one emulator."""

    def __init__(self, app: ASGIApp, target: str, faults: Faults, clock: Clock, journal: Journal) -> None:
        self._app = app
        self._target = target
        self._faults = faults
        self._clock = clock
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._faults.planned:
            call, due = self._faults.due(self._target, self._clock.now())
            for planned in due:
                answer = await planned.fault.act(self._clock)
                self._journal.append(
                    FaultFired(planned.fault.name, self._target, call, planned.fault.effect())
                )
                if answer is not None:
                    await answer(scope, receive, send)
                    return
        await self._app(scope, receive, send)
