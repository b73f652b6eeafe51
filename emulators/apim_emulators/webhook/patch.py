"""The difference between two JSON documents as JSON Patch (RFC 6902).

A pod of fields that the webhook's types know gets no remove operation, which upstream tests
(Azure/azure-workload-identity#1312); only what they do not know is removed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Operation = dict[str, Any]


def diff(old: Any, new: Any) -> list[Operation]:
    """The operations that turn `old` into `new`; none when they are equal."""
    return list(_diff(old, new, ""))


def _diff(old: Any, new: Any, path: str) -> Iterator[Operation]:
    if _same(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() - new.keys()):
            yield {"op": "remove", "path": f"{path}/{_escaped(name)}"}
        for name, value in new.items():
            at = f"{path}/{_escaped(name)}"
            if name in old:
                yield from _diff(old[name], value, at)
            else:
                yield {"op": "add", "path": at, "value": value}
    elif isinstance(old, list) and isinstance(new, list) and (places := _places(old, new)) is not None:
        for index, value in enumerate(new):
            at = f"{path}/{index}"
            if index in places:
                yield from _diff(old[places[index]], value, at)
            else:
                yield {"op": "add", "path": at, "value": value}
    else:
        yield {"op": "replace", "path": path, "value": new}


def _places(old: Sequence[Any], new: Sequence[Any]) -> dict[int, int] | None:
    """Which old element each new one continues, in order; None when an old one is gone.

    Kubernetes' lists are keyed by `name`; elements without one continue the one at their place.
    """
    places: dict[int, int] = {}
    following = 0
    for index, value in enumerate(new):
        if following < len(old) and _continues(old[following], value):
            places[index] = following
            following += 1
    return places if following == len(old) else None


def _continues(old: Any, new: Any) -> bool:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return bool(old.get("name") == new.get("name"))
    return _same(old, new)


def _same(old: Any, new: Any) -> bool:
    """Equality of JSON values: to Python, true is 1 and 1 is 1.0."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return type(old) is type(new) and bool(old == new)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
