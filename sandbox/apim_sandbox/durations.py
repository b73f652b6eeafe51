"""Durations as people write them: `90s`, `10m`, `1h30m`, `2d`."""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class DurationError(ValueError):
    """Not a duration; the message shows how one looks."""


def parse_duration(text: str) -> float:
    """Seconds; nothing is `0`, with a unit or without. Raises `DurationError`."""
    stripped = text.strip()
    if stripped == "0":
        return 0.0
    parts = _PART.findall(stripped)
    if not parts or "".join(number + unit for number, unit in parts) != stripped:
        raise DurationError(f"{text!r} is not a duration; write 90s, 10m, 1h30m or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def parse_signed(text: str) -> float:
    """Seconds of `10m`, `+10m` or `-10m`. Raises `DurationError`."""
    stripped = text.strip()
    sign = -1.0 if stripped.startswith("-") else 1.0
    return sign * parse_duration(stripped[1:] if stripped[:1] in ("+", "-") else stripped)


def show_duration(seconds: float) -> str:
    """The same, back: `1h30m`, `48m`, `0.4s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f}s"
    left = round(seconds)
    shown = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            shown += f"{count}{unit}"
    return shown or "0s"
