"""Keeps the actors' clocks as the faults of that kind want them, and right again afterwards."""

import math

import anyio

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.events import ClockMoved, FaultFired
from apim_emulators.core.faults.meaning.skewed_clock import SkewedClock
from apim_emulators.core.faults.plan import Faults, Planned
from apim_emulators.core.journal import Sink


class ClockKeeper:
    """One a sandbox, where its clock is. A fault that begins to act has fired once."""

    def __init__(self, clock: MasterClock, faults: Faults, sink: Sink) -> None:
        self._clock = clock
        self._faults = faults
        self._sink = sink
        self._acting: set[str] = set()
        self._told: dict[str, float] = {}
        self._changed = anyio.Event()
        faults.on_change(self._on_change)
        clock.drift_by(self._drifts)

    async def run(self) -> None:
        """Begin and end each at its moment, for ever."""
        while True:
            self._changed = anyio.Event()
            self._settle()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._wait_for_boundary, tasks.cancel_scope)
                await self._changed.wait()
                tasks.cancel_scope.cancel()

    async def _wait_for_boundary(self, scope: anyio.CancelScope) -> None:
        now = self._clock.now()
        scopes = [one.scope for one in self._mine()]
        moments = [moment for one in scopes for moment in (one.since, one.until or math.inf)]
        due = min((moment for moment in moments if moment > now), default=math.inf)
        if due == math.inf:
            await anyio.sleep_forever()
        await self._clock.sleep_until(due)
        scope.cancel()

    def _on_change(self) -> None:
        self._settle()
        self._changed.set()

    def _mine(self) -> list[Planned]:
        return [one for one in self._faults.planned.values() if isinstance(one.fault, SkewedClock)]

    def _drifts(self) -> dict[str, float]:
        drifts: dict[str, float] = {}
        if self._faults.planned:
            now = self._clock.now()
            for one in self._mine():
                if one.scope.open_at(now) and isinstance(one.fault, SkewedClock):
                    drifts[one.target] = drifts.get(one.target, 0.0) + one.fault.seconds
        return drifts

    def _settle(self) -> None:
        """Tell the journal, and everybody who waits, of what has begun and ended."""
        now, before, drifts = self._clock.now(), self._told, self._drifts()
        acting = [one for one in self._mine() if one.scope.open_at(now)]
        begun = [one for one in acting if one.id not in self._acting]
        self._acting, self._told = {one.id for one in acting}, drifts
        for one in begun:
            fired = FaultFired(one.fault.name, one.target, 1, one.fault.effect(), one.id)
            self._sink.add("control", now, fired, 0.0)
        changed = [one for one in {**before, **drifts} if before.get(one) != drifts.get(one)]
        for actor in changed:
            self._sink.add("control", now, ClockMoved(0.0, actor, self._clock.skew(actor)), 0.0)
        if changed:
            self._clock.wake()
