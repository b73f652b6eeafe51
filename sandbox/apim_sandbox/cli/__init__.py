"""The command line. Commands import what they need when they run: `--help` answers at once."""

import sys
from collections.abc import Sequence
from pathlib import Path

from apim_sandbox.lean import without_unused

HELP = Path(__file__).with_name("help.txt")  # written by scripts/docs from the commands
_HELP_WIDTH = 80  # columns; the commands' own help grows no wider


def main() -> None:
    """Entry point of `apim-sandbox`."""
    text = _at_once(sys.argv)
    if text is not None:
        sys.stdout.write(text)
        return
    without_unused()
    from apim_sandbox.cli.app import app
    from apim_sandbox.cli.problems import INTERRUPTED, report

    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        sys.exit(report(error))


def _at_once(argv: Sequence[str]) -> str | None:
    """The help or version that is all that was asked for: nobody waits for the commands to be imported.

    None where the written help is not what the commands would say: under another name, on a narrow
    terminal.
    """
    if len(argv) != 2 or Path(argv[0]).name != "apim-sandbox":
        return None
    if argv[1] == "--version":
        from apim_sandbox import __version__

        return f"apim-sandbox {__version__}\n"
    if argv[1] in ("-h", "--help"):
        from shutil import get_terminal_size

        if get_terminal_size().columns >= _HELP_WIDTH:
            return HELP.read_text(encoding="utf-8")
    return None
