"""Two values that should have been equal, one under the other, the first difference marked."""

from apim_sandbox.cli.render.line import WIDTH, Line, line
from apim_sandbox.insight.explanation import Comparison

_COLUMN = 12
_CONTEXT = 24  # characters kept before the difference when the values are too long for a line


def render(comparison: Comparison, *, indent: int = 4, titled: bool = True) -> list[Line]:
    """`expected` over `presented`, then `^ position N: …` under the first differing character.

    Values too long for a line begin shortly before the difference, with `…` for what both share.
    """
    pad = " " * indent
    room = WIDTH - indent - _COLUMN
    difference = comparison.difference
    at = difference.position - 1 if difference is not None else 0
    skipped = _skipped(comparison, at, room)
    expected, presented = (
        _window(value, skipped, room) for value in (comparison.expected, comparison.presented)
    )
    lines = [line(pad, (comparison.what, "strong"))] if titled else []
    lines += [
        line(pad, f"{'expected':{_COLUMN}}", (expected, "ok")),
        line(pad, f"{'presented':{_COLUMN}}", (presented, "failed")),
    ]
    if difference is not None:
        column = _COLUMN + len(visible(comparison.presented[skipped:at])) + (1 if skipped else 0)
        words = difference.words
        if indent + column + 2 + len(words) <= WIDTH or column < len(words) + 1:
            lines.append(line(pad, " " * column, (f"^ {words}", "mark")))
        else:
            lines.append(line(pad, " " * (column - len(words) - 1), (f"{words} ^", "mark")))
    return lines


def visible(text: str) -> str:
    """The value as it travelled, with what no terminal shows made visible."""
    return "".join(_shown(character) for character in text)


def _skipped(comparison: Comparison, at: int, room: int) -> int:
    longest = max(len(visible(comparison.expected)), len(visible(comparison.presented)))
    return max(0, at - _CONTEXT) if longest > room else 0


def _window(value: str, skipped: int, room: int) -> str:
    if not value:
        return "(empty)"
    text = ("…" if skipped else "") + visible(value[skipped:])
    return text if len(text) <= room else text[: room - 1] + "…"


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    escapes = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return escapes.get(character, f"\\u{ord(character):04x}")
