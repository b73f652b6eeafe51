"""One at a time: whoever makes or removes a kind sandbox holds a lock, and its programs hold it too.

Killed alone, `kind up` leaves a `kind create` or `docker run` at work. Whoever comes next waits until these
have ended as well: what they are still making could neither be taken up nor be removed for good.
"""

import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from apim_sandbox.cluster.kind import tools
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.cluster.kind.waiting import LOOK_EVERY
from apim_sandbox.instance import InstanceError

LONGEST = 600.0  # seconds; as long as a cluster may take to be made


@asynccontextmanager
async def turn(layout: Layout, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Nobody else changes the sandbox in this block. `waiting()` is told when somebody does at first.

    Raises `InstanceError` where the directory can't be made, or when the others do not come to an end.
    """
    held = _take(layout)
    if held is None:
        waiting()
        held = await _others(layout)
    token = tools.HELD.set((held,))
    try:
        yield
    finally:
        tools.HELD.reset(token)
        os.close(held)


async def _others(layout: Layout) -> int:
    """The lock, once those before have let go of it."""
    with anyio.move_on_after(LONGEST):
        while (held := _take(layout)) is None:  # noqa: ASYNC110  others' doing
            await anyio.sleep(LOOK_EVERY)
        return held
    raise InstanceError(
        f"after {LONGEST:g} s an earlier command, or what it started, is still at work on {layout.name}",
        f"ps -ef | grep {layout.name}, and end what hangs",
    )


def _take(layout: Layout) -> int | None:
    """The locked file, None while somebody else has it."""
    layout.create()
    held = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who had it may have removed the directory with it: then this locks a file that nobody finds.
        if os.path.samestat(os.fstat(held), layout.lock.stat()):
            return held
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(held)
    return None
