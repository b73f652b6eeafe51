"""From YAML nodes to JSON values, as go-yaml v2 and sigs.k8s.io/yaml make them (pure)."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from apim_emulators.webhook.annotations import quote
from apim_emulators.webhook.gojson import GoJsonError, Number
from apim_emulators.webhook.goyaml_scalars import scalar

# go-yaml's measure of documents that are aliases of aliases (decode.go).
_MANY_ALIASES, _MANY_NODES, _ALIAS_SHARE = 100, 1000, 0.99


class GoYamlError(GoJsonError):
    """The text that sigs.k8s.io/yaml would return; it stands alone."""


class Construction:
    """From nodes to values, as go-yaml decodes into an empty interface."""

    def __init__(self, aliases: dict[int, str]) -> None:
        self._aliases = aliases
        self._open: set[int] = set()
        self._done: set[int] = set()
        self._depth = self._nodes = self._aliased = 0

    def value(self, node: Any) -> Any:
        """Raises `GoYamlError`."""
        alias = id(node) in self._aliases and id(node) in self._done
        if id(node) in self._open:
            _fail(f"anchor '{self._aliases.get(id(node), '')}' value contains itself")
        self._depth += alias
        self._count()
        self._open.add(id(node))
        found = self._value(node)
        self._open.discard(id(node))
        self._done.add(id(node))
        self._depth -= alias
        return found

    def _value(self, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one) for one in node.value]
        return self._map(node)

    def _map(self, node: Any) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, one in node.value:
            if _merges(key):
                for merged in self._merged(one):
                    found.update(merged)
                continue
            name = self.value(key)
            if isinstance(name, dict | list):
                _fail(f"invalid map key: {_go_syntax(name)}")
            found[_Key(name)] = self.value(one)
        return found

    def _merged(self, node: Any) -> Iterator[dict[Any, Any]]:
        """What a `<<` brings, the last word last: of several maps that is the first."""
        several = isinstance(node, yaml.SequenceNode)
        for one in reversed(node.value) if several else [node]:
            if not isinstance(one, yaml.MappingNode):
                _fail("map merge requires map or sequence of maps as the value")
            yield self.value(one)

    def _count(self) -> None:
        self._nodes += 1
        self._aliased += self._depth > 0
        many = self._aliased > _MANY_ALIASES and self._nodes > _MANY_NODES
        if many and self._aliased / self._nodes > _ALIAS_SHARE:
            _fail("document contains excessive aliasing")


class _Key:
    """A key that is told from others by its type too: 1 and "1" and true are three."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and (type(self.value), self.value) == (type(other.value), other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


def _scalar(node: Any) -> Any:
    if node.tag == "tag:yaml.org,2002:binary":
        try:
            text = re.sub(r"[\r\n]", "", node.value)
            return base64.b64decode(text.encode(), validate=True).decode("utf-8", "replace")
        except (binascii.Error, UnicodeEncodeError):
            _fail("!!binary value contains invalid base64 data")
    try:
        return scalar(node.tag, node.value)
    except GoJsonError as error:
        _fail(str(error))


def _merges(key: Any) -> bool:
    return (
        isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.tag in ("", "tag:yaml.org,2002:merge")
    )


def jsonable(value: Any) -> Any:
    """What the values of a document are in JSON. Raises `GoYamlError`."""
    if isinstance(value, dict):
        return {_member(key.value, one): jsonable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [jsonable(one) for one in value]
    if isinstance(value, float) and not isinstance(value, Number):
        raise GoYamlError(f"json: unsupported value: {_unsupported(value)}")
    return value


def _member(key: Any, value: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        shown = "<nil>" if value is None else _go_syntax(value)
        raise GoYamlError(f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}")
    if isinstance(key, float) and not isinstance(key, Number):
        return {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}[_unsupported(key)]
    return str(key)


def _unsupported(value: float) -> str:
    return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"


def _go_syntax(value: Any) -> str:
    """A value as Go's `%#v` shows it."""
    match value:
        case None:
            return "interface {}(nil)"
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case list():
            return f"[]interface {{}}{{{', '.join(map(_go_syntax, value))}}}"
        case dict():
            shown = sorted(f"{_go_syntax(key.value)}:{_go_syntax(one)}" for key, one in value.items())
            return f"map[interface {{}}]interface {{}}{{{', '.join(shown)}}}"
    return str(value)


def _fail(message: str) -> NoReturn:
    raise GoYamlError(f"yaml: {message}")
