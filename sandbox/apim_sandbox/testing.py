"""What the pytest plugin's fixtures are made of; of use to other test runners as well.

with Sandboxes() as sandboxes, sandboxes.fresh() as sandbox:
    gateway = sandbox.gateway()
"""

import json
import os
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

from msgspec import Struct, field

from apim_sandbox.cli.run import pod_environment
from apim_sandbox.client import Pod, Sandbox, SandboxError
from apim_sandbox.client.shapes import Manifest
from apim_sandbox.documents import DocumentError
from apim_sandbox.durations import parse_duration
from apim_sandbox.examples import article_manifest

if TYPE_CHECKING:
    from apim_sandbox.scenario.load import Loaded

World = Path | Mapping[str, Any] | None
KEPT = 4  # sandboxes of worlds other than the session's that run on, in case the next test wants one


class ConditionError(ValueError):
    """What a test wants to start with can't be; the message says what is wrong and how it is written."""


class FaultNeverFiredWarning(UserWarning):
    """A test asked for a fault that had nothing to act on: it shows less than it seems to."""


class Fault(Struct, frozen=True):
    """A fault to be added, with what `Sandbox.faults.add` takes."""

    name: str
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Conditions(Struct, frozen=True):
    """What a test starts with. Moves of the clock in seconds; skews by actor."""

    world: World = None
    manifest: Manifest | None = None
    advance: float = 0.0
    skews: Mapping[str, float] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    time_line: "Loaded | None" = None  # of a scenario, played before the test


class Sandboxes(Struct):
    """The live sandboxes of a test session, one for each world, each as it was for every test."""

    world: World = None
    _running: "OrderedDict[str, _Running]" = field(default_factory=OrderedDict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            running.stack.close()
        self._running.clear()

    def of(self, world: World = None) -> Sandbox:
        """The sandbox of a world (the session's without one), as tests before have left it."""
        return self._of(world).sandbox

    @contextmanager
    def fresh(self, conditions: Conditions | None = None) -> Iterator[Sandbox]:
        """The sandbox of a world as it was at its start; afterwards all is as it was again.

        Raises `ConditionError` for conditions that can't be.
        """
        wanted = conditions or Conditions()
        try:
            running = self._of(wanted.world)
        except DocumentError as error:
            raise ConditionError(f"the world: {error}") from None
        sandbox = running.sandbox
        try:
            _prepare(sandbox, wanted)
            yield sandbox
            _warn_of_unfired(sandbox, wanted.faults)
        finally:
            sandbox.restore()

    def _of(self, world: World) -> "_Running":
        chosen = self.world if world is None else world
        key = _digest(chosen)
        running = self._running.get(key)
        if running is None:
            self._make_room()
            running = self._running[key] = self._start(chosen)
        self._running.move_to_end(key)
        return running

    def _start(self, world: World) -> "_Running":
        with ExitStack() as stack:
            return _Running(stack.enter_context(Sandbox.start(world)), stack.pop_all())

    def _make_room(self) -> None:
        others = [key for key in self._running if key != _digest(self.world)]
        if len(others) >= KEPT:
            self._running.pop(others[0]).stack.close()


class _Running(Struct, frozen=True):
    sandbox: Sandbox
    stack: ExitStack


def edited_world(edits: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The default world with edits, as scenarios write them: `{"set": PATH, "to": VALUE}` and so on.

    Raises `ConditionError` for one that does not fit.
    """
    from pydantic import ValidationError

    from apim_sandbox import documents
    from apim_sandbox.scenario.edits import EditError, edit_world
    from apim_sandbox.scenario.model import WorldEdit
    from apim_sandbox.world.default import DEFAULT_FILE, default_text

    world: Mapping[str, Any] = documents.parse_one(default_text(), DEFAULT_FILE).value
    try:
        changed: Mapping[str, Any] = edit_world(world, [WorldEdit.model_validate(edit) for edit in edits])
    except EditError as error:
        raise ConditionError(error.message + (f" (fix: {error.fix})" if error.fix else "")) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in first["loc"])
        raise ConditionError(place + first["msg"].removeprefix("Value error, ")) from None
    return changed


def seconds_of(value: float | str) -> float:
    """Seconds, or a duration such as `10m`; `-5m` goes back. Raises `DurationError`."""
    if isinstance(value, str):
        sign = -1 if value.startswith("-") else 1
        return sign * parse_duration(value.removeprefix("-"))
    return value


@contextmanager
def as_pod(sandbox: Sandbox, service_account: str | None = None) -> Iterator[Pod]:
    """Be a pod of `NAMESPACE/NAME`, the world's first without it: with its environment alone."""
    with sandbox.attach(service_account) as pod:
        inside = pod_environment(dict(os.environ), pod.environment)
        with patch.dict(os.environ, inside, clear=True):
            yield pod


def the_manifest(conditions: Conditions) -> Manifest:
    """What the gateway of a test is made from: the article's manifest unless a scenario changed it."""
    return conditions.manifest or article_manifest()


def _digest(world: World) -> str:
    shown = world.read_text(encoding="utf-8") if isinstance(world, Path) else json.dumps(world, default=str)
    return sha256(shown.encode()).hexdigest()


def _prepare(sandbox: Sandbox, wanted: Conditions) -> None:
    try:
        if wanted.advance:
            sandbox.clock.advance(wanted.advance)
        for actor, seconds in wanted.skews.items():
            sandbox.clock.skew(actor, seconds)
        for fault in wanted.faults:
            sandbox.faults.add(fault.name, fault.target, **fault.arguments)
        if wanted.time_line is not None:
            _play(sandbox, wanted.time_line)
    except (SandboxError, TypeError) as error:
        raise ConditionError(str(error)) from None


def _play(sandbox: Sandbox, scenario: "Loaded") -> None:
    from apim_sandbox.scenario.playing import play_live

    problem = play_live(scenario, Path(sandbox.instance.state_dir))
    if problem:
        raise ConditionError(f"scenario {scenario.scenario.id}: {problem}")


def _warn_of_unfired(sandbox: Sandbox, faults: Sequence[Fault]) -> None:
    if not faults:
        return
    for one in sandbox.faults.list():
        if not one["fired"]:
            what = f"fault {one['fault']!r} of {one['target']} never acted in this test"
            warnings.warn(what, FaultNeverFiredWarning, stacklevel=2)
