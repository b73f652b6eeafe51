"""From scenario files to scenarios, with every mistake shown where it stands."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from apim_sandbox import documents
from apim_sandbox.documents import Document, DocumentError, Place, together
from apim_sandbox.examples import article_manifest
from apim_sandbox.scenario.disagreement import disagreeing
from apim_sandbox.scenario.edits import EditError, edit_manifest, edit_world
from apim_sandbox.scenario.faults import wrong_faults
from apim_sandbox.scenario.model import ManifestEdit, Scenario, WorldEdit
from apim_sandbox.scenario.possible import impossible, uncheckable
from apim_sandbox.validation import validated
from apim_sandbox.world.default import DEFAULT_FILE, default_text
from apim_sandbox.world.load import from_document
from apim_sandbox.world.model import World

SUFFIXES = (".yaml", ".yml")
NOT_SCENARIOS = ("causes.yaml",)  # the catalogue's own table


class Loaded(Struct, frozen=True):
    """A scenario with its file, and what its edits make of the default world and manifest."""

    scenario: Scenario
    document: Document

    def world(self, *, with_cause: bool = True) -> World:
        """The world to start from. Raises `DocumentError` at the edit that does not fit."""
        value = _default_world()
        for path, edit in self._world_edits(with_cause=with_cause):
            try:
                value = edit_world(value, (edit,))
            except EditError as error:
                raise self.document.error(path, error.message, error.fix) from None
        try:
            return from_document(Document(DEFAULT_FILE, value))
        except DocumentError as error:
            place = self._first_wrong_edit(with_cause=with_cause)
            raise self.document.error(place, f"makes the world wrong: {error.message}", error.fix) from None

    def _first_wrong_edit(self, *, with_cause: bool) -> tuple[str | int, ...]:
        """The edit after which the world is none any more."""
        value = _default_world()
        for path, edit in self._world_edits(with_cause=with_cause):
            value = edit_world(value, (edit,))
            try:
                from_document(Document(DEFAULT_FILE, value))
            except DocumentError:
                return path
        return ("world",)

    def manifest(self, extra: Iterable[ManifestEdit] = (), *, with_cause: bool = True) -> tuple[str, str]:
        """`(path, text)` of the manifest to apply. Raises `DocumentError` at the edit that does not fit."""
        path, text = article_manifest()
        for place, edit in self._manifest_edits(with_cause=with_cause):
            text = self._edited(text, edit, place)
        for edit in extra:
            text = self._edited(text, edit, ("timeline",))
        return path, text

    def _edited(self, text: str, edit: ManifestEdit, place: tuple[str | int, ...]) -> str:
        try:
            return edit_manifest(text, (edit,))
        except EditError as error:
            raise self.document.error(place, error.message, error.fix) from None

    def _world_edits(self, *, with_cause: bool) -> Iterator[tuple[tuple[str | int, ...], WorldEdit]]:
        for index, edit in enumerate(self.scenario.world):
            yield ("world", index), edit
        if with_cause:
            for index, edit in enumerate(self.scenario.cause.world):
                yield ("cause", "world", index), edit

    def _manifest_edits(self, *, with_cause: bool) -> Iterator[tuple[tuple[str | int, ...], ManifestEdit]]:
        for index, edit in enumerate(self.scenario.manifest):
            yield ("manifest", index), edit
        if with_cause:
            for index, edit in enumerate(self.scenario.cause.manifest):
                yield ("cause", "manifest", index), edit


def load(path: Path) -> Loaded:
    """The scenario of a file. Raises `DocumentError`."""
    found = documents.read(path)
    if not found:
        raise DocumentError(Place(str(path)), "is empty", f"begin with: apim-sandbox scenario new {path}")
    if len(found) > 1:
        raise DocumentError(
            found[1].place(), f"holds {len(found)} documents, a scenario is one", "one file a scenario"
        )
    return from_file(found[0])


def loads(text: str, file: str = "<scenario>") -> Loaded:
    """The scenario of a YAML text. Raises `DocumentError`."""
    return from_file(documents.parse_one(text, file))


def from_file(document: Document) -> Loaded:
    """The scenario of a parsed document. Raises `DocumentError` for the first problem, with the others."""
    scenario = validated(Scenario, document, "the scenario")
    problems = [
        *impossible(scenario, document),
        *uncheckable(scenario, document),
        *disagreeing(scenario, document),
    ]
    if problems:
        raise together(problems)
    loaded = Loaded(scenario, document)
    for with_cause in (True, False):
        world = loaded.world(with_cause=with_cause)
        loaded.manifest(with_cause=with_cause)
        problems = list(wrong_faults(scenario, document, world, with_cause=with_cause))
        if problems:
            raise together(problems)
    return loaded


def load_all(paths: Iterable[Path]) -> list[Loaded]:
    """The scenarios of files and folders, by id. Raises `DocumentError` for all mistakes together."""
    found: dict[str, Loaded] = {}
    problems: list[DocumentError] = []
    for file in dict.fromkeys(file for path in paths for file in files_of(path)):
        try:
            one = load(file)
        except DocumentError as error:
            problems += error.problems
            continue
        first = found.setdefault(one.scenario.id, one)
        if first is not one:
            where = one.document.place("id")
            problems.append(
                DocumentError(
                    where,
                    f'a second scenario is called "{one.scenario.id}"',
                    f"choose another id (the first is at {first.document.place('id')})",
                )
            )
    if problems:
        raise together(problems)
    return [found[key] for key in sorted(found)]


def files_of(path: Path) -> Iterator[Path]:
    """The scenario files of a folder, or the file itself."""
    if path.is_dir():
        yield from sorted(
            file for file in path.rglob("*") if file.suffix in SUFFIXES and file.name not in NOT_SCENARIOS
        )
    else:
        yield path


@cache
def _default_world() -> Any:
    return documents.parse_one(default_text(), DEFAULT_FILE).value
