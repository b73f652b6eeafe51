"""Imports that processes of our own do without: a third of their start.

Never called where somebody else's program runs, as in the pytest plugin or the script API: what a module
of theirs imports is theirs to say.
"""

import sys

# httpx imports rich, click and pygments, where they are installed, for a command line of its own.
_UNUSED = ("httpx._main",)


def without_unused() -> None:
    """Let what is listed look as if it were not installed. Call it before anything imports httpx."""
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
