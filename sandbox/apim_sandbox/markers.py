"""What the markers of a test say, as the conditions that it starts with.

Every mistake in a marker raises `ConditionError` with the marker, its value and what would be right.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apim_sandbox.client.shapes import Manifest
from apim_sandbox.documents import DocumentError, nearest
from apim_sandbox.durations import DurationError
from apim_sandbox.testing import ConditionError, Conditions, Fault, World, edited_world, seconds_of

if TYPE_CHECKING:
    import pytest

    from apim_sandbox.scenario.load import Loaded

_EDITS = ("set", "add", "remove")


def conditions(item: "pytest.Item") -> Conditions:
    """The conditions of a test. Raises `ConditionError`."""
    folders = (item.path.parent, item.config.rootpath)
    scenario = _closest(item, "sandbox_scenario")
    world: World = None
    manifest: Manifest | None = None
    time_line = None
    if scenario is not None:
        world, manifest, time_line = _scenario(scenario, folders)
    chosen = _closest(item, "sandbox_world")
    if chosen is not None:
        if scenario is not None:
            raise ConditionError("sandbox_world and sandbox_scenario both say what the world is; keep one")
        world = _world(chosen, folders)
    advance, skews = _clock(_closest(item, "sandbox_clock"))
    faults = tuple(_fault(one) for one in reversed(list(item.iter_markers("sandbox_fault"))))
    return Conditions(world, manifest, advance, skews, faults, time_line)


def _closest(item: "pytest.Item", name: str) -> "pytest.Mark | None":
    return item.get_closest_marker(name)


def _world(mark: "pytest.Mark", folders: Iterable[Path]) -> World:
    what = "a world file, a world as a dict, or edits such as {'set': PATH, 'to': VALUE}"
    if mark.kwargs or not mark.args:
        raise ConditionError(f"sandbox_world takes {what}")
    first = mark.args[0]
    if isinstance(first, str | Path) and len(mark.args) == 1:
        return _file("sandbox_world", Path(first), folders)
    if not all(isinstance(one, Mapping) for one in mark.args):
        raise ConditionError(f"sandbox_world takes {what}, not {first!r}")
    if len(mark.args) == 1 and not any(verb in first for verb in _EDITS):
        return dict(first)
    try:
        return edited_world(mark.args)
    except ConditionError as error:
        raise ConditionError(f"sandbox_world: {error}") from None


def _scenario(mark: "pytest.Mark", folders: Iterable[Path]) -> "tuple[World, Manifest, Loaded | None]":
    from apim_sandbox.scenario.catalogue import folder
    from apim_sandbox.scenario.load import files_of, load
    from apim_sandbox.scenario.places import why_not
    from apim_sandbox.world.content import content

    if mark.kwargs or len(mark.args) != 1 or not isinstance(mark.args[0], str):
        raise ConditionError("sandbox_scenario takes one scenario's id, or its file")
    wanted = mark.args[0]
    try:
        if wanted.endswith((".yaml", ".yml")):
            found = load(_file("sandbox_scenario", Path(wanted), folders))
        else:
            catalogue = folder()
            known = {str(one.relative_to(catalogue).with_suffix("")): one for one in files_of(catalogue)}
            if wanted not in known:
                meant = nearest(wanted, known)
                hint = f"did you mean {meant!r}?" if meant else "see apim-sandbox scenario list"
                raise ConditionError(f"sandbox_scenario: no scenario is called {wanted!r}; {hint}")
            found = load(known[wanted])
        reason = why_not(found, "live")
        if reason:
            raise ConditionError(f"sandbox_scenario: {wanted} can't be played here: {reason}")
        moving = any(step.action != "apply" for step in found.scenario.steps())
        return content(found.world()), found.manifest(), found if moving else None
    except DocumentError as error:
        raise ConditionError(f"sandbox_scenario: {error}") from None


def _clock(mark: "pytest.Mark | None") -> tuple[float, dict[str, float]]:
    if mark is None:
        return 0.0, {}
    what = "sandbox_clock takes advance= (seconds, or '10m') and skew= ({'entra': '-5m'})"
    if mark.args or not mark.kwargs.keys() <= {"advance", "skew"} or not mark.kwargs:
        wrong = next((name for name in mark.kwargs if name not in ("advance", "skew")), None)
        raise ConditionError(what + (f", not {wrong}=" if wrong else ""))
    skew = mark.kwargs.get("skew", {})
    if not isinstance(skew, Mapping):
        raise ConditionError(f"{what}; skew is {skew!r}")
    advance = _seconds("advance", mark.kwargs.get("advance", 0))
    if advance < 0:
        raise ConditionError(f"sandbox_clock: advance={advance:g} goes back; skew one actor's clock instead")
    return advance, {str(actor): _seconds(f"skew of {actor}", value) for actor, value in skew.items()}


def _seconds(what: str, value: Any) -> float:
    try:
        return seconds_of(value)
    except (DurationError, TypeError) as error:
        raise ConditionError(f"sandbox_clock: {what}: {error}") from None


def _fault(mark: "pytest.Mark") -> Fault:
    if len(mark.args) not in (1, 2) or not all(isinstance(one, str) for one in mark.args):
        raise ConditionError(
            "sandbox_fault takes a fault's name, its target, and what Sandbox.faults.add takes: "
            "sandbox_fault('status', 'apim', code=503, calls='1..2')"
        )
    return Fault(mark.args[0], mark.args[1] if len(mark.args) > 1 else "", mark.kwargs)


def _file(marker: str, path: Path, folders: Iterable[Path]) -> Path:
    """The file, beside the test or below the root of the run."""
    places = list(dict.fromkeys(folder / path for folder in folders))
    for place in places:
        if place.is_file():
            return place
    raise ConditionError(f"{marker}: there is no file {' or '.join(map(str, places))}")
