"""The cluster's events, as `kubectl get events` has them: repeated ones are counted."""

from collections import OrderedDict
from typing import Literal

from msgspec.structs import replace

from apim_emulators.core.clock import Clock
from apim_sandbox.cluster.protocol import EventView

KEPT = 1000


class EventLog:
    """Newest last; the oldest go first when there are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: OrderedDict[tuple[str, str, str, str], EventView] = OrderedDict()

    def add(
        self, type_: Literal["Normal", "Warning"], namespace: str, object_: str, reason: str, message: str
    ) -> bool:
        """Record an event; False when the same one was there already and is only counted up."""
        key = (namespace, object_, reason, message)
        before = self._events.pop(key, None)
        now = self._clock.now()
        if before is None:
            self._events[key] = EventView(now, type_, namespace, object_, reason, message)
            if len(self._events) > KEPT:
                self._events.popitem(last=False)
        else:
            self._events[key] = replace(before, at=now, count=before.count + 1)
        return before is None

    def clear(self) -> None:
        """Forget them all."""
        self._events.clear()

    def all(self) -> list[EventView]:
        return list(self._events.values())
