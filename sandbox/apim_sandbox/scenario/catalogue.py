"""The catalogue that comes along, and the table that maps public reports to it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, model_validator

from apim_sandbox import documents
from apim_sandbox.carried import carried
from apim_sandbox.documents import DocumentError, Place, nearest
from apim_sandbox.scenario.load import Loaded, load_all
from apim_sandbox.validation import validated

CAUSES = "causes.yaml"
TAGS = ("hop", "actor", "code")


def folder() -> Path:
    """Where the catalogue is: in the repository's checkout, else in the installed package."""
    return carried("scenarios")


def select(loaded: Iterable[Loaded], words: Iterable[str]) -> list[Loaded]:
    """Those that the words name: ids and folders, of them only those with `hop:8`, `actor:oidc`, `code:403`.

    Several ids, folders or values of one tag are alternatives; different tags narrow. Raises
    `DocumentError` for a word that names none.
    """
    everything, wanted = list(loaded), list(words)
    by_kind: dict[str, dict[str, Loaded]] = {}
    for word in wanted:
        found = [one for one in everything if _named(one, word)]
        if not found:
            raise _nothing(everything, word)
        key, colon, _ = word.partition(":")
        by_kind.setdefault(key if colon else "", {}).update({one.scenario.id: one for one in found})
    kept = [one for one in everything if all(one.scenario.id in found for found in by_kind.values())]
    if not kept:
        raise DocumentError(
            Place(" ".join(wanted)), "no scenario is all of that", "apim-sandbox scenario list"
        )
    return sorted(kept, key=lambda one: one.scenario.id)


def _nothing(everything: list[Loaded], word: str) -> DocumentError:
    key, colon, _ = word.partition(":")
    known = {one.scenario.id for one in everything} | {one.scenario.folder for one in everything}
    if colon and key in TAGS:
        known = {f"{key}:{_tag(one, key)}" for one in everything if _tag(one, key)}
    begun = sorted(one for one in known if word and one.startswith(word))
    if begun:
        fix = "write one of " + ", ".join(f'"{one}"' for one in begun)
        return DocumentError(Place(word), "is only the beginning of what the catalogue has", fix)
    meant = nearest(word, known)
    return DocumentError(
        Place(word),
        "is neither a file nor a scenario, folder or tag of the catalogue",
        f'write "{meant}"' if meant else "apim-sandbox scenario list",
    )


def new_name(path: Path) -> str:
    """The id of a scenario that is about to be written. Raises `DocumentError` for a file that is there."""
    if path.exists():
        raise DocumentError(
            Place(str(path)), "exists already", f"apim-sandbox scenario run {path}, or name another file"
        )
    return "-".join(re.findall("[a-z0-9]+", path.stem.lower())) or "scenario"


def with_code(code: str) -> list[str]:
    """The ids of the scenarios with this code; empty where no catalogue is installed."""
    try:
        found = select(load_all([folder()]), [f"code:{code}"])
    except (DocumentError, FileNotFoundError):
        return []
    return [one.scenario.id for one in found]


def chosen(arguments: Iterable[str]) -> list[Loaded]:
    """What a command line names: files, folders, ids and tags; all of the catalogue without any."""
    files = [Path(argument) for argument in arguments if Path(argument).exists()]
    words = [argument for argument in arguments if not Path(argument).exists()]
    found = {one.scenario.id: one for one in load_all(files)} if files else {}
    if words or not files:
        found |= {one.scenario.id: one for one in select(load_all([folder()]), words)}
    return [found[key] for key in sorted(found)]


def _named(loaded: Loaded, word: str) -> bool:
    scenario = loaded.scenario
    key, colon, value = word.partition(":")
    if colon and key in TAGS:
        return _tag(loaded, key).lower() == value.lower()
    return word.strip("/") in (scenario.id, scenario.folder) or scenario.id.startswith(word.rstrip("/") + "/")


def _tag(loaded: Loaded, key: str) -> str:
    return str(getattr(loaded.scenario.tags, key))


# --- reports


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Report(_Model):
    """One public report: told by a scenario, merged into one, shown by a test, or left out."""

    about: Annotated[str, Field(min_length=1)]
    """The report in a few words."""
    scenario: str | None = None
    merged: str | None = None
    """The scenario whose cause is the same."""
    test: str | None = None
    """The test that makes its cause where a scenario can't: `tests/....py::test_name`."""
    excluded: str | None = None
    """Why nothing tells it."""

    @model_validator(mode="after")
    def _one(self) -> "Report":
        given = [name for name in ("scenario", "merged", "test", "excluded") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                f"needs one of scenario, merged, test, excluded; it has {' and '.join(given) or 'none'}"
            )
        return self


class Causes(_Model):
    """All reports, by table and row."""

    entra: dict[str, Report]
    apim: dict[str, Report]
    kubernetes: dict[str, Report]

    def rows(self) -> Iterator[tuple[Literal["entra", "apim", "kubernetes"], str, Report]]:
        """Table, row, report."""
        for row, report in self.entra.items():
            yield "entra", row, report
        for row, report in self.apim.items():
            yield "apim", row, report
        for row, report in self.kubernetes.items():
            yield "kubernetes", row, report


class Coverage(Struct, frozen=True):
    """The table of causes and what it lacks."""

    causes: Causes
    problems: tuple[DocumentError, ...]


def coverage(scenarios: Iterable[Loaded], path: Path | None = None) -> Coverage:
    """The table, checked against the scenarios. Raises `DocumentError` when it is no table at all."""
    document = documents.parse_one((path or folder() / CAUSES).read_text(encoding="utf-8"), CAUSES)
    causes = validated(Causes, document, "the table of causes")
    known = {one.scenario.id for one in scenarios}
    problems = []
    for table, row, report in causes.rows():
        for key in ("scenario", "merged"):
            name = getattr(report, key)
            if name is not None and name not in known:
                meant = nearest(name, known)
                problems.append(
                    document.error(
                        (table, row, key),
                        f'no scenario is called "{name}"',
                        f'write "{meant}"' if meant else "write the scenario, or excluded: with the reason",
                    )
                )
    return Coverage(causes, tuple(problems))
