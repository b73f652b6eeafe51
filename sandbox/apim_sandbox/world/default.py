"""The built-in world, the article's own example filled in; beside it, one for each other way to sign in."""

from functools import cache
from importlib.resources import files

from apim_sandbox.world.load import loads
from apim_sandbox.world.model import World

FILE = "default.yaml"
SIGN_IN = {
    "workload-identity": FILE,
    "entra-app": "entra-app.yaml",
    "gateway-token": "gateway-token.yaml",
}


def default_text() -> str:
    """The default world's file, as a user would write it."""
    return sign_in_text("workload-identity")


def sign_in_text(mode: str) -> str:
    """The file of the world for one way to sign in: a key of `SIGN_IN`."""
    return (files("apim_sandbox.world") / SIGN_IN[mode]).read_text(encoding="utf-8")


@cache
def default_world() -> World:
    """The default world; the same frozen object each time."""
    return loads(default_text(), FILE)
