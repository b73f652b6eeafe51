"""The faults of one actor, as its component asks for them."""

import math
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import anyio
from msgspec import Struct
from msgspec.structs import replace

from apim_emulators.core.clock import Clock
from apim_emulators.core.events import FaultFired
from apim_emulators.core.faults.model import AT_CONNECT, AT_GATE, ConnectionFault, MeaningFault, Stage
from apim_emulators.core.faults.plan import Acting, Faults, Planned
from apim_emulators.core.faults.scope import Facts
from apim_emulators.core.journal import Journal
from apim_emulators.core.vocabulary import Actor

M = TypeVar("M", bound=MeaningFault)
_NOTHING = Facts()


class Asks(Protocol):
    """What a component is given to ask for its faults."""

    def ask(
        self,
        kind: type[M],
        *,
        tenants: Callable[[], tuple[str, ...]] | None = None,
        gateway: str = "",
        when: Callable[[M], bool] | None = None,
    ) -> M | None:
        """The fault of this kind that acts on this call, if any; from then on it has fired.

        `tenants` gives the names of the tenant concerned. With `when` it acts, and has fired, only
        where that holds.
        """
        ...

    async def met(self, kind: type[M], *, gateway: str = "") -> M:
        """Wait until a fault of this kind acts on what lives now, which is one call of each; it has fired."""
        ...

    def at(self, target: Actor) -> "Asks":
        """The faults of another actor, for the one that has it in its hands, as a kubelet has containers."""
        ...


class NoFaults:
    """A component that nobody breaks."""

    def ask(
        self,
        kind: type[M],
        *,
        tenants: Callable[[], tuple[str, ...]] | None = None,
        gateway: str = "",
        when: Callable[[M], bool] | None = None,
    ) -> M | None:
        del kind, tenants, gateway, when
        return None

    async def met(self, kind: type[M], *, gateway: str = "") -> M:
        del kind, gateway
        await anyio.sleep_forever()
        raise AssertionError

    def at(self, target: Actor) -> "NoFaults":
        del target
        return self


class ActorFaults(Struct, frozen=True):
    """`time` is the sandbox's, by which windows open; `clock` the actor's own, maybe skewed."""

    faults: Faults
    target: str
    time: Clock
    clock: Clock
    journal: Journal

    def ask(
        self,
        kind: type[M],
        *,
        tenants: Callable[[], tuple[str, ...]] | None = None,
        gateway: str = "",
        when: Callable[[M], bool] | None = None,
    ) -> M | None:
        if not self.faults.planned:
            return None
        facts = Facts(tenants=() if tenants is None else tenants(), gateway=gateway)
        acting = self.faults.first(kind, self.target, facts, self.time.now())
        if acting is None:
            return None
        fault = acting.planned.fault
        assert isinstance(fault, kind)
        if when is not None and not when(fault):
            return None
        self.fire(acting)
        return fault

    async def met(self, kind: type[M], *, gateway: str = "") -> M:
        facts, passed = Facts(gateway=gateway), set[Planned]()
        while True:
            changed = anyio.Event()
            self.faults.on_change(changed.set)
            try:
                for acting in self.faults.newly(kind, self.target, facts, self.time.now(), passed):
                    fault = acting.planned.fault
                    assert isinstance(fault, kind)
                    self.fire(acting)
                    return fault
                await self._next(changed)
            finally:
                self.faults.off_change(changed.set)

    async def _next(self, changed: anyio.Event) -> None:
        """Until the plan changes, or something that is planned begins."""
        now = self.time.now()
        begin = min(
            (one.scope.since for one in self.faults.planned.values() if one.scope.since > now),
            default=math.inf,
        )
        if begin == math.inf:
            await changed.wait()
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_then, changed.wait, tasks.cancel_scope)
            await self.time.sleep_until(begin)
            tasks.cancel_scope.cancel()

    def at(self, target: Actor) -> "ActorFaults":
        return replace(self, target=target)

    def at_gate(self, facts: Facts) -> list[Acting]:
        """The transport faults that a request meets, outermost first; they fire when it does."""
        return self.faults.due(self.target, facts, self.time.now(), AT_GATE)

    def connection(self, stages: tuple[Stage, ...] = AT_CONNECT) -> ConnectionFault | None:
        """What keeps a client from connecting now, of these stages; it has fired."""
        if not self.faults.planned:
            return None
        for acting in self.faults.due(self.target, _NOTHING, self.time.now(), stages):
            self.fire(acting)
            assert isinstance(acting.planned.fault, ConnectionFault)
            return acting.planned.fault
        return None

    def fire(self, acting: Acting) -> None:
        """Tell the journal that the fault acts."""
        fault = acting.planned.fault
        self.journal.append(
            FaultFired(fault.name, self.target, acting.call, fault.effect(), acting.planned.id)
        )


async def _then(wait: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> None:
    await wait()
    scope.cancel()
