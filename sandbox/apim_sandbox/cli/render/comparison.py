"""Two values that should have been equal, one under the other, the first difference marked."""

from apim_sandbox.cli.render.line import Line, line
from apim_sandbox.insight.explanation import Comparison

_COLUMN = 12


def render(comparison: Comparison, *, indent: int = 4, titled: bool = True) -> list[Line]:
    """`expected` over `presented`, then `^ position N: …` under the first differing character."""
    pad = " " * indent
    lines = [line(pad, (comparison.what, "strong"))] if titled else []
    lines += [
        line(pad, f"{'expected':{_COLUMN}}", (visible(comparison.expected), "ok")),
        line(pad, f"{'presented':{_COLUMN}}", (visible(comparison.presented), "failed")),
    ]
    difference = comparison.difference
    if difference is not None:
        at = " " * (_COLUMN + _columns(comparison.presented[: difference.position - 1]))
        lines.append(line(pad, at, (f"^ {difference.words}", "mark")))
    return lines


def visible(text: str) -> str:
    """The value as it travelled, with what no terminal shows made visible."""
    if not text:
        return "(empty)"
    return "".join(_shown(character) for character in text)


def _columns(text: str) -> int:
    return sum(len(_shown(character)) for character in text)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    escapes = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return escapes.get(character, f"\\u{ord(character):04x}")
