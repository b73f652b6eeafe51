"""From pydantic's errors to a person's: the place in the document, what stands there, what should."""

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from apim_sandbox.documents import Document, DocumentError, dotted, nearest, together

T = TypeVar("T", bound=BaseModel)

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
_LIMITS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "string_pattern_mismatch": "text that matches {pattern}",
}


def validated(model: type[T], document: Document, noun: str) -> T:
    """The `model` in a document; `noun` is what messages call the whole ("the world").

    Raises `DocumentError` for the first problem, with the others.
    """
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        raise together([_explain(model, document, noun, detail) for detail in error.errors()]) from None


def _explain(model: type[BaseModel], document: Document, noun: str, detail: ErrorDetails) -> DocumentError:
    path = tuple(
        part for part in detail["loc"] if not (isinstance(part, str) and part.startswith("function-"))
    )
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        meant = nearest(str(path[-1]), known)
        fix = f'write "{meant}"' if meant else "keys here are " + ", ".join(known)
        within = dotted(path[:-1]) or noun
        return DocumentError(document.key_place(*path), f'unknown key "{path[-1]}" in {within}', fix)
    if kind == "missing":
        return DocumentError(
            document.place(*path[:-1]),
            f"{dotted(path[:-1]) or noun} lacks {path[-1]}",
            f"add {path[-1]}:",
        )
    if kind in _EXPECTED:
        message = f"{dotted(path) or noun} should be {_EXPECTED[kind]}, it is {_kind_of(detail['input'])}"
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
    if kind in _LIMITS:
        message = f"should be {_LIMITS[kind].format(**detail['ctx'])}, it is {_kind_of(detail['input'])}"
        return DocumentError(document.place(*path), f"{dotted(path) or noun} {message}")
    return DocumentError(document.place(*path), f"{dotted(path) or noun}: {message}")


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
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def _keys_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that the model knows at `path`."""
    schema = _schema(model)
    definitions = schema.get("$defs", {})
    node: dict[str, Any] = schema
    for part in path:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
        options = [node, *node.get("anyOf", []), *node.get("allOf", [])]
        reference = next((option["$ref"] for option in options if "$ref" in option), None)
        if reference is not None:
            node = definitions[reference.rpartition("/")[2]]
    return list(node.get("properties", ()))
