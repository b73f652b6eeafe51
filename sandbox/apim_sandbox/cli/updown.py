"""`up`, `down` and the hidden `serve`: starting and stopping sandboxes."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from apim_sandbox.cli.render.line import Line, line
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.cluster.kind.layout import start_command
from apim_sandbox.instance import Instance, InstanceError, StateDir, default_state_dir

if TYPE_CHECKING:
    from apim_sandbox.serving.separate import ServeOptions

START_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 10.0


class UpOptions(Struct, frozen=True):
    """What `up` was asked for; port 0 takes a free one."""

    state_dir: Path | None = None
    world: Path | None = None
    edge_port: int = 8443
    proxy_port: int = 8444
    control_port: int = 8445
    allow_internet: bool = False
    separate: bool = False
    reset: bool = False
    host: str = "127.0.0.1"

    @property
    def state(self) -> StateDir:
        return StateDir(self.state_dir or default_state_dir())

    def arguments(self) -> list[str]:
        """The same, as arguments of `apim-sandbox up`."""
        flags = [
            f"--{name}"
            for name in ("allow-internet", "separate", "reset")
            if getattr(self, name.replace("-", "_"))
        ]
        world = ["--world", str(self.world)] if self.world else []
        ports = [f"--{name}-port={getattr(self, f'{name}_port')}" for name in ("edge", "proxy", "control")]
        return ["up", "--state-dir", str(self.state.path), "--listen", self.host, *world, *ports, *flags]


def start(options: UpOptions, *, detach: bool) -> int:
    """Run a sandbox here until it is stopped, or in the background until `down`."""
    if detach:
        if options.world is not None:  # its mistakes are shown here, all of them, not in a log
            from apim_sandbox.serving.surroundings import load_world

            load_world(options.world)
        instance, _ = start_detached(options)
        Terminal().print(_where(instance))
        return 0
    from apim_sandbox.serving.edge import settle_memory
    from apim_sandbox.serving.server import ServerOptions, run_server

    server_options = ServerOptions(
        state=options.state, world_file=options.world, edge_port=options.edge_port,
        proxy_port=options.proxy_port, control_port=options.control_port,
        allow_internet=options.allow_internet, separate=options.separate, reset=options.reset,
        host=options.host,
    )  # fmt: skip

    def ready(instance: Instance) -> None:
        Terminal().print(_where(instance))
        settle_memory()

    async def main() -> None:
        stop = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on_signal, stop)
            await run_server(server_options, ready, stop)
            tasks.cancel_scope.cancel()

    run_live(main)
    return 0


def run_live(main: object) -> None:
    """`anyio.run` on asyncio, with uvloop where there is one."""
    try:
        import uvloop  # noqa: F401

        loop = True
    except ImportError:
        loop = False
    anyio.run(main, backend="asyncio", backend_options={"use_uvloop": loop})  # type: ignore[arg-type]


async def _stop_on_signal(stop: anyio.Event) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stop.set()
            return


def start_detached(options: UpOptions) -> tuple[Instance, "subprocess.Popen[bytes]"]:
    """A sandbox in a process of its own, once it answers. Raises `InstanceError` with its words."""
    state = options.state
    state.create()
    running = state.running()
    if running is not None:
        raise InstanceError(
            f"a sandbox runs already in {state.path} (pid {running.pid}, control {running.control})",
            "apim-sandbox status, or apim-sandbox down, or another one with --state-dir DIR",
        )
    log = state.path / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-m", "apim_sandbox", *options.arguments()],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    instance = anyio.run(_wait_until_up, state, process, backend="asyncio")
    if instance is None:
        raise InstanceError(f"the sandbox did not start: {_last_words(log)}", f"the whole of it: cat {log}")
    return instance, process


async def _wait_until_up(state: StateDir, process: subprocess.Popen[bytes]) -> Instance | None:
    """The instance once it is published, which it is when all its ports are served."""
    with anyio.move_on_after(START_TIMEOUT):
        while process.poll() is None:
            instance = state.running()
            if instance is not None and instance.pid == process.pid:
                return instance
            await anyio.sleep(0.02)
    if process.poll() is None:
        process.terminate()
    return None


def _last_words(log: Path) -> str:
    words = [row for row in log.read_text(errors="replace").splitlines() if row.strip()]
    errors = [row.removeprefix("error: ") for row in words if row.startswith("error: ")]
    return (errors or words or ["it said nothing"])[-1]


def stop(state_dir: Path | None) -> int:
    """Stop the sandbox of a state directory; nothing running is no error."""
    state = StateDir(state_dir or default_state_dir())
    instance = state.running()
    terminal = Terminal()
    if instance is None:
        terminal.print([line(f"No sandbox runs in {state.path}.")])
        return 0
    stop_instance(state, instance)
    terminal.print(
        [
            line(f"Stopped the sandbox in {state.path}; its state is kept."),
            line("Next:  ", (start_command(state.path), "command")),
        ]
    )
    return 0


def stop_instance(state: StateDir, instance: Instance) -> None:
    """End the sandbox's process, by force where it does not end by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(instance.pid, signal.SIGTERM)
        if not anyio.run(_wait_until_down, state, backend="asyncio"):
            os.kill(instance.pid, signal.SIGKILL)


async def _wait_until_down(state: StateDir) -> bool:
    with anyio.move_on_after(STOP_TIMEOUT):
        while state.running() is not None:  # noqa: ASYNC110  another process's doing
            await anyio.sleep(0.02)
        return True
    return False


def serve_emulators(options: "ServeOptions") -> int:
    """Serve some emulators here until the lifeline ends or a signal comes."""
    from apim_sandbox.serving.separate import run_emulators

    async def main() -> None:
        await run_emulators(options)

    run_live(main)
    return 0


def _where(instance: Instance) -> list[Line]:
    return [
        line((f"Sandbox ready: world {instance.world}.", "strong")),
        line("  by name      ", (f"HTTPS_PROXY={instance.proxy}", "command"), f"   CA {instance.ca_file}"),
        line("  by address   ", (instance.edge, "command")),
        line("  control      ", (instance.control, "command")),
        line("Next:  ", ("apim-sandbox apply -f examples/article/gateway.yaml", "command")),
    ]
