"""From a world file to a `World`, with every mistake shown where it stands."""

from pathlib import Path

from apim_sandbox import documents
from apim_sandbox.documents import Document, DocumentError, Place, dotted, together
from apim_sandbox.world.model import World
from apim_sandbox.world.ready import READY, is_ready, ready_text
from apim_sandbox.world.references import Dangling, Duplicate, dangling, duplicates


def load(path: Path) -> World:
    """The world of a YAML file, or a ready one by its name. Raises `DocumentError`."""
    return from_document(_only(documents.parse(text_of(path), str(path)), str(path)))


def text_of(path: Path) -> str:
    """A world file's text, or that of the ready world that `path` names. Raises `DocumentError`."""
    if is_ready(path):
        return ready_text(str(path))
    try:
        return documents.read_text(path)
    except DocumentError as error:
        if path.exists() or path.suffix or path.parent != Path():
            raise
        known = ", ".join(READY)
        raise DocumentError(
            error.place, f"is no file, and no ready world has that name: {known}", "apim-sandbox world list"
        ) from None


def loads(text: str, file: str = "<world>") -> World:
    """The world of a YAML text. Raises `DocumentError`."""
    return from_document(documents.parse_one(text, file))


def from_document(document: Document) -> World:
    """The world of a parsed document. Raises `DocumentError` for the first problem, with the others."""
    from apim_sandbox.world.parsing import parse_world  # the built-in world does without

    world = parse_world(document)
    mistakes: list[Dangling | Duplicate] = [*duplicates(world), *dangling(world)]
    problems = [_point_out(document, one) for one in mistakes]
    if problems:
        raise together(problems)
    return world


def _only(found: list[Document], file: str) -> Document:
    if not found:
        raise DocumentError(Place(file), "is empty", "begin with: apim-sandbox world show > world.yaml")
    if len(found) > 1:
        raise DocumentError(found[1].place(), "a second document begins here, a world is one", "remove ---")
    return found[0]


def _point_out(document: Document, one: Dangling | Duplicate) -> DocumentError:
    place = document.place(*one.path)
    if isinstance(one, Duplicate):
        first = document.place(*one.first)
        return DocumentError(
            place,
            f'{dotted(one.path)}: a second {one.noun} "{one.name}" appears',
            f'rename one "{one.name}" (the first is at {first})',
        )
    declared = _declared(document, one.declared_at, one.where)
    message = (
        f'{dotted(one.path)}: {one.noun} "{one.name}" does not exist; {declared} has {_listed(one.known)}'
    )
    return DocumentError(place, message, one.fix)


def _declared(document: Document, path: tuple[str | int, ...], where: str) -> str:
    place = document.key_place(*path)
    return f"{where} ({place})" if place.line else where


def _listed(known: tuple[str, ...]) -> str:
    shown = ", ".join(f'"{one}"' for one in known[:12]) or "none"
    return shown + (", ..." if len(known) > 12 else "")
