"""The built-in world: the article's own example filled in."""

from functools import cache
from pathlib import Path

import msgspec

from apim_sandbox.world.model import World
from apim_sandbox.world.ready import DEFAULT, READY, ready_text

DEFAULT_FILE = READY[DEFAULT].file
READ = Path(__file__).with_name("default.json")  # written by scripts/docs from the file that users see


def default_text() -> str:
    """The default world's file, as a user would write it."""
    return ready_text(DEFAULT)


@cache
def default_world() -> World:
    """The default world; the same frozen object each time. Its file was read when `READ` was written."""
    return msgspec.json.decode(READ.read_bytes(), type=World)


if __name__ == "__main__":
    from apim_sandbox.world.load import loads

    READ.write_bytes(msgspec.json.format(msgspec.json.encode(loads(default_text(), DEFAULT_FILE))) + b"\n")
