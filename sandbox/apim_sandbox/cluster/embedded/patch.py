"""JSON Patch (RFC 6902) as the webhook sends it: add, replace, remove. Pure."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any


class PatchError(ValueError):
    """A patch that does not fit the document; the message names the operation."""


def apply_patch(document: Any, operations: Iterable[Mapping[str, Any]]) -> Any:
    """A patched copy of `document`. Raises `PatchError`."""
    result = deepcopy(document)
    for operation in operations:
        try:
            result = _apply(result, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise PatchError(f"{operation.get('op')} {operation.get('path')}: {error}") from None
    return result


def _apply(document: Any, operation: Mapping[str, Any]) -> Any:
    op, path = operation["op"], operation["path"]
    if op not in ("add", "replace", "remove"):
        raise ValueError(f"operation {op!r} is not supported")
    if path == "":
        if op == "remove":
            raise ValueError("the whole document can't be removed")
        return deepcopy(operation["value"])
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    target = document
    for part in parents:
        target = target[_index(part, len(target))] if isinstance(target, list) else target[part]
    value = None if op == "remove" else deepcopy(operation["value"])
    if isinstance(target, list):
        _in_list(target, op, last, value)
    elif isinstance(target, dict):
        if op != "add" and last not in target:
            raise KeyError(last)
        if op == "remove":
            del target[last]
        else:
            target[last] = value
    else:
        raise TypeError("the parent is neither an object nor an array")
    return document


def _in_list(target: list[Any], op: str, last: str, value: Any) -> None:
    if op == "add":
        target.insert(len(target) if last == "-" else _index(last, len(target) + 1), value)
    elif op == "replace":
        target[_index(last, len(target))] = value
    else:
        del target[_index(last, len(target))]


def _index(part: str, length: int) -> int:
    if not part.isdecimal() or (len(part) > 1 and part[0] == "0"):
        raise ValueError(f"{part!r} is not an array index")
    index = int(part)
    if index >= length:
        raise IndexError(f"index {index} is beyond the array's end")
    return index
