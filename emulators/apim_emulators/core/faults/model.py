"""What a fault is: a frozen dataclass whose fields are its arguments, known by name.

client ──► connection ──► delay ──► body ──► answer ──► the emulator ── asks for what is meaning
           refused,       latency   changes  given in                    stale keys, a lost heartbeat
           certificate              any      the emulator's
                                    answer   place
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Annotated, ClassVar, Literal

import httpx
import msgspec
from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.clock import Clock
from apim_emulators.core.provenance import Behaviour
from apim_emulators.core.vocabulary import Actor

Stage = Literal["connection", "tls", "delay", "body", "answer", "meaning", "clock"]
STAGES: tuple[Stage, ...] = ("connection", "tls", "delay", "body", "answer", "meaning", "clock")
AT_CONNECT: tuple[Stage, ...] = ("connection", "tls")
AT_GATE: tuple[Stage, ...] = ("delay", "body", "answer")
SERVERS: tuple[Actor, ...] = ("oidc", "webhook", "entra", "graph", "arm", "apim")
SCOPED_BY = ("tenant", "gateway", "path", "method")  # what a request may be told from another by
DROP = "sandbox.drop"  # in a request's `extensions`: how its connection can be ended

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3650 * 86400)]
SignedSeconds = Annotated[float, msgspec.Meta(ge=-3650 * 86400, le=3650 * 86400)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]


class FaultError(ValueError):
    """A fault that can't be; the message names the value and the fix, `field` where it stands."""

    def __init__(self, message: str, *field: str) -> None:
        super().__init__(message)
        self.field = field


class About(Struct, frozen=True):
    """What a fault's file says of it. `targets` are the actors that can have it.

    `scoped_by`: the parts of `SCOPED_BY` that the fault can tell requests apart by; of a transport
    fault the target decides.
    """

    name: str
    stage: Stage
    targets: tuple[Actor, ...]
    behaviour: Behaviour
    scoped_by: tuple[str, ...] = ()
    once: bool = False  # acts on one call unless its scope says otherwise

    @property
    def summary(self) -> str:
        return self.behaviour.statement

    def scopes_of(self, target: str) -> tuple[str, ...]:
        """What a scope may name besides calls and time when the fault is at `target`."""
        if self.stage in (*AT_CONNECT, "meaning", "clock"):
            return self.scoped_by
        known = {"entra": ("tenant",), "apim": ("gateway",), "arm": ("gateway",)}.get(target, ())
        return (*known, "path", "method")


class Fault(ABC):
    """Something that a component does wrong because somebody asked for it."""

    __slots__ = ()
    about: ClassVar[About]

    @property
    def name(self) -> str:
        return self.about.name

    @abstractmethod
    def effect(self) -> str:
        """What the journal says that it did: `waited 3 s`."""


class Exchange(Struct, frozen=True):
    """One request that has reached a fault, and where its answer goes."""

    scope: Scope
    receive: Receive
    send: Send
    clock: Clock

    async def pass_to(self, inner: ASGIApp) -> None:
        await inner(self.scope, self.receive, self.send)

    async def drop(self, *, abruptly: bool) -> None:
        """End the connection: `abruptly` with a reset, else after what was sent. Waits until it is gone."""
        end: Callable[[bool], Awaitable[None]] | None = self.scope.get("extensions", {}).get(DROP)
        if end is not None:
            await end(abruptly)
        await self.until_gone()

    async def until_gone(self) -> None:
        """Wait until the client has given up."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


class TransportFault(Fault):
    """Stands between the client and the emulator, as ASGI middleware does."""

    __slots__ = ()

    @abstractmethod
    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:
        """Answer `exchange`, or let `inner` do it."""


class ConnectionFault(Fault):
    """Keeps a client from ever sending its request."""

    __slots__ = ()

    @abstractmethod
    def failure(self) -> httpx.TransportError:
        """What httpx raises; live, the same thing really happens (see `edge.py`)."""


class MeaningFault(Fault):
    """Its component asks for it at the one place where it matters; see `ActorFaults.ask`."""

    __slots__ = ()
