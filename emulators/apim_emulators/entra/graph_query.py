"""OData query options as Graph takes them, as far as clients of identities need them. Pure.

`$filter`: `eq`, `ne`, `in`, `startswith`, `any`, `and`, `or`, `not`, parentheses, over strings,
booleans and null. `$select` picks properties, `$top` and `$skiptoken` page.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from apim_emulators.entra.graph_errors import GraphError

Json = Mapping[str, Any]
Predicate = Callable[[Json], bool]
PAGE = 100
MAX_PAGE = 999
MAX_FILTER = 8192  # characters
_MAX_DEPTH = 32
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<word>[A-Za-z_@][A-Za-z0-9_.@]*)|(?P<mark>[(),:/])|(?P<guid>[0-9A-Fa-f-]{36}))"
)


class Page(Struct, frozen=True):
    """One page of a list; `next_skip` is absent on the last one."""

    items: list[dict[str, Any]]
    next_skip: int | None


def parse_filter(source: str) -> Predicate:
    """The predicate that `$filter` means. Raises `GraphError` that names the position."""
    if len(source) > MAX_FILTER:
        raise GraphError("bad-filter", detail=f"longer than {MAX_FILTER} characters")
    return _Parser(source).whole()


def select(item: Mapping[str, Any], properties: str) -> dict[str, Any]:
    """`item` with the properties that `$select` names; all without it."""
    names = [name.strip() for name in properties.split(",") if name.strip()]
    if not names or "*" in names:
        return dict(item)
    return {name: item[name] for name in names if name in item} | (
        {} if "id" in names or "id" not in item else {"id": item["id"]}
    )


def paged(items: Sequence[Mapping[str, Any]], options: Mapping[str, str]) -> Page:
    """What of `items` the options `$filter`, `$select`, `$top`, `$skiptoken` and `$skip` leave."""
    found: list[Mapping[str, Any]] = list(items)
    if options.get("$filter", "").strip():
        predicate = parse_filter(options["$filter"])
        found = [item for item in found if predicate(item)]
    top = _number(options, "$top", PAGE, 1, MAX_PAGE)
    skip = _number(options, "$skiptoken", 0, 0, 1_000_000) or _number(options, "$skip", 0, 0, 1_000_000)
    page = [select(item, options.get("$select", "")) for item in found[skip : skip + top]]
    return Page(page, skip + top if skip + top < len(found) else None)


def next_link(base: str, options: Mapping[str, str], skip: int) -> str:
    """`@odata.nextLink`: the same question with a skip token."""
    kept = {name: value for name, value in options.items() if name not in ("$skiptoken", "$skip")}
    query = "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in kept.items())
    return f"{base}?{query + '&' if query else ''}$skiptoken={skip}"


def _number(options: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,7}", text) or not low <= int(text) <= high:
        raise GraphError("bad-request", detail=f"Invalid value for query option {name}: '{text}'.")
    return int(text)


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens: list[tuple[str, str, int]] = []
        self._at = 0
        self._depth = 0
        position = 0
        while source[position:].strip():
            found = _TOKEN.match(source, position)
            if found is None or found.end() == position:
                raise GraphError("bad-filter", detail=f"syntax error at position {position} in '{source}'.")
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind], found.start(kind)))
            position = found.end()

    def whole(self) -> Predicate:
        predicate = self._or()
        if self._at < len(self._tokens):
            raise self._error()
        return predicate

    def _or(self) -> Predicate:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise GraphError("bad-filter", detail=f"nested more than {_MAX_DEPTH} deep")
        options = [self._and()]
        while self._takes("or"):
            options.append(self._and())
        self._depth -= 1
        return options[0] if len(options) == 1 else lambda item: any(option(item) for option in options)

    def _and(self) -> Predicate:
        parts = [self._unary()]
        while self._takes("and"):
            parts.append(self._unary())
        return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)

    def _unary(self) -> Predicate:
        negations = 0
        while self._takes("not"):
            negations += 1
        inner = self._primary()
        return (lambda item: not inner(item)) if negations % 2 else inner

    def _primary(self) -> Predicate:
        if self._takes("("):
            inner = self._or()
            self._expect(")")
            return inner
        if self._peek() == "startswith":
            self._at += 1
            self._expect("(")
            path = self._path()
            self._expect(",")
            prefix = self._literal()
            self._expect(")")
            return lambda item: _starts(_value(item, path), prefix)
        path = self._path(stop_at_any=True)
        if self._takes("any"):
            return self._any(path)
        return self._comparison(path)

    def _any(self, path: tuple[str, ...]) -> Predicate:
        """`servicePrincipalNames/any(c:c eq '…')`"""
        self._expect("(")
        variable = self._word()
        self._expect(":")
        if self._word() != variable:
            raise self._error()
        inner = self._comparison(())
        self._expect(")")
        return lambda item: any(inner({"": element}) for element in _list(_value(item, path)))

    def _comparison(self, path: tuple[str, ...]) -> Predicate:
        operator = self._word().lower()
        names = path or ("",)
        if operator == "in":
            self._expect("(")
            values = [self._literal()]
            while self._takes(","):
                values.append(self._literal())
            self._expect(")")
            return lambda item: any(_same(_value(item, names), value) for value in values)
        if operator not in ("eq", "ne"):
            self._at -= 1
            raise self._error()
        literal = self._literal()
        if operator == "eq":
            return lambda item: _same(_value(item, names), literal)
        return lambda item: not _same(_value(item, names), literal)

    def _path(self, *, stop_at_any: bool = False) -> tuple[str, ...]:
        names = [self._word()]
        while self._takes("/"):
            if stop_at_any and self._peek() == "any":
                break
            names.append(self._word())
        return tuple(names)

    def _literal(self) -> str | bool | None:
        if self._at < len(self._tokens):
            kind, text, _ = self._tokens[self._at]
            self._at += 1
            if kind == "string":
                return text[1:-1].replace("''", "'")
            if kind == "guid":
                return text
            if text in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[text]
            self._at -= 1
        raise self._error()

    def _word(self) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "word":
            self._at += 1
            return self._tokens[self._at - 1][1]
        raise self._error()

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _takes(self, text: str) -> bool:
        taken = (
            self._at < len(self._tokens) and self._tokens[self._at][0] != "string" and self._peek() == text
        )
        self._at += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._takes(text):
            raise self._error()

    def _error(self) -> GraphError:
        position = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._source)
        return GraphError("bad-filter", detail=f"syntax error at position {position} in '{self._source}'.")


def _value(item: Json, path: tuple[str, ...]) -> Any:
    value: Any = item
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _same(value: Any, literal: str | bool | None) -> bool:
    """Strings compare without regard to letter case, as directory properties do."""
    if isinstance(value, str) and isinstance(literal, str):
        return value.casefold() == literal.casefold()
    return type(value) is type(literal) and value == literal


def _starts(value: Any, prefix: object) -> bool:
    return (
        isinstance(value, str) and isinstance(prefix, str) and value.casefold().startswith(prefix.casefold())
    )
