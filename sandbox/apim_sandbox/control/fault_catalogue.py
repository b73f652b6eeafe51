"""The faults that can be added, as entries for the command line, the control service and the docs."""

import sys
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, to_builtins

from apim_emulators.core.faults import REGISTRY, Argument, Fault, arguments_of, known
from apim_emulators.core.faults.model import STAGES


class Entry(Struct, frozen=True):
    """One fault. `picture` is its file's head: where it sits."""

    name: str
    stage: str
    summary: str
    picture: str
    targets: tuple[str, ...]
    arguments: tuple[Argument, ...]
    label: str
    source: str

    def to_builtins(self) -> dict[str, Any]:
        shown: dict[str, Any] = to_builtins(self)
        return shown


def catalogue() -> list[Entry]:
    """All faults, by the stage at which they act and then by name."""
    return sorted(_entries(), key=lambda entry: (STAGES.index(_stage(entry)), entry.name))


def entry(name: str) -> Entry:
    """One fault. Raises `FaultError`."""
    return _entry(known(name))


def _entries() -> Iterator[Entry]:
    yield from (_entry(kind) for kind in REGISTRY.values())


def _entry(kind: type[Fault]) -> Entry:
    about = kind.about
    picture = (sys.modules[kind.__module__].__doc__ or "").strip()
    return Entry(
        about.name, about.stage, about.summary, picture, about.targets, tuple(arguments_of(kind)),
        about.behaviour.label, about.behaviour.source,
    )  # fmt: skip


def _stage(entry: Entry) -> Any:
    return entry.stage
