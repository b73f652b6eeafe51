"""From a world file to a `World`, with every mistake shown where it stands."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from apim_sandbox import documents
from apim_sandbox.documents import Document, DocumentError, Place, dotted, nearest
from apim_sandbox.world.model import World
from apim_sandbox.world.references import Dangling, Duplicate, dangling, duplicates

# pydantic's error types, said the way a person would.
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number or a duration such as 10m",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
}


def load(path: Path) -> World:
    """The world of a YAML file. Raises `DocumentError`."""
    found = documents.read(path)
    return from_document(_only(found, str(path)))


def loads(text: str, file: str = "<world>") -> World:
    """The world of a YAML text. Raises `DocumentError`."""
    return from_document(documents.parse_one(text, file))


def from_document(document: Document) -> World:
    """The world of a parsed document. Raises `DocumentError` for the first problem, with the others."""
    try:
        world = World.model_validate(document.value)
    except ValidationError as error:
        raise _together([_explain(document, detail) for detail in error.errors()]) from None
    mistakes: list[Dangling | Duplicate] = [*duplicates(world), *dangling(world)]
    problems = [_point_out(document, one) for one in mistakes]
    if problems:
        raise _together(problems)
    return world


def _only(found: list[Document], file: str) -> Document:
    if not found:
        raise DocumentError(Place(file), "is empty", "begin with: apim-sandbox world show > world.yaml")
    if len(found) > 1:
        raise DocumentError(found[1].place(), "a second document begins here, a world is one", "remove ---")
    return found[0]


def _together(problems: list[DocumentError]) -> DocumentError:
    ordered = sorted(problems, key=lambda problem: problem.place)
    first = ordered[0]
    return DocumentError(first.place, first.message, first.fix, tuple(ordered[1:]))


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


def _explain(document: Document, detail: ErrorDetails) -> DocumentError:
    path = tuple(
        part for part in detail["loc"] if not (isinstance(part, str) and part.startswith("function-"))
    )
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _keys_at(path[:-1])
        meant = nearest(str(path[-1]), known)
        fix = f'write "{meant}"' if meant else "keys here are " + ", ".join(known)
        within = dotted(path[:-1]) or "the world"
        return DocumentError(document.key_place(*path), f'unknown key "{path[-1]}" in {within}', fix)
    if kind == "missing":
        return DocumentError(
            document.place(*path[:-1]),
            f"{dotted(path[:-1]) or 'the world'} lacks {path[-1]}",
            f"add {path[-1]}:",
        )
    if kind in _EXPECTED:
        message = (
            f"{dotted(path) or 'the world'} should be {_EXPECTED[kind]}, it is {_kind_of(detail['input'])}"
        )
        return DocumentError(document.place(*path), message, _type_fix(kind, detail["input"]))
    message = detail["msg"].removeprefix("Value error, ")
    if kind == "literal_error":
        expected = [word.strip("'") for word in _words(detail)]
        meant = nearest(str(detail["input"]), expected)
        return DocumentError(
            document.place(*path),
            f'{dotted(path)} should be one of {", ".join(expected)}, it is "{detail["input"]}"',
            f'write "{meant}"' if meant else "",
        )
    return DocumentError(document.place(*path), f"{dotted(path) or 'the world'}: {message}")


def _words(detail: ErrorDetails) -> Iterator[str]:
    text = detail.get("ctx", {}).get("expected", "")
    head, _, last = text.rpartition(" or ")
    if head:
        yield from _split_quoted(head)
    yield last


def _split_quoted(text: str) -> list[str]:
    return [part for index, part in enumerate(text.split("'")) if index % 2]


def _type_fix(kind: str, value: Any) -> str:
    if kind == "string_type" and isinstance(value, (int, float, bool)):
        return f'put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
    if kind == "bool_type" and isinstance(value, str) and value.lower() in ("true", "false"):
        return "remove the quotes"
    if kind == "tuple_type":
        return "begin each item with a dash"
    return ""


def _kind_of(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value}"'
    return "a list" if isinstance(value, (list, tuple)) else "a mapping"


@cache
def _schema() -> dict[str, Any]:
    return World.model_json_schema(by_alias=True)


def _keys_at(path: tuple[str | int, ...]) -> list[str]:
    """The keys that the model knows at `path`."""
    schema = _schema()
    definitions = schema.get("$defs", {})
    node: dict[str, Any] = schema
    for part in path:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
        options = [node, *node.get("anyOf", []), *node.get("allOf", [])]
        reference = next((option["$ref"] for option in options if "$ref" in option), None)
        if reference is not None:
            node = definitions[reference.rpartition("/")[2]]
    return list(node.get("properties", ()))
