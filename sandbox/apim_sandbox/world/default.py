"""The built-in world: the article's own example, filled in."""

from functools import cache
from importlib.resources import files

from apim_sandbox.world.load import loads
from apim_sandbox.world.model import World

FILE = "default.yaml"


def default_text() -> str:
    """The default world's file, as a user would write it."""
    return (files("apim_sandbox.world") / FILE).read_text(encoding="utf-8")


@cache
def default_world() -> World:
    """The default world; the same frozen object each time."""
    return loads(default_text(), FILE)
