"""Runs a scenario, with its cause or as its mended twin: in virtual time here, elsewhere by `remote.py`."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio
import trio

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.journal import Record, encode
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.insight.explanation import Explanation
from apim_sandbox.insight.walk import Walk, build
from apim_sandbox.scenario.actions import perform
from apim_sandbox.scenario.agenda import Agenda, Progress, named
from apim_sandbox.scenario.checks import Verdict, check, describe, healthy
from apim_sandbox.scenario.embedded import Embedded
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.model import Expectation, Scenario, Step
from apim_sandbox.scenario.stage import Stage
from apim_sandbox.scenario.venue import ActionError, Venue
from apim_sandbox.virtual import run_virtual
from apim_sandbox.virtual_sandbox import DefectError, virtual_sandbox

STEP_LIMIT = 3600.0  # seconds of the sandbox's time that one step may take
TIME_LIMIT = 20.0  # seconds of real time that a run may take


@dataclass(frozen=True, slots=True)
class Result:
    """What a run showed. Times in seconds, `took` in real ones.

    `problem` says why the run itself failed; `skipped` why it did not take place. `healthy` is
    empty when all was well at the end, else what was not.
    """

    scenario: Scenario
    seed: int = 0
    with_cause: bool = True
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""
    skipped: str = ""
    healthy: str = ""
    explanation: Explanation | None = None
    records: tuple[Record, ...] = field(default=(), repr=False)
    took: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.problem and all(one.ok for one in self.verdicts)

    @property
    def failures(self) -> tuple[Verdict, ...]:
        return tuple(one for one in self.verdicts if not one.ok)

    @property
    def well(self) -> bool:
        """Whether nothing was meant to break, and nothing was broken at the end."""
        return not self.scenario.cause and not self.healthy

    @property
    def journal(self) -> bytes:
        """The whole journal, one JSON object a line."""
        return b"".join(encode(record) + b"\n" for record in self.records)


def run(loaded: Loaded, *, seed: int = 0, with_cause: bool = True, time_limit: float = TIME_LIMIT) -> Result:
    """Run to the end. Without its cause the scenario is its mended twin: healthy, or the catalogue lies.

    Never raises for what a scenario can cause; an application of ours that raises fails the run.
    """
    scenario = loaded.scenario
    if scenario.needs is not None:
        return Result(scenario, seed, with_cause, skipped=f"needs {scenario.needs}: {scenario.because}")
    progress, timer = Progress(), SystemTime()
    started = timer.tick()

    async def limited() -> Result:
        with anyio.CancelScope() as scope:
            trio.lowlevel.add_instrument(_Deadline(lambda: timer.tick() - started > time_limit, scope))
            return await _run(loaded, seed, with_cause, progress)
        return Result(
            scenario,
            seed,
            with_cause,
            problem=f"did not end within {time_limit:g} s of real time; it waited for {progress.waiting_for}",
        )

    try:
        result = run_virtual(limited, seed=seed)
    except DefectError as error:
        problem = f"a defect of apim-sandbox: {error}: {error.__cause__!r}"
        result = Result(scenario, seed, with_cause, problem=problem)
    return _timed(result, timer.tick() - started)


class _Deadline(trio.abc.Instrument):
    """Cancels a run that keeps the processor busy beyond its real time."""

    def __init__(self, over: Callable[[], bool], scope: anyio.CancelScope) -> None:
        self._over = over
        self._scope = scope

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002
        if not self._scope.cancel_called and self._over():
            self._scope.cancel()


async def _run(loaded: Loaded, seed: int, with_cause: bool, progress: Progress) -> Result:
    async with virtual_sandbox(loaded.world(with_cause=with_cause), seed=seed) as sandbox:
        return replace(await play(Embedded(sandbox), loaded, with_cause, progress), seed=seed)


async def play(venue: Venue, loaded: Loaded, with_cause: bool, progress: Progress) -> Result:
    """Do the steps and checks in the order of their times, wherever that is."""
    scenario = loaded.scenario
    agenda = Agenda(scenario, with_cause, progress)
    async with anyio.create_task_group() as tasks:
        stage = Stage(venue, loaded, with_cause, venue.now(), tasks)
        verdicts: list[Verdict] = []
        problem = ""
        try:
            async with aclosing(agenda.moments(stage)) as moments:
                async for steps, expected in moments:
                    for step in steps:
                        progress.waiting_for = named(step)
                        await _perform(stage, step)
                    if expected:
                        progress.waiting_for = named(expected[0])
                        verdicts += await _seen(stage, expected)
            problem = _never(agenda, verdicts, stage)
        except ActionError as error:
            problem = str(error)
        unfired = await venue.unfired()
        if unfired and not problem:
            problem = f"fault {', '.join(unfired)} never fired"
        well = await healthy(stage)
        records = tuple(stage.records())
        explanation = explain(records) or explain(records, LAST)
        tasks.cancel_scope.cancel()
    return Result(
        scenario, 0, with_cause, tuple(verdicts), problem,
        healthy="" if well.ok else well.got, explanation=explanation, records=records,
    )  # fmt: skip


async def _seen(stage: Stage, expected: Sequence[Expectation]) -> list[Verdict]:
    """The verdicts of one moment: all of them true at once, or what was there when patience ended."""
    places = [_place(stage, one) for one in expected]
    deadline = anyio.current_time() + stage.venue.patience
    while True:
        verdicts = [await check(stage, one, place) for one, place in zip(expected, places, strict=True)]
        if all(one.ok for one in verdicts) or anyio.current_time() >= deadline:
            return verdicts
        await stage.venue.look_again()


def _place(stage: Stage, one: Expectation) -> str:
    return str(stage.loaded.document.place("expect", stage.loaded.scenario.expect.index(one)))


def _never(agenda: Agenda, verdicts: list[Verdict], stage: Stage) -> str:
    """What the lines say whose event did not come: checks fail, a step is a problem, except in the twin."""
    problem = ""
    for line, event in agenda.never():
        if isinstance(line, Expectation):
            got, place = "it never came", _place(stage, line)
            verdicts.append(Verdict(stage.elapsed(), describe(line), False, f"after {event}", got, place))
        elif agenda.with_cause and not problem:
            problem = f"{line.action} waited for {event}, which never came"
    return problem


async def _perform(stage: Stage, step: Step) -> None:
    with anyio.move_on_after(STEP_LIMIT) as scope:
        await perform(stage, step)
    if scope.cancelled_caught:
        raise ActionError(f"{named(step)} did not end within {STEP_LIMIT:g} s")


def _timed(result: Result, took: float) -> Result:
    return replace(result, took=took)


@dataclass(frozen=True, slots=True)
class Proof:
    """A scenario run with its cause and without: what the catalogue must show of every entry."""

    broken: Result
    mended: Result | None

    @property
    def complaints(self) -> tuple[str, ...]:
        """Why this is no proof of the cause; empty when it is one."""
        found = [f"{one.what}: expected {one.expected}, got {one.got}" for one in self.broken.failures]
        if self.broken.problem:
            found.append(self.broken.problem)
        if self.mended is not None:
            if self.mended.problem:
                found.append(f"without its cause: {self.mended.problem}")
            elif self.mended.healthy:
                found.append(f"without its cause it is not healthy: {self.mended.healthy}")
            if self.mended.passed:
                found.append("without its cause nothing changes: every expectation is still met")
        return tuple(found)


def prove(loaded: Loaded, *, seed: int = 0) -> Proof:
    """Run with the cause, and as the mended twin where there is a cause."""
    broken = run(loaded, seed=seed)
    if broken.skipped:
        return Proof(broken, None)
    mended = run(loaded, seed=seed, with_cause=False) if loaded.scenario.cause else None
    return Proof(broken, mended)


def told_walk(result: Result) -> Walk:
    """The walk as it stood at the failure that is explained, also when it was mended before the end."""
    if result.explanation is None or not result.explanation.records or result.well:
        return build(result.records)
    until = max(result.explanation.records)
    then = build((one for one in result.records if one.sequence <= until), result.explanation.pod or None)
    return then if then.broken is not None else build(result.records)
