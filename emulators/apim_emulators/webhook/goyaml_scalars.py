"""What a YAML scalar means to go-yaml v2 (`resolve.go`), and how Go writes its numbers in JSON (pure)."""

import math
import re
from decimal import Decimal
from typing import Any

from apim_emulators.webhook.gojson import GoJsonError, Number

_TAG = "tag:yaml.org,2002:"
_RESOLVABLE = {"", *(_TAG + name for name in ("str", "bool", "int", "float", "null", "timestamp"))}
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|(?P<d>0|[1-9][0-9]*))"
)
_BASES = {"x": 16, "b": 2, "o": 8, "d": 10}
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}.*)?")
_SMALL, _LARGE = 1e-6, 1e21  # between them Go writes floats without an exponent


def scalar(tag: str, text: str) -> Any:
    """A scalar's value; infinities and NaN as floats, for which JSON has no number.

    `tag` is empty for a plain scalar without one. Raises `GoJsonError` where it and the text do not fit.
    """
    if tag not in _RESOLVABLE or tag == f"{_TAG}str":
        return text
    name, value = _resolved(text)
    if tag == f"{_TAG}timestamp":
        name, value = ("timestamp", text) if _DATE.fullmatch(text) else (name, value)
    wanted = tag.removeprefix(_TAG)
    if wanted in ("", name) or (wanted == "float" and name == "int"):
        return value
    raise GoJsonError(f"cannot decode !!{name} `{text}` as a !!{wanted}")


def _resolved(text: str) -> tuple[str, Any]:
    if text in _WORDS:
        value = _WORDS[text]
        return "null" if value is None else "bool" if isinstance(value, bool) else "float", value
    if text[0] == ".":
        return ("float", json_number(float(text))) if _FLOAT.fullmatch(text) else ("str", text)
    if text[0] not in "+-0123456789":
        return "str", text
    plain = text.replace("_", "")
    whole = _integer(plain)
    if whole is not None:
        return "int", whole
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return ("str", text) if math.isinf(number) else ("float", json_number(number))
    return "str", text


def _integer(text: str) -> int | None:
    """`strconv.ParseInt(text, 0, 64)`, or `ParseUint`."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    base = str(match.lastgroup)
    digits = match[base]
    if len(digits) > 64:
        return None
    number = int(digits, _BASES[base]) * (-1 if match[1] == "-" else 1)
    most = 1 << (63 if match[1] else 64)
    return number if -(1 << 63) <= number < most else None


def json_number(number: float) -> int | Number:
    """A float as encoding/json writes it, read again: whole ones are integers."""
    if number and not _SMALL <= abs(number) < _LARGE:
        mantissa, _, exponent = repr(number).partition("e")
        return Number(f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}")
    text = format(Decimal(repr(number)), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return Number(text) if "." in text else int(text)
