"""YAML where JSON was expected, as the API machinery's decoder reads it (sigs.k8s.io/yaml, go-yaml v2).

PyYAML scans and composes; what scalars mean, how maps are merged and which keys can be JSON's is go-yaml's.
Texts are libyaml's, which go-yaml took over.
"""

import re
from typing import Any, ClassVar

import yaml

from apim_emulators.webhook.gojson import GoJsonError
from apim_emulators.webhook.goyaml_values import Construction, GoYamlError, jsonable

MAX_TEXT = 64 * 1024  # characters: the API server sends JSON, and this loader, unlike libyaml, is slow

_WORDS = (
    (r"sequence entries are not allowed here", "block sequence entries are not allowed in this context"),
    (r"mapping (values|keys) are not allowed here", r"mapping \1 are not allowed in this context"),
    (r"expected ',' or '(.)', but got .*", r"did not find expected ',' or '\1'"),
    (r"expected (a comment or a line break|chomping or indentation indicators), but found .*",
     "did not find expected comment or line break"),
    (r"expected escape sequence of \d+ hexadecimal numbers, but found .*",
     "did not find expected hexdecimal number"),
    (r"expected the node content, but found .*", "did not find expected node content"),
    (r"expected '?<document start>'?, but found .*", "did not find expected <document start>"),
    (r"expected alphabetic or numeric character, but found .*",
     "did not find expected alphabetic or numeric character"),
    (r"found character .* that cannot start any token", "found character that cannot start any token"),
    (r"found unknown escape character .*", "found unknown escape character"),
    (r"found undefined tag handle .*", "found undefined tag handle"),
)  # fmt: skip
_LINE_ENDS = "\0\r\n\x85\u2028\u2029"
_NO_BLOCK_END = "expected <block end>, but found "
_STALE_KEY = "could not find expected ':'"


def loads(text: str) -> Any:
    """The first document, None for none. Raises `GoYamlError`."""
    if len(text) > MAX_TEXT:
        raise GoYamlError(f"yaml: a document of more than {MAX_TEXT} characters is read as JSON only")
    try:
        loader: Any = _Loader(text)  # libyaml's own recursion would take the process down
    except yaml.reader.ReaderError:
        raise GoYamlError("yaml: control characters are not allowed") from None
    try:
        if not loader.check_node():
            return None
        node = loader.get_node()
        return jsonable(Construction(loader.aliases).value(node))
    except yaml.YAMLError as error:
        raise GoYamlError(f"yaml: {_complaint(error, text)}") from None
    except RecursionError:
        raise GoJsonError("exceeded max depth") from None
    finally:
        loader.dispose()


_Scanner: Any = yaml.SafeLoader  # what is changed of it, its stubs call final


class _Loader(_Scanner):  # type: ignore[misc]
    """Scans as libyaml does where PyYAML differs. `aliases` are the names of the nodes that have any."""

    ESCAPE_REPLACEMENTS: ClassVar[dict[str, str]] = {
        key: value for key, value in yaml.SafeLoader.ESCAPE_REPLACEMENTS.items() if key != "/"
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.aliases: dict[int, str] = {}

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> list[str]:
        length = 0
        while self.peek(length) in " \t":
            length += 1
        run = self.prefix(length)
        if "\t" in run:
            self.forward(length)
            if self.peek() not in _LINE_ENDS:
                return [run]
        found: list[str] = super().scan_plain_spaces(indent, start_mark)
        return found

    def scan_flow_scalar(self, style: str) -> Any:
        token = super().scan_flow_scalar(style)
        if any("\ud800" <= character <= "\udfff" for character in token.value):
            wrong = "found invalid Unicode character escape code"
            raise yaml.scanner.ScannerError(None, None, wrong, token.start_mark)
        return token

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return "" if implicit[0] else "tag:yaml.org,2002:str"
        return str(super().resolve(kind, value, implicit))

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.ScalarEvent) and event.tag == "!":
            event.tag = "tag:yaml.org,2002:str"
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            self.aliases[id(node)] = str(event.anchor)
            return node
        self.anchors.pop(getattr(event, "anchor", None), None)  # an anchor may be set again
        return super().compose_node(parent, index)


def _complaint(error: yaml.YAMLError, text: str) -> str:
    """go-yaml names the line unless it is the first, which it counts as 0."""
    problem, mark = str(getattr(error, "problem", None) or error), getattr(error, "problem_mark", None)
    undefined = re.fullmatch(r"found undefined alias (.*)", problem)
    if undefined:
        return f"unknown anchor {undefined[1]} referenced"
    line = mark.line if mark is not None else 0
    if problem == _STALE_KEY and mark is not None and mark.index >= len(text) and mark.column:
        line += 1  # libyaml ends the last line before it looks
    if line and isinstance(error, yaml.scanner.ScannerError):
        line += 1
    words = _libyamls(problem, str(getattr(error, "context", "")))
    return f"line {line}: {words}" if line else words


def _libyamls(problem: str, context: str) -> str:
    if problem.startswith(_NO_BLOCK_END):
        return "did not find expected key" if "mapping" in context else "did not find expected '-' indicator"
    if "directive" in context and problem.startswith("expected alphabetic"):
        return "could not find expected directive name"
    for pattern, words in _WORDS:
        match = re.fullmatch(pattern, problem, re.DOTALL)
        if match:
            return match.expand(words)
    return problem
