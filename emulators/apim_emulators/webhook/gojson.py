"""JSON as Go scans it, with Go's error texts (encoding/json).

What the webhook tells about an undecodable pod or a malformed selector is such a text.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from apim_emulators.webhook.annotations import quote

NO_KIND = "couldn't get version/kind; json parse error: "
_TYPE_META = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)
_LITERALS = ("true", "false", "null")
_END = "unexpected end of JSON input"
_SPACE = " \t\r\n"
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*$")
_LONGEST_INTEGER = 400  # digits; Python refuses to read thousands of them
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class GoJsonError(ValueError):
    """The text that Go would return."""


class UnmarshalTypeError(GoJsonError):
    """A value of another kind than its Go type: `go`, for the member `path` of the struct `owner`."""

    def __init__(self, kind: str, go: str, owner: str = "", path: str = "") -> None:
        where = f"Go struct field {owner}.{path}" if path else "Go value"
        super().__init__(f"json: cannot unmarshal {kind} into {where} of type {go}")
        self.kind, self.go = kind, go


class Number(float):
    """A number with a fraction or an exponent; its text is what Go shows of it."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> "Number":
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    def __str__(self) -> str:
        return self.text


def loads(text: str) -> Any:
    """Decode JSON. Raises `GoJsonError` with the scanner's text for what is no JSON."""
    try:
        value = json.loads(text, parse_float=Number, parse_int=_integer, parse_constant=_no_constant)
        if not _SURROGATE.search(text):
            return value
        whole = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
        return json.loads(
            whole.decode("utf-16", "replace"), parse_float=Number
        )  # half a pair becomes U+FFFD, as in Go
    except RecursionError:
        raise GoJsonError("exceeded max depth") from None
    except GoJsonError:
        raise
    except json.JSONDecodeError as error:
        raise GoJsonError(_complaint(text, error)) from None


def _integer(text: str) -> int | Number:
    return int(text) if len(text) < _LONGEST_INTEGER else Number(text)


def _no_constant(name: str) -> Any:
    if name.startswith("-"):
        raise GoJsonError(f"invalid character {_quoted(name[1])} in numeric literal")
    raise GoJsonError(f"invalid character {_quoted(name[0])} looking for beginning of value")


def folded(value: Any, members: Iterable[str]) -> Any:
    """`value` with its keys spelt as `members` are: encoding/json takes any case of letters, and the last."""
    if not isinstance(value, dict):
        return value
    known = {member.casefold(): member for member in members}
    return {known.get(key.casefold(), key): one for key, one in value.items()}


def no_version_and_kind(value: Any) -> str:
    """Why `value` has no apiVersion and kind."""
    return f"{NO_KIND}json: cannot unmarshal {kind_of(value)} into Go value of type {_TYPE_META}"


def kind_of(value: Any) -> str:
    """What Go calls a JSON value."""
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
    return "object" if isinstance(value, dict) else "null"


def _complaint(text: str, error: json.JSONDecodeError) -> str:
    """Go's words for the place where Python stopped."""
    if error.msg.startswith("Unterminated string"):
        return _END
    if error.msg.startswith("Invalid control character"):
        return f"invalid character {_quoted(text[error.pos])} in string literal"
    if error.msg.startswith("Invalid \\"):
        return _escape(text, text.index("\\", error.pos - 1))
    at = error.pos
    while at < len(text) and text[at] in _SPACE:
        at += 1
    if at >= len(text):
        return _END
    number = _number(text, at, error.msg)
    if number:
        return number
    character = _quoted(text[at])
    match error.msg:
        case "Extra data":
            return f"invalid character {character} after top-level value"
        case "Expecting ',' delimiter":
            inside = "array element" if _innermost(text[:at]) == "[" else "object key:value pair"
            return f"invalid character {character} after {inside}"
        case "Expecting ':' delimiter":
            return f"invalid character {character} after object key"
        case "Expecting value":
            return _literal(text, at) or f"invalid character {character} looking for beginning of value"
    return f"invalid character {character} looking for beginning of object key string"


def _escape(text: str, at: int) -> str:
    """What is wrong with the escape that begins at `at`."""
    if text[at + 1 : at + 2] != "u":
        return f"invalid character {_quoted(_at(text, at + 1))} in string escape code"
    four = (_at(text, at + place) for place in range(2, 6))
    wrong = next(one for one in four if one not in "0123456789abcdefABCDEF")
    return f"invalid character {_quoted(wrong)} in \\u hexadecimal character escape"


def _number(text: str, at: int, expected: str) -> str:
    """What is wrong with a number that ends too early at `at`; empty when that is no number."""
    after = _quoted(_at(text, at + 1))
    if text[at] == "-" and expected == "Expecting value":
        return f"invalid character {after} in numeric literal"
    begun = _NUMBER.search(text[:at])
    if begun is None or (text[at] == "." and not begun[0].isdigit()) or set(begun[0]) & set("eE"):
        return ""
    if text[at] == ".":
        return f"invalid character {after} after decimal point in numeric literal"
    if text[at] in "eE":
        sign = text[at + 1 : at + 2] in ("+", "-")
        return f"invalid character {_quoted(_at(text, at + 1 + sign))} in exponent of numeric literal"
    return ""


def _literal(text: str, at: int) -> str | None:
    """Go names the letter at which a literal stops being one."""
    for literal in _LITERALS:
        if text[at] == literal[0]:
            for index, wanted in enumerate(literal[1:], 1):
                found = _at(text, at + index)
                if found != wanted:
                    return (
                        f"invalid character {_quoted(found)} in literal {literal} "
                        f"(expecting {_quoted(wanted)})"
                    )
    return None


def _at(text: str, index: int) -> str:
    """The character there; inside a word the text's end counts as a space."""
    return text[index] if index < len(text) else " "


def _innermost(text: str) -> str:
    """The bracket that is still open at the end of valid JSON's beginning."""
    still_open: list[str] = []
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            still_open.append(character)
        elif character in "]}" and still_open:
            still_open.pop()
    return still_open[-1] if still_open else ""


def _quoted(character: str) -> str:
    """Go's `quoteChar`: of a character's first byte."""
    if character == "'":
        return r"'\''"
    if character == '"':
        return "'\"'"
    return f"'{quote(chr(character.encode('utf-8', 'replace')[0]))[1:-1]}'"
