"""Runs a scenario in virtual time, with its cause or as its mended twin."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import anyio
import trio

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.journal import Record, encode
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.insight.explanation import Explanation
from apim_sandbox.scenario.actions import perform
from apim_sandbox.scenario.checks import Verdict, check, describe, healthy
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.model import Expectation, Scenario, Step
from apim_sandbox.scenario.stage import ActionError, Stage
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
    def journal(self) -> bytes:
        """The whole journal, one JSON object a line."""
        return b"".join(encode(record) + b"\n" for record in self.records)


@dataclass(slots=True)
class _Progress:
    """What the run is at, for when it never ends."""

    waiting_for: str = "the start"
    epoch: float = 0.0


def run(loaded: Loaded, *, seed: int = 0, with_cause: bool = True, time_limit: float = TIME_LIMIT) -> Result:
    """Run to the end. Without its cause the scenario is its mended twin: healthy, or the catalogue lies.

    Never raises for what a scenario can cause; an application of ours that raises fails the run.
    """
    scenario = loaded.scenario
    if scenario.needs is not None:
        return Result(scenario, seed, with_cause, skipped=f"needs {scenario.needs}: {scenario.because}")
    progress, timer = _Progress(), SystemTime()
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


async def _run(loaded: Loaded, seed: int, with_cause: bool, progress: _Progress) -> Result:
    scenario = loaded.scenario
    async with (
        virtual_sandbox(loaded.world(with_cause=with_cause), seed=seed) as sandbox,
        anyio.create_task_group() as tasks,
    ):
        stage = Stage(sandbox, loaded, with_cause, sandbox.clock.now(), tasks)
        verdicts: list[Verdict] = []
        problem = ""
        try:
            for moment, what in _agenda(scenario, with_cause=with_cause):
                progress.waiting_for = _named(what)
                await sandbox.clock.sleep_until(stage.epoch + moment)
                if isinstance(what, Step):
                    await _perform(stage, what)
                else:
                    place = loaded.document.place("expect", scenario.expect.index(what))
                    verdicts.append(await check(stage, what, str(place)))
        except ActionError as error:
            problem = str(error)
        unfired = [one for one, times in sandbox.faults.fired.items() if not times]
        if unfired and not problem:
            problem = f"fault {', '.join(unfired)} never fired"
        seen = await healthy(stage)
        records = tuple(stage.records())
        explanation = explain(records) or explain(records, LAST)
        tasks.cancel_scope.cancel()
    return Result(
        scenario, seed, with_cause, tuple(verdicts), problem,
        healthy="" if seen.ok else seen.got, explanation=explanation, records=records,
    )  # fmt: skip


def _agenda(scenario: Scenario, *, with_cause: bool) -> list[tuple[float, Step | Expectation]]:
    """Steps and checks in the order of their times; at the same time steps come first."""
    end = scenario.ends()
    agenda: list[tuple[float, int, Step | Expectation]] = [
        (step.at, 0, step) for step in scenario.steps(with_cause=with_cause)
    ]
    agenda += [(end if one.at is None else one.at, 1, one) for one in scenario.expect]
    agenda.sort(key=lambda entry: entry[:2])
    return [(moment, what) for moment, _, what in agenda]


async def _perform(stage: Stage, step: Step) -> None:
    with anyio.move_on_after(STEP_LIMIT) as scope:
        await perform(stage, step)
    if scope.cancelled_caught:
        raise ActionError(f"{_named(step)} did not end within {STEP_LIMIT:g} s")


def _named(what: Step | Expectation) -> str:
    if isinstance(what, Step):
        return f"{what.action} at {what.at:g} s"
    return f"the check of {describe(what)}"


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
