"""Small edits of the default world and of a manifest: what a scenario changes. Pure."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from apim_sandbox.documents import nearest
from apim_sandbox.scenario.model import ManifestEdit, WorldEdit

# What names an item of a list, in this order.
_NAMES = ("name", "principal", "role")


class EditError(ValueError):
    """An edit that does not fit what it edits; `fix` says what would."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


def edit_world(world: Any, edits: Iterable[WorldEdit]) -> Any:
    """A copy of a world's plain data with the edits made in order. Raises `EditError`."""
    changed = deepcopy(world)
    for edit in edits:
        path = (edit.set or edit.add or edit.remove or "").split("/")
        if edit.add is not None:
            _list_at(changed, path).append(deepcopy(edit.to))
            continue
        parent = _find(changed, path[:-1], path)
        if edit.remove is not None:
            _remove(parent, path)
        else:
            _set(parent, path, deepcopy(edit.to))
    return changed


def edit_manifest(text: str, edits: Iterable[ManifestEdit]) -> str:
    """A manifest's text with the edits made in order. Raises `EditError`."""
    for edit in edits:
        places = list(_occurrences(text, edit.sought))
        if not places:
            raise EditError(f"the manifest does not hold {edit.sought!r}", _similar_line(text, edit.sought))
        if edit.which is None and len(places) > 1:
            raise EditError(
                f"the manifest holds {edit.sought!r} {len(places)} times", "say which: 1, or which: 0 for all"
            )
        if edit.which is not None and edit.which > len(places):
            raise EditError(f"the manifest holds {edit.sought!r} {len(places)} times, not {edit.which}")
        chosen = places if edit.which == 0 else [places[(edit.which or 1) - 1]]
        for place in reversed(chosen):
            text = _edited(text, place, edit)
    return text


def _edited(text: str, place: int, edit: ManifestEdit) -> str:
    if edit.replace is not None:
        return text[:place] + (edit.with_ or "") + text[place + len(edit.replace) :]
    begin = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    end = len(text) if end < 0 else end + 1
    if edit.remove_line is not None:
        return text[:begin] + text[end:]
    return text[:end] + (edit.insert or "").rstrip("\n") + "\n" + text[end:]


def _occurrences(text: str, sought: str) -> Iterator[int]:
    place = text.find(sought)
    while place >= 0:
        yield place
        place = text.find(sought, place + len(sought))


def _similar_line(text: str, sought: str) -> str:
    lines = {line.strip(): line for line in text.splitlines()}
    meant = nearest(sought.strip().splitlines()[0] if sought.strip() else sought, lines)
    return f"it holds {meant!r}" if meant else ""


def _find(world: Any, path: list[str], whole: list[str]) -> Any:
    """The one place at `path`: from the top when its first key is there, else wherever it fits."""
    shown = "/".join(whole)
    if not path:
        return world
    if path[0] in world or path[0] == "settings":
        return _descend(world, path, shown)
    found = [place for place in _everywhere(world) if _fits(place, path)]
    if len(found) == 1:
        return _descend(found[0], path, shown)
    if len(found) > 1:
        raise EditError(f"{shown} fits {len(found)} places of the world", "begin the path further up")
    keys = sorted({key for place in _everywhere(world) for key in place})
    if path[0] not in keys:
        meant = nearest(path[0], keys)
        raise EditError(f'nothing in the world is called "{path[0]}"', f'write "{meant}"' if meant else "")
    names = [
        _name(item)
        for place in _everywhere(world)
        if isinstance(place.get(path[0]), list)
        for item in place[path[0]]
    ]
    listed = ", ".join(dict.fromkeys(name for name in names if name))
    raise EditError(f"{shown} fits no place of the world", f"{path[0]} has {listed}" if listed else "")


def _everywhere(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _everywhere(part)
    elif isinstance(value, list):
        for part in value:
            yield from _everywhere(part)


def _fits(place: dict[str, Any], path: list[str]) -> bool:
    value: Any = place
    for part in path:
        if isinstance(value, list):
            found = [item for item in value if _selected(item, part)]
            if len(found) != 1:
                return False
            value = found[0]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return False
    return True


def _descend(value: Any, path: list[str], shown: str) -> Any:
    for part in path:
        if isinstance(value, list):
            value = value[_index(value, part, shown)]
        elif isinstance(value, dict):
            value = value.setdefault(part, {})
        else:
            raise EditError(f'{shown}: there is nothing below "{value}"')
    return value


def _index(items: list[Any], selector: str, shown: str) -> int:
    found = [index for index, item in enumerate(items) if _selected(item, selector)]
    if len(found) != 1:
        names = ", ".join(dict.fromkeys(_name(item) for item in items))
        raise EditError(f'{shown}: "{selector}" fits {len(found)} items', f"there are {names}")
    return found[0]


def _selected(item: Any, selector: str) -> bool:
    if not isinstance(item, dict):
        return bool(item == selector)
    key, equals, value = selector.partition("=")
    if equals:
        return item.get(key) == value
    return _name(item) == selector


def _name(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return next((str(item[key]) for key in _NAMES if key in item), "")


def named_items(value: Any) -> dict[str, Any] | None:
    """The items of a list by the names that paths give them; None where a name is missing or twice."""
    if not isinstance(value, list):
        return None
    found = {
        _name(item): item for item in value if isinstance(item, dict) and not {"/", "="} & set(_name(item))
    }
    return found if len(found) == len(value) and "" not in found else None


def _list_at(world: Any, path: list[str]) -> list[Any]:
    parent = _find(world, path[:-1], path) if len(path) > 1 or path[0] in world else None
    if parent is None:
        holders = [place for place in _everywhere(world) if isinstance(place.get(path[0]), list)]
        if len(holders) != 1:
            raise EditError(
                f'"{path[0]}" is a list in {len(holders)} places of the world', "begin the path further up"
            )
        parent = holders[0]
    found = parent.setdefault(path[-1], [])
    if not isinstance(found, list):
        raise EditError(f"{'/'.join(path)} is no list")
    return found


def _remove(parent: Any, path: list[str]) -> None:
    part = path[-1]
    if isinstance(parent, list):
        del parent[_index(parent, part, "/".join(path))]
    elif part in parent:
        del parent[part]
    else:
        raise EditError(f'there is no "{part}" to remove', "there are " + ", ".join(parent))


def _set(parent: Any, path: list[str], value: Any) -> None:
    if isinstance(parent, list):
        parent[_index(parent, path[-1], "/".join(path))] = value
    else:
        parent[path[-1]] = value
