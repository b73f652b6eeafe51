"""A sandbox in a thread of this process, and how both script APIs wait for what blocks."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskStatus
from anyio.from_thread import start_blocking_portal

T = TypeVar("T")


@contextmanager
def server(world: Path | Mapping[str, Any] | None, state_dir: Path | None) -> Iterator[Path]:
    """A live sandbox in a thread of its own while the block runs, on free ports; its state directory.

    Raises what `run_server` raises when it can't start.
    """
    from apim_emulators.core.keys import FreshKeys

    keys = FreshKeys(ahead=0 if state_dir else 2)  # a cluster's and Entra's; imports take longer than they do
    from apim_sandbox.instance import StateDir
    from apim_sandbox.serving.server import ServerOptions, run_server

    with ExitStack() as stack:
        directory = state_dir or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="apim-sandbox-"))
        )
        options = ServerOptions(
            state=StateDir(directory), world_file=_world_file(world, directory), edge_port=0, proxy_port=0,
            control_port=0, keep=state_dir is not None, keys=keys,
        )  # fmt: skip

        async def serve(*, task_status: TaskStatus[anyio.Event]) -> None:
            stop = anyio.Event()
            await run_server(options, lambda _: task_status.started(stop), stop)

        portal = stack.enter_context(start_blocking_portal())
        ended, stop = portal.start_task(serve)
        try:
            yield directory
        finally:
            portal.call(stop.set)
            ended.result()


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call what blocks, without blocking the event loop."""
    return await anyio.to_thread.run_sync(function, *arguments)


def at_once(function: Callable[..., T], *arguments: Any) -> T:
    """`in_thread`, where there is no event loop to block."""
    return function(*arguments)


def _world_file(world: Path | Mapping[str, Any] | None, directory: Path) -> Path | None:
    """The world as a file, so that every process of the sandbox can read it."""
    if world is None or isinstance(world, Path):
        return world
    import yaml

    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "world.yaml"
    path.write_text(yaml.safe_dump(dict(world), sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path
