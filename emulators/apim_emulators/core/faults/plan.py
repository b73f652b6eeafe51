"""The faults in force: added and removed by whoever steers, asked for by whoever they concern."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from apim_emulators.core.events import FaultFired
from apim_emulators.core.faults.model import STAGES, Fault, FaultError, Stage
from apim_emulators.core.faults.registry import make_fault
from apim_emulators.core.faults.scope import Calls, Facts, Scope
from apim_emulators.core.journal import Record
from apim_emulators.core.nearest import nearest


class Planned(Struct, frozen=True):
    """A fault with its target (an actor) and scope. Raises `FaultError` where they do not go together."""

    id: str
    target: str
    fault: Fault
    scope: Scope = field(default_factory=Scope)

    def __post_init__(self) -> None:
        about = self.fault.about
        if self.target not in about.targets:
            meant = nearest(self.target, about.targets)
            hint = f"did you mean {meant!r}?" if meant else f"it can be at {', '.join(about.targets)}"
            raise FaultError(f"fault {about.name!r} can't be at {self.target!r}; {hint}", "target")
        if about.stage == "clock" and (self.scope.calls != Calls() or self.scope.chance < 1):
            raise FaultError(f"fault {about.name!r} answers no calls; limit it by its time", "calls")
        able = about.scopes_of(self.target)
        for limit in self.scope.limits():
            if limit not in able:
                there = f"calls and times{''.join(f', {one}' for one in able)}"
                raise FaultError(
                    f"fault {about.name!r} at {self.target} can't be limited by {limit}; it can by {there}",
                    limit,
                )

    def to_builtins(self) -> dict[str, Any]:
        """As plain JSON values; `read_planned` is the inverse."""
        return {
            "id": self.id,
            "target": self.target,
            "fault": self.fault.name,
            "arguments": msgspec.to_builtins(self.fault),
            "scope": msgspec.to_builtins(self.scope),
        }


def read_planned(value: Mapping[str, Any]) -> Planned:
    """What another process planned. Raises `FaultError`, `msgspec.ValidationError`, `KeyError`."""
    fault = make_fault(value["fault"], **value["arguments"])
    return Planned(value["id"], value["target"], fault, msgspec.convert(value["scope"], Scope))


class Acting(Struct, frozen=True):
    """A fault that applies to a call, and the call's number."""

    planned: Planned
    call: int


class Faults(Struct):
    """The faults in force, in the order in which they were added.

    `fired` counts by id what the journal tells (see `note`), of removed ones too. `unable`: names of
    faults that can't act in this kind of sandbox, with the reason.
    """

    planned: dict[str, Planned] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    fired: dict[str, int] = field(default_factory=dict)
    unable: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    def add(self, planned: Planned) -> None:
        """Put a fault in force. Raises `FaultError`."""
        if planned.id in self.planned:
            raise FaultError(f"fault id {planned.id!r} is taken; remove it first or choose another", "id")
        if reason := self.unable.get(planned.fault.name):
            raise FaultError(f"fault {planned.fault.name!r} can't act here: {reason}", "fault")
        self.planned[planned.id] = planned
        self.calls[planned.id] = self.fired[planned.id] = 0
        self._changed()

    def remove(self, fault_id: str) -> bool:
        """False when there is none of that id."""
        if self.planned.pop(fault_id, None) is None:
            return False
        self._changed()
        return True

    def clear(self) -> None:
        """Remove all and forget what fired."""
        self.planned.clear()
        self.calls.clear()
        self.fired.clear()
        self._changed()

    def follow(self, planned: Iterable[Planned]) -> None:
        """Take over another process's plan; calls of those that stay go on counting."""
        before = self.planned
        self.planned = {one.id: one for one in planned}
        self.calls = {
            key: self.calls[key] if before.get(key) == one else 0 for key, one in self.planned.items()
        }
        self._changed()

    def note(self, record: Record) -> None:
        """Count a firing that the journal tells of: give it to `MemoryJournal.on_record`."""
        if isinstance(record.event, FaultFired) and record.event.id in self.fired:
            self.fired[record.event.id] += 1

    @property
    def unfired(self) -> list[str]:
        """Ids of faults that never did anything, removed ones too."""
        return [fault_id for fault_id, times in self.fired.items() if not times]

    def due(self, target: str, facts: Facts, now: float, stages: tuple[Stage, ...]) -> list[Acting]:
        """Count a call to `target` and say what applies to it: by stage, within one as added."""
        if not self.planned:
            return []
        found = [self._counted(one) for one in self._open(target, now, stages) if one.scope.concerns(facts)]
        acting = [one for one in found if one is not None]
        return sorted(acting, key=lambda one: STAGES.index(one.planned.fault.about.stage))

    def first(self, kind: type[Fault], target: str, facts: Facts, now: float) -> Acting | None:
        """The first fault of a kind that applies; counts a call for each whose scope names it."""
        mine = [one for one in self._open(target, now, STAGES) if type(one.fault) is kind]
        acting = [self._counted(one) for one in mine if one.scope.concerns(facts)]
        return next((one for one in acting if one is not None), None)

    def newly(
        self, kind: type[Fault], target: str, facts: Facts, now: float, passed: set[Planned]
    ) -> Iterator[Acting]:
        """Those of a kind that apply and are not in `passed`, where they go: one call of each."""
        for one in list(self._open(target, now, STAGES)):
            if type(one.fault) is kind and one not in passed and one.scope.concerns(facts):
                passed.add(one)
                acting = self._counted(one)
                if acting is not None:
                    yield acting

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change of the plan."""
        self._listeners.append(listener)

    def off_change(self, listener: Callable[[], None]) -> None:
        """Undo `on_change`."""
        self._listeners.remove(listener)

    def _open(self, target: str, now: float, stages: tuple[Stage, ...]) -> Iterator[Planned]:
        for one in self.planned.values():
            if one.target == target and one.fault.about.stage in stages and one.scope.open_at(now):
                yield one

    def _counted(self, planned: Planned) -> Acting | None:
        call = self.calls[planned.id] = self.calls[planned.id] + 1
        scope = planned.scope
        return Acting(planned, call) if call in scope.calls and scope.draws(planned.id, call) else None

    def _changed(self) -> None:
        self.version += 1
        for listener in list(self._listeners):
            listener()
