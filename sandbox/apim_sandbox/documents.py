"""YAML documents that know where each of their values stands: for worlds, manifests and scenarios.

`parse` gives plain data (dict, list, str, int, float, bool, None) and, beside it, the line and
column of every key and value by JSON pointer (RFC 6901). It is stricter than PyYAML: a duplicate key
is an error, as is a key that is no scalar. Timestamps stay strings, as in Kubernetes.
"""

import codecs
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml
from msgspec import Struct, field

from apim_emulators.core.nearest import nearest as nearest
from apim_emulators.core.records import Redacted

MAX_CHARACTERS = 8 * 1024 * 1024
MAX_DEPTH = 100
MAX_VALUES = 100_000  # with aliases expanded: what an "alias bomb" grows into

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD = "tag:yaml.org,2002:"
_TEXT_TAGS = {_STANDARD + name for name in ("str", "timestamp", "binary", "value")}


class Place(Struct, frozen=True, order=True):
    """Where something stands; line and column count from 1, 0 when unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


class DocumentError(ValueError):
    """A document that a person must mend.

    `fix` says what to do. `others` are further problems of the same files, found in the same look.
    """

    def __init__(
        self, place: Place, message: str, fix: str = "", others: tuple["DocumentError", ...] = ()
    ) -> None:
        super().__init__(f"{place}: {message}" + (f" (fix: {fix})" if fix else ""))
        self.place = place
        self.message = message
        self.fix = fix
        self.others = others

    @property
    def file(self) -> str:
        return self.place.file

    @property
    def line(self) -> int:
        return self.place.line

    @property
    def column(self) -> int:
        return self.place.column

    @property
    def problems(self) -> tuple["DocumentError", ...]:
        """This error and the others, in the order of their places."""
        return (self, *self.others)


def together(problems: list[DocumentError]) -> DocumentError:
    """One error of several: the first by place, the others beside it."""
    ordered = sorted(problems, key=lambda problem: problem.place)
    first = ordered[0]
    return DocumentError(first.place, first.message, first.fix, tuple(ordered[1:]))


class Document(Redacted, frozen=True):
    """One YAML document: its data and the places of its keys and values."""

    redacted: ClassVar = ("values", "keys")

    file: str
    value: Any
    values: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    keys: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def place(self, *path: str | int) -> Place:
        """Where the value at `path` stands; for what is absent, its nearest ancestor."""
        return self._find(self.values, path)

    def key_place(self, *path: str | int) -> Place:
        """Where the key of the value at `path` stands (a list's item: the item itself)."""
        pointer = pointer_of(path)
        if pointer in self.keys:
            return Place(self.file, *self.keys[pointer])
        return self.place(*path)

    def error(self, path: Iterable[str | int], message: str, fix: str = "") -> DocumentError:
        """An error about the value at `path`."""
        return DocumentError(self.place(*path), message, fix)

    def _find(self, table: Mapping[str, tuple[int, int]], path: tuple[str | int, ...]) -> Place:
        for length in range(len(path), -1, -1):
            found = table.get(pointer_of(path[:length]))
            if found is not None:
                return Place(self.file, *found)
        return Place(self.file)


def pointer_of(path: Iterable[str | int]) -> str:
    """`path` as a JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def dotted(path: Iterable[str | int]) -> str:
    """`path` as people write it: `spec.containers[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read(path: Path) -> list[Document]:
    """The documents of a file. Raises `DocumentError`, also when the file can't be read."""
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """A file's text. Raises `DocumentError` when it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        wide = error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        fix = "save it as UTF-8; PowerShell's > writes UTF-16" if wide else ""
        raise DocumentError(Place(str(path)), f"is not UTF-8 at byte {error.start}", fix) from None
    except OSError as error:
        raise DocumentError(Place(str(path)), f"can't be read: {error.strerror}") from None


def parse(text: str, file: str = "<text>") -> list[Document]:
    """The documents of `text`, empty ones left out. Raises `DocumentError`."""
    if len(text) > MAX_CHARACTERS:
        raise DocumentError(Place(file), f"is longer than {MAX_CHARACTERS} characters")
    documents = []
    loader = _LOADER(text)
    try:
        _refuse_depth(text, file)
        while loader.check_node():
            node = loader.get_node()
            builder = _Builder(file)
            value = builder.build(node, "")
            if value is not None:
                documents.append(Document(file, value, builder.values, builder.keys))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(_place(file, mark), _sentence(error), _yaml_fix(error, text)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        point = error.character if isinstance(error.character, int) else ord(error.character)
        raise DocumentError(
            Place(file, line, column), f"character U+{point:04X} is not allowed in YAML"
        ) from None
    finally:
        loader.dispose()
    return documents


def parse_one(text: str, file: str = "<text>") -> Document:
    """The one document of `text`; an empty text is an empty mapping. Raises `DocumentError`."""
    documents = parse(text, file)
    if len(documents) > 1:
        second = documents[1].place()
        raise DocumentError(second, "a second document begins here, one is expected", "remove the --- line")
    return documents[0] if documents else Document(file, {})


def _refuse_depth(text: str, file: str) -> None:
    """Composing recurses in C, where too deep means a crash, so depth is counted over events before."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise DocumentError(
                    _place(file, event.start_mark), f"is nested deeper than {MAX_DEPTH} levels"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Builder:
    """Turns a node graph into data, noting places on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[str, tuple[int, int]] = {}
        self.keys: dict[str, tuple[int, int]] = {}
        self._open: set[int] = set()
        self._constructor = yaml.constructor.SafeConstructor()

    def build(self, node: yaml.Node, pointer: str) -> Any:
        self.values[pointer] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if len(self.values) > MAX_VALUES:
            raise DocumentError(Place(self.file), f"has more than {MAX_VALUES} values, aliases expanded")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            raise self._error(node, "an alias contains itself", "write the value out")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                if node.tag != _STANDARD + "seq":
                    raise self._unknown_tag(node)
                return [self.build(item, f"{pointer}/{index}") for index, item in enumerate(node.value)]
            if node.tag != _STANDARD + "map":
                raise self._unknown_tag(node)
            return self._mapping(node, pointer)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, pointer: str) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a mapping's key must be a plain word", "put the key in quotes")
            if key_node.tag == _STANDARD + "merge":
                for name, value in self._merge(value_node, pointer):
                    merged.setdefault(name, value)
                continue
            key = str(key_node.value)
            child = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in own:
                first = self.keys[child][0]
                raise self._error(
                    key_node, f'key "{key}" appears twice, first in line {first}', "remove one of them"
                )
            self.keys[child] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            own[key] = self.build(value_node, child)
        for name, value in merged.items():
            own.setdefault(name, value)
        return own

    def _merge(self, node: yaml.Node, pointer: str) -> Iterator[tuple[str, Any]]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise self._error(source, "<< takes a mapping", "point the alias at a mapping")
            part = _Builder(self.file)
            part._open = self._open
            value = part.build(source, pointer)
            for table, theirs in ((self.values, part.values), (self.keys, part.keys)):
                for where, mark in theirs.items():
                    table.setdefault(where, mark)
            yield from value.items()

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag in _TEXT_TAGS:
            return node.value
        if node.tag == _STANDARD + "null":
            return None
        try:
            if node.tag == _STANDARD + "bool":
                return self._constructor.construct_yaml_bool(node)
            # YAML 1.1's base 60 ("12:30") is text to Kubernetes, and to people.
            if node.tag in (_STANDARD + "int", _STANDARD + "float") and ":" in node.value:
                return node.value
            if node.tag == _STANDARD + "int":
                return self._constructor.construct_yaml_int(node)
            if node.tag == _STANDARD + "float":
                return self._constructor.construct_yaml_float(node)
        except (ValueError, KeyError):
            raise self._error(node, f"{node.value!r} does not fit its tag {node.tag}") from None
        raise self._unknown_tag(node)

    def _unknown_tag(self, node: yaml.Node) -> DocumentError:
        return self._error(node, f"tag {node.tag} is not known", "remove the tag")

    def _error(self, node: yaml.Node, message: str, fix: str = "") -> DocumentError:
        return DocumentError(_place(self.file, node.start_mark), message, fix)


def _place(file: str, mark: Any) -> Place:
    return Place(file) if mark is None else Place(file, mark.line + 1, mark.column + 1)


def _sentence(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return "is not YAML: " + ", ".join(parts)


def _yaml_fix(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark is None:
        return ""
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1]:
        return "indent with spaces, not with tabs"
    problem = error.problem or ""
    if "mapping values are not allowed" in problem:
        return 'put a value that contains ": " in quotes, or check the indentation of this line'
    if "undefined alias" in problem:
        return "define the anchor (&name) before its alias (*name)"
    return "check the indentation and the quotes of this line and the one before"
