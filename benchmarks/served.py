"""The server under measurement, in a process of its own on one core: `python served.py STATE_DIR CORE`.

Everything that `apim-sandbox up` puts on the token path is on it: the edge, the fault gate, the ladder,
SQLite, the journal with its file. One listener more serves the same edge without TLS. Prints one line
of JSON when it is ready and runs until its standard input ends.
"""

import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import Faults
from apim_emulators.core.journal import MemoryJournal
from apim_sandbox.assembly import EMULATORS, Assembly, by_address, issuer_hosts
from apim_sandbox.cli.updown import run_live
from apim_sandbox.instance import StateDir
from apim_sandbox.serving.certificates import CertificateAuthority
from apim_sandbox.serving.edge import ConnectProxy, EdgeApp, Target, listen, serving, settle_memory
from apim_sandbox.serving.server import Router, keep_record
from apim_sandbox.serving.surroundings import live_client, live_surroundings, load_world


async def serve(state: StateDir) -> None:
    world = load_world(None)
    authority = CertificateAuthority(state.path / "ca", issuer_hosts(world))
    clock, journal, faults = MasterClock(), MemoryJournal(), Faults()
    plain, tls, proxy = (listen(0, "--port") for _ in range(3))
    proxy_url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(live_client(proxy_url, authority.client_context()))
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        keep = stack.enter_context((state.path / "journal.jsonl").open("wb", buffering=0))
        journal.on_record(lambda record: keep_record(keep, record))
        assembly = Assembly(world, live_surroundings(state, clock, journal, http, faults))
        for name in EMULATORS:
            assembly.add(name)
        edge = EdgeApp(assembly.hosts, by_address(world))
        await stack.enter_async_context(serving(edge, plain))
        await stack.enter_async_context(serving(edge, tls, authority.server_context()))
        route = Router(assembly.hosts, {}, Target("127.0.0.1", tls.getsockname()[1]))
        tasks.start_soon(ConnectProxy(route).run, proxy)
        settle_memory()
        ready = {
            "plain": plain.getsockname()[1], "tls": tls.getsockname()[1],
            "ca": str(authority.ca_file), "admin": state.secrets().admin,
        }  # fmt: skip
        print(json.dumps(ready), flush=True)
        await anyio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


def main() -> None:
    directory, core = sys.argv[1:]
    if core:
        os.sched_setaffinity(0, {int(core)})
    state = StateDir(Path(directory))
    state.create()
    profile = os.environ.get("PROFILE")
    if profile:
        import cProfile

        profiler = cProfile.Profile()
        profiler.enable()
    run_live(lambda: serve(state))
    if profile:
        profiler.disable()
        profiler.dump_stats(profile)


if __name__ == "__main__":
    main()
