"""The built-in world: the article's own example filled in."""

from functools import cache

from apim_sandbox.world.load import loads
from apim_sandbox.world.model import World
from apim_sandbox.world.ready import DEFAULT, READY, ready_text

DEFAULT_FILE = READY[DEFAULT].file


def default_text() -> str:
    """The default world's file, as a user would write it."""
    return ready_text(DEFAULT)


@cache
def default_world() -> World:
    """The default world; the same frozen object each time."""
    return loads(default_text(), DEFAULT_FILE)
