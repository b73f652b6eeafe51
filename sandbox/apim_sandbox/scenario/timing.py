"""When a step is done or a check made: at a moment, after an event, again and again.

- {at: 00:10, ...}                                    ten seconds after the start
- {every: 30s, times: 4, ...}                         at 0 s, 30 s, 60 s and 90 s
- {at: 1m, every: 10s, until: 2m, ...}                from the first minute to the second
- {after: entra.token, ...}                           as soon as the journal has such an event
- {after: {kind: gateway.state, where: {state: ready}}, delay: 5s, ...}
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from apim_sandbox.scenario.words import EventKind, Part, Seconds, Where

MOST = 10_000  # times that one line of a time line may act in a run


class Awaited(Part):
    """An event that must come first; `where` as in `expect.journal`."""

    kind: EventKind
    where: Where = Field(default_factory=dict)
    nth: Annotated[int, Field(ge=1)] = 1
    """Which of the events that fit, counted from the run's start."""


def _awaited(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _above_zero(seconds: float) -> float:
    if seconds == 0:
        raise ValueError("0 would never let time go on; write a time above 0, such as 10s")
    return seconds


class Timed(Part):
    """What happens at its time."""

    at: Seconds | None = None
    """From the start."""
    after: Annotated[Awaited, BeforeValidator(_awaited, json_schema_input_type=str | Awaited)] | None = None
    """Not before this event; `delay` later."""
    delay: Seconds | None = None
    every: Annotated[Seconds, AfterValidator(_above_zero)] | None = None
    """Again after so long, from `at` (0s without) or from the event on: `times` in all, or `until`."""
    times: Annotated[int, Field(ge=1)] | None = None
    until: Seconds | None = None
    """From the start: no more after this moment."""

    @model_validator(mode="after")
    def _possible(self) -> "Timed":
        if self.after is not None and self.at is not None:
            raise ValueError("needs one of at, after; it has both (delay: is the time after an event)")
        if self.delay is not None and self.after is None:
            raise ValueError("delay: is the time after an event; name it with after:, or write at:")
        if self.every is None:
            alone = [name for name in ("times", "until") if getattr(self, name) is not None]
            if alone:
                raise ValueError(f"{alone[0]}: belongs to every:, which is missing")
        if self.times is not None and self.until is not None:
            raise ValueError("needs one of times, until; it has both")
        if self.until is not None and self.until < (self.at or 0.0):
            raise ValueError(f"until: {self.until:g} s is before its first time, {self.at or 0:g} s")
        return self

    @property
    def when(self) -> str:
        """`at 10 s`, `after entra.token`: for messages."""
        if self.after is None:
            return f"at {self.at or 0:g} s"
        return f"after {self.after.kind}"

    @property
    def endless(self) -> bool:
        """Whether only the run's own end ends it, or says when it may act."""
        return self.after is not None or (
            self.every is not None and self.times is None and self.until is None
        )

    def moments(self, first: float, end: float) -> Iterator[float]:
        """The times at which it acts in a run that ends at `end`, all in seconds from the start."""
        if self.every is None:
            yield first
            return
        last = end if self.until is None else min(self.until, end)
        count = 0
        while first <= last and count != self.times:
            yield first
            count += 1
            first += self.every

    def last(self) -> Iterator[float]:
        """The last moment that is known beforehand, if any is."""
        if self.after is not None or (self.at is None and self.every is None):
            return
        begin = self.at or 0.0
        if self.until is not None:
            yield self.until
        elif self.every is not None and self.times is not None:
            yield begin + self.every * (self.times - 1)
        else:
            yield begin


TIMING = frozenset(Timed.model_fields)
