"""A world as a file holds it, and its digest."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from apim_sandbox.world.model import World


def content(world: World) -> Mapping[str, Any]:
    """Plain data, every key written out: the world of this is the same world."""
    found: Mapping[str, Any] = msgspec.json.decode(msgspec.json.encode(world))
    return found


def digest(world: World) -> str:
    """Equal for equal worlds, however their files are written."""
    return sha256(msgspec.json.encode(world)).hexdigest()
