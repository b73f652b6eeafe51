"""Where lines go: rich on a terminal, plain text elsewhere. rich is imported on first use."""

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from apim_sandbox.cli.render.line import Line, Style, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_RICH: dict[Style, str] = {
    "": "",
    "dim": "bright_black",
    "strong": "bold",
    "ok": "green",
    "failed": "bold red",
    "info": "yellow",
    "mark": "bold yellow",
    "command": "cyan",
}


class Terminal:
    """Prints lines to `stream`; in colour when it is a terminal (see `wants_color`)."""

    def __init__(self, stream: TextIO | None = None, *, color: bool | None = None) -> None:
        self._stream = stream or sys.stdout
        self.color = wants_color(self._stream) if color is None else color
        self._console: Console | None = None

    def print(self, lines: Iterable[Line]) -> None:
        """Write the lines and flush, so that a log shows them as they come."""
        if not self.color:
            self._stream.write(plain(lines))
            self._stream.flush()
            return
        console = self.console
        for one in lines:
            console.print(rich_text(one), soft_wrap=True)

    @property
    def console(self) -> "Console":
        """rich's console on the same stream, for progress and live displays."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(
                file=self._stream, force_terminal=self.color, highlight=False, no_color=not self.color
            )
        return self._console


def wants_color(stream: TextIO) -> bool:
    """Whether `stream` is a terminal whose user has not asked for plain text."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def rich_lines(lines: Iterable[Line]) -> "Text":
    """Several lines as one renderable, for live displays."""
    from rich.text import Text

    return Text("\n").join(rich_text(one) for one in lines)


def rich_text(one: Line) -> "Text":
    """A line as rich's renderable, also for recordings."""
    from rich.text import Text

    text = Text(no_wrap=True)
    for span in one.spans:
        text.append(span.text, style=_RICH[span.style])
    return text
