"""What is being waited for: a spinner on a terminal, one line in a log."""

from collections.abc import Iterator
from contextlib import contextmanager

from apim_sandbox.cli.render.line import line
from apim_sandbox.cli.render.terminal import Terminal


@contextmanager
def progress(terminal: Terminal, what: str) -> Iterator[None]:
    """Show `what` while the block runs."""
    if terminal.color:
        with terminal.console.status(what):
            yield
    else:
        terminal.print([line(f"{what} ...")])
        yield
