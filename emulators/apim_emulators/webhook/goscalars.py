"""The scalars of Kubernetes' types that read and write themselves: quantities, times, ports (pure).

Texts and canonical forms are those of apimachinery v0.31 (`pkg/api/resource`, `pkg/apis/meta/v1/time.go`,
`pkg/util/intstr`).
"""

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from apim_emulators.webhook.gojson import GoJsonError, Number, UnmarshalTypeError, kind_of

INT32, INT64 = 31, 63  # bits besides the sign

_PARTS = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.DOTALL)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_BINARY_SUFFIX = {0: "", **{power: suffix for suffix, power in _BINARY.items()}}
_LARGEST_BINARY = 2**63 - 1
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)")
_NOT_A_QUANTITY = (
    r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_BAD_SUFFIX, _BAD_NUMBER = "unable to parse quantity's suffix", "unable to parse numeric part of quantity"
_LONGEST_EXPONENT = 400  # beyond it Go's own decimals take minutes; no quantity means that

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_TIME_PARTS = (
    ("2006", r"[0-9]{4}"), ("-", "-"), ("01", r"[0-9]{2}"), ("-", "-"), ("02", r"[0-9]{2}"), ("T", "T"),
    ("15", r"[0-9]{2}"), (":", ":"), ("04", r"[0-9]{2}"), (":", ":"), ("05", r"[0-9]{2}(?:[.,][0-9]+)?"),
    ("Z07:00", r"Z|[+-][0-9]{2}:[0-9]{2}"),
)  # fmt: skip
_RANGES = {"01": ("month", 1, 12), "02": ("day", 1, 31), "15": ("hour", 0, 23), "04": ("minute", 0, 59),
           "05": ("second", 0, 59)}  # fmt: skip


def text_of(value: Any) -> str:
    """A JSON scalar as it stands in the document."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def integer(value: Any, bits: int) -> int | None:
    """A JSON number as a Go integer; None where it is none, or too large."""
    if isinstance(value, bool) or not isinstance(value, int) or isinstance(value, float):
        return None
    return value if -(1 << bits) <= value < 1 << bits else None


def quantity(value: Any) -> str:
    """A `resource.Quantity` as it is written. Raises `GoJsonError`."""
    if value is None:
        return "0"
    if isinstance(value, dict | list):
        raise GoJsonError(_NOT_A_QUANTITY)
    return canonical_quantity(text_of(value).strip())


def canonical_quantity(text: str) -> str:
    """`0.5` is `500m`, `1024Mi` is `1Gi`. Raises `GoJsonError`."""
    match = _PARTS.fullmatch(text)
    if not text or match is None:
        raise GoJsonError(_NOT_A_QUANTITY)
    sign, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4]
    binary, power = suffix in _BINARY, _power(suffix)
    whole = whole.lstrip("0") or "0"
    if _is_reused(whole, fraction, power, binary=binary):
        return text
    digits = whole + fraction
    number = Fraction(int(digits), 10 ** len(fraction))
    number *= 2**power if binary else Fraction(10) ** power
    # What is smaller than a billionth is one: who wants some gets some.
    billionths = -(-number.numerator * 10**9 // number.denominator)
    if binary:
        billionths = min(billionths, _LARGEST_BINARY * 10**9)
    if billionths == 0:
        return "0"
    minus = "-" if sign == "-" else ""
    whole_number = billionths % 10**9 == 0
    if binary and whole_number and billionths >= 1024 * 10**9:
        amount, exponent = _factored(billionths // 10**9, 1024)
        return f"{minus}{amount}{_BINARY_SUFFIX[exponent * 10]}"
    amount, exponent = _factored(billionths, 10)
    exponent -= 9
    while exponent % 3:
        amount, exponent = amount * 10, exponent - 1
    if _EXPONENT.fullmatch(suffix):
        return f"{minus}{amount}{f'e{exponent}' if exponent else ''}"
    return f"{minus}{amount}{_DECIMAL_SUFFIX.get(exponent, '')}"


def _is_reused(whole: str, fraction: str, power: int, *, binary: bool) -> bool:
    """Whether Go takes the text for canonical, as it does with some that are not: `+1`, `007`, `1.500`."""
    digits = whole + fraction
    if binary:
        room = 15 - len(whole) - power * 3 // 10 - 1
        return not fraction and room >= 0 and int(digits) % 8 != 0
    scale = power - len(fraction)
    fits = len(digits) <= 18 and scale >= -9
    return fits and scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def _power(suffix: str) -> int:
    """The suffix's power of ten, or of two. Raises `GoJsonError`."""
    if suffix in _DECIMAL:
        return _DECIMAL[suffix]
    if suffix in _BINARY:
        return _BINARY[suffix]
    exponent = _EXPONENT.fullmatch(suffix)
    if exponent is None or abs(int(exponent[1][:20])) > _LONGEST_EXPONENT:
        raise GoJsonError(_BAD_SUFFIX)
    return int(exponent[1])


def _factored(amount: int, base: int) -> tuple[int, int]:
    """`amount` without its factors of `base`, and how many there were."""
    times = 0
    while amount % base == 0:
        amount, times = amount // base, times + 1
    return amount, times


def int_or_string(value: Any) -> int | str:
    """An `intstr.IntOrString`. Raises `GoJsonError`."""
    if isinstance(value, str):
        return value
    if value is None:
        return 0
    number = integer(value, INT32)
    if number is None:
        shown = f"number {text_of(value)}" if kind_of(value) == "number" else kind_of(value)
        raise UnmarshalTypeError(shown, "int32")
    return number


def time(value: Any) -> str | None:
    """A `metav1.Time` as it is written: UTC, whole seconds. Raises `GoJsonError`."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnmarshalTypeError(kind_of(value), "string")
    moment = _parsed(value)
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _parsed(text: str) -> datetime | None:
    rest = text
    for layout, pattern in _TIME_PARTS:
        match = re.match(pattern, rest)
        if match is None:
            raise GoJsonError(_time_error(text, f"cannot parse {_time_quote(rest)} as {_time_quote(layout)}"))
        name, low, high = _RANGES.get(layout, ("", 0, 0))
        if name and not low <= int(match[0][:2]) <= high:
            raise GoJsonError(_time_error(text, f": {name} out of range"))
        rest = rest[match.end() :]
    if rest:
        raise GoJsonError(_time_error(text, f": extra text: {_time_quote(rest)}"))
    whole = re.sub(r"[.,][0-9]+", "", text)
    if whole.startswith("0001-01-01T00:00:00Z"):
        return None
    try:
        return datetime.fromisoformat(whole)
    except ValueError:
        raise GoJsonError(_time_error(text, ": day out of range")) from None


def _time_error(text: str, what: str) -> str:
    if what.startswith(":"):
        return f"parsing time {_time_quote(text)}{what}"
    return f"parsing time {_time_quote(text)} as {_time_quote(_LAYOUT)}: {what}"


def _time_quote(text: str) -> str:
    """Package time's own quoting, byte by byte."""
    shown = (
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 0x20 <= byte < 0x80 else f"\\x{byte:02x}"
        for byte in text.encode("utf-8", "replace")
    )
    return f'"{"".join(shown)}"'


def plain(value: Any) -> Any:
    """JSON without the texts of its numbers."""
    match value:
        case dict():
            return {key: plain(one) for key, one in value.items()}
        case list():
            return [plain(one) for one in value]
        case Number():
            return float(value)
    return value
