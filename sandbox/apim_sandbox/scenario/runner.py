"""Runs a scenario, with its cause or as its mended twin, in virtual time or where else it can run."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, ClassVar

import anyio
import trio
from msgspec import Struct
from msgspec.structs import replace
from pydantic.alias_generators import to_camel

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.journal import Record, encode
from apim_emulators.core.records import Redacted
from apim_sandbox.client import SandboxError
from apim_sandbox.documents import DocumentError
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.insight.explanation import Explanation
from apim_sandbox.insight.walk import Walk, build
from apim_sandbox.instance import InstanceError
from apim_sandbox.scenario.actions import perform
from apim_sandbox.scenario.agenda import Agenda, Progress, named
from apim_sandbox.scenario.checks import Seen, Verdict, check, describe, healthy
from apim_sandbox.scenario.embedded import Embedded
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.model import Expectation, Scenario, Step
from apim_sandbox.scenario.places import why_not
from apim_sandbox.scenario.stage import Stage
from apim_sandbox.scenario.venue import EMBEDDED, ActionError, On, Site, Venue
from apim_sandbox.virtual import run_virtual, the_only
from apim_sandbox.virtual_sandbox import DefectError, virtual_sandbox

if TYPE_CHECKING:
    from apim_sandbox.scenario.remote import Remote
    from apim_sandbox.world.model import World

STEP_LIMIT = 3600.0  # seconds of the sandbox's time that one step may take
# Seconds of real time that a run may take.
TIME_LIMIT: Mapping[On, float] = {"embedded": 20.0, "live": 120.0, "kind": 300.0}


class Result(Redacted, frozen=True):
    """What a run showed. Times in seconds, `took` in real ones.

    `problem` says why the run itself failed; `skipped` why it did not take place. `healthy` is
    empty when all was well at the end, else what was not.
    """

    redacted: ClassVar = ("records",)

    scenario: Scenario
    seed: int = 0
    with_cause: bool = True
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""
    skipped: str = ""
    healthy: str = ""
    explanation: Explanation | None = None
    records: tuple[Record, ...] = ()
    took: float = 0.0
    on: On = "embedded"
    file: str = ""  # where the scenario was read from

    @property
    def failed(self) -> bool:
        return bool(self.problem) or not all(one.ok for one in self.verdicts)

    @property
    def passed(self) -> bool:
        return not self.failed and not self.skipped

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


def run(
    loaded: Loaded, *, seed: int = 0, with_cause: bool = True, time_limit: float | None = None,
    site: Site = EMBEDDED,
) -> Result:  # fmt: skip
    """Run to the end. Without its cause the scenario is its mended twin: healthy, or the catalogue lies.

    Never raises for what a scenario can cause; an application of ours that raises fails the run.
    `seed` is for virtual time. Raises `InstanceError` where `site` is a cluster that is not up.
    """
    scenario, on = loaded.scenario, site.on
    file = loaded.document.file
    nothing = Result(scenario, seed, with_cause, on=on, file=file)
    if reason := why_not(loaded, on):
        return replace(nothing, skipped=reason)
    progress, timer = Progress(), SystemTime()
    started, limit = timer.tick(), TIME_LIMIT[on] if time_limit is None else time_limit
    if on == "embedded":
        result = _in_virtual_time(loaded, with_cause, progress, seed, lambda: timer.tick() - started > limit)
    else:
        result = _in_real_time(loaded, with_cause, progress, site, limit)
    if result is None:
        problem = f"did not end within {limit:g} s of real time; it waited for {progress.waiting_for}"
        result = replace(nothing, problem=problem)
    return replace(result, seed=seed, took=timer.tick() - started, on=on, file=file)


def _in_virtual_time(
    loaded: Loaded, with_cause: bool, progress: Progress, seed: int, over: Callable[[], bool]
) -> Result | None:
    """None when it was over before the run was."""

    async def limited() -> Result | None:
        with anyio.CancelScope() as scope:
            trio.lowlevel.add_instrument(_Deadline(over, scope))
            async with virtual_sandbox(loaded.world(with_cause=with_cause), seed=seed) as sandbox:
                return await play(Embedded(sandbox), loaded, with_cause, progress)
        return None

    try:
        return run_virtual(limited, seed=seed)
    except DefectError as error:
        problem = f"a defect of apim-sandbox: {error}: {error.__cause__!r}"
        return Result(loaded.scenario, seed, with_cause, problem=problem)


def _in_real_time(
    loaded: Loaded, with_cause: bool, progress: Progress, site: Site, limit: float
) -> Result | None:
    """None when it did not end within the limit. Raises `InstanceError` where there is no sandbox."""
    try:
        return anyio.run(_elsewhere, loaded, with_cause, progress, site, limit, backend="asyncio")
    except Exception as group:
        error = the_only(group)
        if isinstance(error, InstanceError):
            raise error from None
        refused = isinstance(error, SandboxError | DocumentError)
        problem = f"{error}" if refused else f"a defect of apim-sandbox: {error!r}"
        return Result(loaded.scenario, 0, with_cause, problem=problem)


async def _elsewhere(
    loaded: Loaded, with_cause: bool, progress: Progress, site: Site, limit: float
) -> Result | None:
    """None when it did not end within the limit."""
    with anyio.move_on_after(limit):
        async with _opened(site, loaded.world(with_cause=with_cause)) as venue, venue.following():
            return await play(venue, loaded, with_cause, progress)
    return None


def _opened(site: Site, world: "World") -> "AbstractAsyncContextManager[Remote]":
    if site.layout is not None:
        from apim_sandbox.scenario import kind

        return kind.opened(world, site.layout)
    from apim_sandbox.scenario import live

    return live.opened(world)


class _Deadline(trio.abc.Instrument):
    """Cancels a run that keeps the processor busy beyond its real time."""

    def __init__(self, over: Callable[[], bool], scope: anyio.CancelScope) -> None:
        self._over = over
        self._scope = scope

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002
        if not self._scope.cancel_called and self._over():
            self._scope.cancel()


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
        well = await _well(stage)
        records = tuple(stage.records())
        explanation = explain(records) or explain(records, LAST)
        tasks.cancel_scope.cancel()
    return Result(
        scenario, 0, with_cause, tuple(verdicts), problem,
        healthy="" if well.ok else well.got, explanation=explanation, records=records,
    )  # fmt: skip


async def _seen(stage: Stage, expected: Sequence[Expectation]) -> list[Verdict]:
    """The verdicts of one moment: all of them true at once, or what was there when patience ended.

    Of the mended twin the contrary is awaited: that something is not as with the cause.
    """
    places = [_place(stage, one) for one in expected]
    deadline = anyio.current_time() + stage.venue.patience
    while True:
        verdicts = [await check(stage, one, place) for one, place in zip(expected, places, strict=True)]
        as_awaited = all(one.ok for one in verdicts) is stage.with_cause
        if as_awaited or anyio.current_time() >= deadline:
            return verdicts
        await stage.venue.look_again()


async def _well(stage: Stage) -> Seen:
    """Whether all is well at the end; of the mended twin it is awaited."""
    deadline = anyio.current_time() + stage.venue.patience
    while not (seen := await healthy(stage)).ok:
        if stage.with_cause or anyio.current_time() >= deadline:
            break
        await stage.venue.look_again()
    return seen


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
            problem = f"{to_camel(line.action)} waited for {event}, which never came"
    return problem


async def _perform(stage: Stage, step: Step) -> None:
    """Raises `ActionError` with the step's place in the file; the first apply is nobody's, and has none."""
    try:
        with anyio.move_on_after(STEP_LIMIT) as scope:
            await perform(stage, step)
        if scope.cancelled_caught:
            raise ActionError(f"{named(step)} did not end within {STEP_LIMIT:g} s")
    except ActionError as error:
        path = next((path for path, one in stage.loaded.scenario.lines() if one is step), None)
        place = f"{stage.loaded.document.place(*path)}: " if path is not None else ""
        raise ActionError(f"{place}{error}") from None


class Proof(Struct, frozen=True):
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


def prove(loaded: Loaded, *, seed: int = 0, site: Site = EMBEDDED) -> Proof:
    """Run with the cause, and as the mended twin where there is a cause."""
    broken = run(loaded, seed=seed, site=site)
    if broken.skipped:
        return Proof(broken, None)
    mended = run(loaded, seed=seed, with_cause=False, site=site) if loaded.scenario.cause else None
    return Proof(broken, mended)


def told_walk(result: Result) -> Walk:
    """The walk as it stood at the failure that is explained, also when it was mended before the end."""
    if result.explanation is None or not result.explanation.records or result.well:
        return build(result.records)
    until = max(result.explanation.records)
    then = build((one for one in result.records if one.sequence <= until), result.explanation.pod or None)
    return then if then.broken is not None else build(result.records)
