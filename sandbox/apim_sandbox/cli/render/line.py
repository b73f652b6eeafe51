"""A line of output as spans of text with a style: the same words in colour, plain, or in a recording.

Renderers return lines; only `terminal` knows what a terminal is. Colour repeats what words say.
"""

from collections.abc import Iterable
from re import compile as pattern
from textwrap import wrap
from typing import Literal

from msgspec import Struct

WIDTH = 100
_SLASH = pattern(r"(?<!/)/(?!/)")

Style = Literal["", "dim", "strong", "ok", "failed", "info", "mark", "command"]


class Span(Struct, frozen=True):
    text: str
    style: Style = ""


class Line(Struct, frozen=True):
    """One line, without its line feed."""

    spans: tuple[Span, ...] = ()

    @property
    def plain(self) -> str:
        return "".join(span.text for span in self.spans).rstrip()


def line(*parts: "str | Span | tuple[str, Style]") -> Line:
    """A line from plain strings, spans and `(text, style)` pairs; empty texts are left out."""
    spans = []
    for part in parts:
        if isinstance(part, str):
            span = Span(part)
        elif isinstance(part, Span):
            span = part
        else:
            span = Span(*part)
        if span.text:
            spans.append(span)
    return Line(tuple(spans))


EMPTY = Line()


def plain(lines: Iterable[Line]) -> str:
    """The lines as text, each with its line feed."""
    return "".join(one.plain + "\n" for one in lines)


def paragraph(
    text: str, *, indent: int = 0, hanging: int = 0, style: Style = "", width: int = WIDTH
) -> list[Line]:
    """Prose folded at `width`. Long words (ids, URLs, commands) are never cut."""
    folded = wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line((one, style)) for one in folded]


def fold(text: str, width: int) -> list[str]:
    """`text` in pieces of at most `width`, cut at a blank, else before the first slash that helps."""
    pieces: list[str] = []
    while len(text) > width:
        at = text.rfind(" ", 0, width + 1)
        if at <= width // 3:
            # Never between two slashes, which belong to a scheme.
            known = [one.start() for one in _SLASH.finditer(text) if 0 < one.start() < width]
            slashes = (next((one for one in known if one >= width // 3), -1), known[-1] if known else -1)
            rest = [slash for slash in slashes if slash > 0 and len(text) - slash <= width]
            at = rest[0] if rest else max(slashes)
        if at <= 0:
            at = width
        pieces.append(text[:at].rstrip())
        text = text[at:].lstrip()
    pieces.append(text)
    return pieces


def milliseconds(seconds: float | None) -> str:
    """`11 ms`, `1.2 s`, or nothing when not measured."""
    if seconds is None:
        return ""
    if seconds < 0.001:
        return "<1 ms"
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    return f"{seconds:.1f} s"
