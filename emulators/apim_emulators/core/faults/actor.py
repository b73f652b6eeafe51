"""The faults of one actor, as its component asks for them."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from msgspec import Struct

from apim_emulators.core.clock import Clock
from apim_emulators.core.events import FaultFired
from apim_emulators.core.faults.model import AT_CONNECT, AT_GATE, ConnectionFault, MeaningFault, Stage
from apim_emulators.core.faults.plan import Acting, Faults
from apim_emulators.core.faults.scope import Facts
from apim_emulators.core.journal import Journal

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
