"""A scenario's time line in somebody's own sandbox, up to where its failure shows: for tests."""

from pathlib import Path

from anyio.from_thread import start_blocking_portal
from msgspec.structs import replace

from apim_sandbox.client import AsyncSandbox
from apim_sandbox.scenario.agenda import Progress
from apim_sandbox.scenario.live import PACE
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.model import MARGIN
from apim_sandbox.scenario.remote import Remote
from apim_sandbox.scenario.runner import play


def play_live(loaded: Loaded, state_dir: Path) -> str:
    """Play it in the sandbox that runs in `state_dir`, which has its world; what went wrong, or nothing.

    Its steps are done and a poll of the gateway has come since; what mends it and its expectations are
    left to the caller.
    """
    cause_alone = loaded.scenario.model_copy(update={"mend": (), "expect": (), "until": None})
    with start_blocking_portal() as portal:
        return portal.call(_played, replace(loaded, scenario=cause_alone), state_dir)


async def _played(loaded: Loaded, state_dir: Path) -> str:
    async with AsyncSandbox.connect(state_dir) as sandbox:
        began = (await sandbox.status())["journal"]
        remote = Remote(sandbox, loaded.world(), began, PACE)
        async with remote.following():
            result = await play(remote, loaded, with_cause=True, progress=Progress())
            await remote.advance(MARGIN)
            return result.problem
