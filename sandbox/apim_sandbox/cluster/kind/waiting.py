"""Waiting for what others do: an API server, a container, a webhook."""

from collections.abc import Awaitable, Callable

import anyio

from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.instance import InstanceError

LOOK_EVERY = 0.3  # seconds


async def until(layout: Layout, what: str, timeout: float, holds: Callable[[], Awaitable[bool]]) -> None:
    """Return once `holds`; raise `InstanceError` after `timeout` seconds, with where to look."""
    with anyio.move_on_after(timeout):
        while not await holds():  # noqa: ASYNC110  others' doing
            await anyio.sleep(LOOK_EVERY)
        return
    raise InstanceError(f"waited {timeout:g} s until {what}, and it does not", layout.command("logs"))
