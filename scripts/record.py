"""Runs the demo on a pseudo-terminal and draws what it printed as an SVG."""

import os
import pty
import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100
PICTURE = Path("docs/demo.svg")
# All control sequences but colours; a spinner's line is erased by its own carriage return.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]|\x1b\][^\x07]*\x07")


def run_on_terminal(command: list[str]) -> str:
    """What `command` prints on a terminal of our width. Raises `SystemExit` when it fails."""
    output = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 65536)
        output.extend(data)
        return data

    os.environ.update(COLUMNS=str(WIDTH), TERM="xterm-256color")
    status = os.waitstatus_to_exitcode(pty.spawn(command, read))
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    return output.decode()


def visible(output: str) -> str:
    """The lines that stay on the screen."""
    lines = [CONTROL.sub("", line).rsplit("\r", 1)[-1] for line in output.replace("\r\n", "\n").split("\n")]
    return "\n".join(lines).strip("\n")


def main() -> None:
    program = str(Path(sys.executable).with_name("apim-sandbox"))
    text = visible(run_on_terminal([program, "demo"]))
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    console.print(Text("$ make demo", style="bold"))
    console.print(Text.from_ansi(text), soft_wrap=True)
    PICTURE.write_text(console.export_svg(title="apim-sandbox demo"))
    print(f"\n{PICTURE}: {len(text.splitlines())} lines")


main()
