"""The catalogue that comes along, and the table that maps public reports to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apim_sandbox import documents
from apim_sandbox.documents import DocumentError, Place, nearest
from apim_sandbox.scenario.load import Loaded, load_all
from apim_sandbox.validation import validated

_PACKAGE = Path(__file__).parent.parent
_PLACES = (_PACKAGE.parent.parent / "scenarios", _PACKAGE / "scenarios")
CAUSES = "causes.yaml"


def folder() -> Path:
    """Where the catalogue is: in the repository's checkout, else in the installed package."""
    for place in _PLACES:
        if place.is_dir():
            return place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place
    raise FileNotFoundError(2, "the catalogue of scenarios is not installed", str(_PLACES[-1]))


def select(loaded: Iterable[Loaded], words: Iterable[str]) -> list[Loaded]:
    """Those that any of the words names: an id, a folder, `hop:8`, `actor:oidc`, `code:AADSTS700213`.

    Raises `DocumentError` for a word that names none.
    """
    everything = list(loaded)
    wanted = list(words)
    if not wanted:
        return everything
    chosen: dict[str, Loaded] = {}
    for word in wanted:
        found = [one for one in everything if _named(one, word)]
        if not found:
            known = {one.scenario.id for one in everything} | {one.scenario.folder for one in everything}
            meant = nearest(word, known)
            raise DocumentError(
                Place(word),
                "is neither a file nor a scenario, folder or tag of the catalogue",
                f'write "{meant}"' if meant else "apim-sandbox scenario list",
            )
        chosen |= {one.scenario.id: one for one in found}
    return [chosen[key] for key in sorted(chosen)]


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
    if colon and key in ("hop", "actor", "code"):
        return str(getattr(scenario.tags, key)).lower() == value.lower()
    return word.strip("/") in (scenario.id, scenario.folder) or scenario.id.startswith(word.rstrip("/") + "/")


# --- reports


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Report(_Model):
    """One public report: told by a scenario, merged into one that tells the same cause, or left out."""

    about: Annotated[str, Field(min_length=1)]
    """The report in a few words."""
    scenario: str | None = None
    merged: str | None = None
    """The scenario whose cause is the same."""
    excluded: str | None = None
    """Why no scenario tells it."""

    @model_validator(mode="after")
    def _one(self) -> "Report":
        given = [name for name in ("scenario", "merged", "excluded") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                f"needs one of scenario, merged, excluded; it has {' and '.join(given) or 'none'}"
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


@dataclass(frozen=True, slots=True)
class Coverage:
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
