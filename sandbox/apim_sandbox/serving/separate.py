"""Emulators as processes of their own: the same code, joined by HTTP, one journal and one clock.

control process: proxy, control service, cluster          ──starts──►  child: entra
  proxy: login.microsoftonline.com ──► port of that child               child: oidc, webhook
child: events ──POST /journal──► control                                child: arm, apim
       clock, faults  ◄──SSE /clock/ahead, /faults/stream── control

As containers the same processes listen on 443 under the real names, which the network resolves: no
proxy then, a shared CA directory, and a bearer token for the control service.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.abc
import httpx
from msgspec import Struct

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import Faults
from apim_emulators.core.journal import RemoteJournal
from apim_sandbox.assembly import EMULATORS, Assembly, emulated_hosts, issuer_hosts
from apim_sandbox.instance import InstanceError, StateDir
from apim_sandbox.serving.certificates import CertificateAuthority
from apim_sandbox.serving.edge import EdgeApp, Target, listen, serving, settle_memory
from apim_sandbox.serving.following import follow_clock, follow_faults
from apim_sandbox.serving.steering import steered
from apim_sandbox.serving.surroundings import live_client, live_surroundings, load_world
from apim_sandbox.world.model import World

GROUPS = (("oidc", "webhook"), ("entra",), ("arm", "apim"))
START_TIMEOUT = 20.0  # seconds


class ServeOptions(Struct, frozen=True):
    """Which emulators to serve here, and where the others and the control service are.

    Without `proxy` the others are reached by their names; `token` is the control service's. `signing_key`
    is the PEM file of a real API server's key; the issuer publishes it, or the keys of `published_keys`.
    """

    emulators: frozenset[str]
    control: str
    proxy: str
    world_file: Path | None
    lifeline: int
    state: StateDir
    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    signing_key: Path | None = None
    published_keys: Path | None = None


async def run_emulators(options: ServeOptions) -> None:
    """Serve until the lifeline ends or a signal comes. Prints a line of JSON, `{"port": …}`, when ready."""
    unknown = options.emulators - set(EMULATORS)
    if unknown:
        raise InstanceError(
            f"no emulator is called {', '.join(sorted(unknown))}; there are {', '.join(EMULATORS)}"
        )
    world = load_world(options.world_file)
    signing_key = options.signing_key.read_text() if options.signing_key else None
    published_keys = options.published_keys.read_text() if options.published_keys else None
    authority = CertificateAuthority(options.state.path / "ca", issuer_hosts(world))
    bound = listen(options.port, "--listen", options.host)
    headers = {"authorization": f"Bearer {options.token}"} if options.token else {}
    clock, faults = MasterClock(), Faults()
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(anyio.create_task_group())
        control = await stack.enter_async_context(
            httpx.AsyncClient(trust_env=False, timeout=10, headers=headers)
        )
        journal = RemoteJournal(control, f"{options.control}/journal")
        tasks.start_soon(journal.run)
        name = "-".join(sorted(options.emulators))
        tasks.start_soon(partial(follow_clock, clock, control, options.control, name, ahead=True))
        tasks.start_soon(follow_faults, faults, control, options.control, name)
        http = await stack.enter_async_context(live_client(options.proxy, authority.client_context()))
        around = live_surroundings(options.state, clock, journal, http, faults)
        assembly = Assembly(world, around)
        if signing_key is not None:
            assembly.signing_key = signing_key
        if published_keys is not None:
            assembly.published_keys = published_keys
        for name in EMULATORS:
            if name in options.emulators:
                assembly.add(name)
        tls = authority.server_context(lambda host: around.connection_fault(world, host, "tls") is not None)
        edge = EdgeApp(assembly.hosts, steering=steered(assembly))
        await stack.enter_async_context(serving(edge, bound, tls))
        print(json.dumps({"port": bound.getsockname()[1]}), flush=True)  # noqa: T201  the parent reads it
        settle_memory()
        await _until_stopped(options.lifeline)
        await journal.flush()
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def started_emulators(
    state: StateDir, world_file: Path | None, world: World, control: str, proxy: str
) -> AsyncIterator[dict[str, Target]]:
    """The emulators in child processes while the block runs: which host is on which port."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    world_option = ["--world", str(world_file)] if world_file else []
    state.secrets()  # made once, before several processes look for them
    async with AsyncExitStack() as stack:
        stack.callback(os.close, reading)
        stack.callback(os.close, writing)
        remote: dict[str, Target] = {}
        for group in GROUPS:
            process = await anyio.open_process(
                [sys.executable, "-m", "apim_sandbox", "serve", *group, "--control", control,
                 "--proxy", proxy, "--lifeline", str(reading), "--state-dir", str(state.path), *world_option],
                stdin=subprocess.DEVNULL, stderr=None, pass_fds=(reading,),
            )  # fmt: skip
            stack.push_async_callback(_end, process)
            target = Target("127.0.0.1", await _reported_port(process, group))
            remote |= {host: target for name in group for host in emulated_hosts(world, name)}
        yield remote


async def _reported_port(process: anyio.abc.Process, group: tuple[str, ...]) -> int:
    assert process.stdout is not None
    line = b""
    with anyio.move_on_after(START_TIMEOUT):
        while not line.endswith(b"\n"):
            try:
                line += await process.stdout.receive()
            except anyio.EndOfStream:
                break
    if not line.endswith(b"\n"):
        raise InstanceError(f"the process of {', '.join(group)} did not start", "see its words above")
    return int(json.loads(line)["port"])


async def _end(process: anyio.abc.Process) -> None:
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            process.terminate()
            with anyio.move_on_after(2):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
        await process.aclose()


async def _until_stopped(lifeline: int) -> None:
    """Wait for a signal, or until the other end of the pipe is closed, as the kernel does when the
    parent dies."""

    async def signalled() -> None:
        # The first process of a container ignores the signals that it does not handle.
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(signalled)
        if lifeline < 0:
            await anyio.sleep_forever()
        await anyio.wait_readable(lifeline)
        tasks.cancel_scope.cancel()
