"""`--on live`: each scenario in a sandbox of its own, with gateways as processes and real clients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from apim_sandbox.client import AsyncSandbox
from apim_sandbox.scenario.remote import Pace, Remote
from apim_sandbox.world.content import content
from apim_sandbox.world.model import World

PACE = Pace(rest=30.0, patience=20.0)


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[Remote]:
    """A sandbox of the world in a thread of this process, on free ports, while the block runs."""
    async with AsyncSandbox.start(content(world)) as sandbox:
        yield Remote(sandbox, world, 0, PACE)
