"""What a run does when: steps and checks in the order of their times, those after an event included."""

import heapq
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Protocol

from msgspec import Struct, field
from pydantic.alias_generators import to_camel

from apim_emulators.core.journal import Record
from apim_sandbox.scenario.checks import describe, differences, shown
from apim_sandbox.scenario.model import Expectation, Scenario, Step
from apim_sandbox.scenario.timing import Awaited

LOOK = 0.1  # seconds between two looks into the journal while an event is awaited
TICK = 1e-6  # seconds: what sums of floats may be off

Line = Step | Expectation


class Time(Protocol):
    """The sandbox's time, and its journal so far."""

    def elapsed(self) -> float: ...

    def records(self) -> Sequence[Record]: ...

    async def sleep_until(self, moment: float) -> None:
        """Until so many seconds after the start."""
        ...


class Progress(Struct):
    """What a run is at, for when it never ends."""

    waiting_for: str = "the start"


class _Waiting(Struct):
    line: Line
    event: Awaited
    seen: int = 0


class Agenda(Struct):
    """One run's. At the same time steps come before checks, and both in the file's order."""

    scenario: Scenario
    with_cause: bool
    progress: Progress
    end: float = 0.0
    _due: list[tuple[float, int, int, Line]] = field(default_factory=list)
    _waiting: list[_Waiting] = field(default_factory=list)
    _looked: int = 0
    _planned: int = 0

    def __post_init__(self) -> None:
        self.end = self.scenario.ends()
        lines: list[Line] = [*self.scenario.steps(with_cause=self.with_cause), *self.scenario.expect]
        for line in lines:
            if line.after is not None:
                self._waiting.append(_Waiting(line, line.after))
            elif isinstance(line, Step) or line.at is not None or line.every is not None:
                self._plan(line, line.at or 0.0)
            else:
                self._plan(line, self.end)

    async def moments(self, time: Time) -> AsyncGenerator[tuple[list[Step], list[Expectation]], None]:
        """What is due at each moment, when it is, until the run ends."""
        self._looked = len(time.records())
        while self._due or self._waiting:
            moment = self._due[0][0] if self._due else self.end
            self.progress.waiting_for = named(self._due[0][-1] if self._due else self._waiting[0].line)
            if not self._waiting:
                await time.sleep_until(moment)
            elif self._look(time):
                continue
            elif moment - time.elapsed() > TICK:
                await time.sleep_until(min(time.elapsed() + LOOK, moment))
                continue
            if not self._due:
                return
            lines = list(self._take(moment))
            steps = [one for one in lines if isinstance(one, Step)]
            yield steps, [one for one in lines if isinstance(one, Expectation)]

    def _take(self, moment: float) -> Iterator[Line]:
        while self._due and self._due[0][0] == moment:
            yield heapq.heappop(self._due)[-1]

    def never(self) -> list[tuple[Line, str]]:
        """The lines whose event has not come, with what they waited for."""
        return [(one.line, awaited(one.event)) for one in self._waiting]

    def _plan(self, line: Line, first: float) -> None:
        rank = 0 if isinstance(line, Step) else 1
        for moment in line.moments(first, self.end):
            self._planned += 1
            heapq.heappush(self._due, (moment, rank, self._planned, line))

    def _look(self, time: Time) -> bool:
        """Whether an event has come that a line waited for."""
        records = time.records()
        new, self._looked = records[self._looked :], len(records)
        come = [one for one in self._waiting if self._counted(one, new)]
        for one in come:
            self._waiting.remove(one)
            self._plan(one.line, time.elapsed() + (one.line.delay or 0.0))
        return bool(come)

    def _counted(self, one: _Waiting, new: Sequence[Record]) -> bool:
        one.seen += sum(
            record.kind == one.event.kind and not differences(record, one.event.where) for record in new
        )
        return one.seen >= one.event.nth


def named(line: Line) -> str:
    """A line as messages call it."""
    if isinstance(line, Step):
        return f"{to_camel(line.action)} {line.when}"
    return f"the check of {describe(line)}"


def awaited(event: Awaited) -> str:
    """The event in words."""
    where = " ".join(f"{name}={shown(value)}" for name, value in event.where.items())
    text = f"{event.kind} with {where}" if where else event.kind
    return text if event.nth == 1 else f"{text}, the {event.nth}th time"
