"""Scenarios that could never be run or checked: each mistake where it stands, with what to do. Pure."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from pydantic.alias_generators import to_camel

from apim_emulators.core.events import EVENT_TYPES
from apim_sandbox.documents import Document, DocumentError, nearest
from apim_sandbox.scenario.model import Scenario, Step
from apim_sandbox.scenario.timing import MOST, Timed
from apim_sandbox.scenario.words import COMPARISONS

Path = tuple[str | int, ...]


def impossible(scenario: Scenario, document: Document) -> Iterator[DocumentError]:
    """Time lines that can't be: beyond the end, without one, or undoing what was never done."""
    for path, timed in scenario.lines():
        yield from _moments(scenario, timed, document, path)
        if timed.after is not None:
            yield from _where(timed.after.kind, timed.after.where, document, (*path, "after", "where"))
    yield from _undone(scenario, document)
    if scenario.needs is not None and not scenario.because:
        yield document.error(("needs",), f"needs {scenario.needs}, and does not say why", "add because:")
    if scenario.mend and not scenario.cause:
        yield document.error(("mend",), "mends a scenario that has no cause", "remove mend:, or name a cause")


def uncheckable(scenario: Scenario, document: Document) -> Iterator[DocumentError]:
    """Expectations that no journal could meet or fail."""
    for index, one in enumerate(scenario.expect):
        if one.journal is not None:
            yield from _where(
                one.journal.kind, one.journal.where, document, ("expect", index, "journal", "where")
            )
        if one.explanation is not None and not scenario.cause:
            yield document.error(
                ("expect", index, "explanation"),
                "expects an explanation, but there is no cause",
                "write healthy: true, or name a cause",
            )


def event_fields(kind: str) -> Iterator[str]:
    """The first-level fields of an event kind, `actor` besides."""
    yield "actor"
    yield from EVENT_TYPES[kind].__struct_fields__


def _moments(scenario: Scenario, timed: Timed, document: Document, path: Path) -> Iterator[DocumentError]:
    if timed.endless and scenario.until is None:
        key = "every" if timed.after is None else "after"
        yield DocumentError(
            document.key_place(*path, key), f"{key}: needs to know when the run ends", "add until: 5m"
        )
        return
    end = scenario.ends()
    beyond = f"is after the end of the run ({end:g} s)"
    for key in ("at", "delay"):
        if (getattr(timed, key) or 0.0) > end:
            yield document.error((*path, key), beyond, "move until: on")
    if timed.every is not None and len(list(islice(timed.moments(timed.at or 0.0, end), MOST + 1))) > MOST:
        yield document.error(
            (*path, "every"), f"acts more than {MOST} times in this run", "add times:, or a longer every:"
        )


# What takes back something that another step must have done before.
_UNDOING = {
    "remove_fault": ("add_fault", "name"),
    "reconnect": ("cut_off", "host"),
    "restore": ("answer", "host"),
}


def _undone(scenario: Scenario, document: Document) -> Iterator[DocumentError]:
    steps = [(path, one) for path, one in scenario.lines() if isinstance(one, Step)]
    for path, step in steps:
        if step.action not in _UNDOING:
            continue
        doing, name = _UNDOING[step.action]
        done = [one for _, one in steps if one.action == doing]
        names = [str(getattr(getattr(one, doing), name)) for one in done]
        wanted = getattr(step, step.action)
        key = to_camel(step.action)
        if wanted not in names:
            meant = nearest(wanted, names)
            yield document.error(
                (*path, key),
                f'no {to_camel(doing)} step names "{wanted}"',
                f'write "{meant}"' if meant else f"add a step {to_camel(doing)}: before it",
            )
        elif step.at is not None and not any(
            one.after is not None or (one.at or 0.0) <= step.at
            for one, named in zip(done, names, strict=True)
            if named == wanted
        ):
            yield document.error(
                (*path, "at"),
                f"is before the step {to_camel(doing)} that it takes back",
                "give it a later at:",
            )


def _where(kind: str, where: Mapping[str, Any], document: Document, path: Path) -> Iterator[DocumentError]:
    known = tuple(event_fields(kind))
    for name, value in where.items():
        first = name.partition(".")[0]
        if first not in known:
            meant = nearest(first, known)
            yield DocumentError(
                document.key_place(*path, name),
                f'an event {kind} has no field "{first}"',
                f'write "{meant}"' if meant else "it has " + ", ".join(known),
            )
        if isinstance(value, dict):
            for verb in value:
                if verb not in COMPARISONS:
                    meant = nearest(verb, COMPARISONS)
                    yield DocumentError(
                        document.key_place(*path, name, verb),
                        f'no comparison is called "{verb}"',
                        f'write "{meant}"' if meant else "there are " + ", ".join(COMPARISONS),
                    )
