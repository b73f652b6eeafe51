"""From two texts or worlds to the edits that make one of the other: the reverse of `edits.py`. Pure."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from apim_sandbox.scenario.edits import edit_manifest, named_items
from apim_sandbox.scenario.model import ManifestEdit, WorldEdit


def manifest_edits(before: str, after: str) -> list[ManifestEdit]:
    """Edits by which `edit_manifest` makes `after` of `before`: one a block of changed lines."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    edits: list[ManifestEdit] = []
    text = before
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        edit = _edit(text, old, new, (a, b, c, d))
        text = edit_manifest(text, (edit,))
        edits.append(edit)
    if text != after:
        raise AssertionError("the edits do not make the manifest that they were made from")
    return edits


def _edit(text: str, old: list[str], new: list[str], block: tuple[int, int, int, int]) -> ManifestEdit:
    """The changed lines, with as many lines before them as it takes to find them once in `text`."""
    a, b, c, d = block
    if b - a == d - c == 1:
        line = _within(text, old[a], new[c])
        if line is not None:
            return line
    while True:
        sought, wanted = "".join(old[a:b]), "".join(new[c:d])
        if sought.strip() and text.count(sought) == 1:
            return _replacing(sought, wanted)
        if a > 0 and c > 0:
            a, c = a - 1, c - 1
        elif b < len(old):
            wanted, b, d = wanted + old[b], b + 1, d + 1
        else:
            return _replacing(text, "".join(new))


def _within(text: str, old: str, new: str) -> ManifestEdit | None:
    """One line for another, without what is around it, where that stands once."""
    sought, wanted = old.strip(), new.strip()
    same_around = old.replace(sought, wanted, 1) == new if sought else False
    return _replacing(sought, wanted) if same_around and text.count(sought) == 1 else None


def _replacing(sought: str, wanted: str) -> ManifestEdit:
    return ManifestEdit.model_validate({"replace": sought, "with": wanted})


def world_edits(before: Any, after: Any, path: str = "") -> Iterator[WorldEdit]:
    """Edits by which `edit_world` makes `after` of `before`, both plain data; paths begin at the top."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (key for key in before if key not in after):
            yield WorldEdit(remove=_below(path, key))
        for key, value in after.items():
            if key not in before:
                yield WorldEdit(set=_below(path, key), to=value)
            else:
                yield from world_edits(before[key], value, _below(path, key))
        return
    old, new = named_items(before), named_items(after)
    if old is None or new is None:
        yield WorldEdit(set=path, to=after)
        return
    for name in (name for name in old if name not in new):
        yield WorldEdit(remove=_below(path, name))
    for name, value in new.items():
        if name in old:
            yield from world_edits(old[name], value, _below(path, name))
        else:
            yield WorldEdit(add=path, to=value)


def _below(path: str, key: str) -> str:
    return f"{path}/{key}" if path else key
