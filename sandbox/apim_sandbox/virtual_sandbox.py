"""A whole sandbox in virtual time: the emulators, the embedded cluster and its gateways in one trio run.

async def main():
    async with virtual_sandbox() as sandbox:
        await sandbox.apply([article_manifest()])
        await sandbox.sleep(600)

run_virtual(main, seed=1)
"""

import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import httpx
from msgspec import Struct

from apim_emulators.core.clock import MasterClock, VirtualTime
from apim_emulators.core.events import WorldLoaded
from apim_emulators.core.faults import Faults
from apim_emulators.core.faults.keeper import ClockKeeper
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import MemoryJournal, Record
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore, Stores
from apim_emulators.core.vocabulary import ECHO_HOST
from apim_emulators.core.wire import Wire, WireClient, open_wire
from apim_sandbox import echo
from apim_sandbox.assembly import EMULATORS, Assembly, Surroundings
from apim_sandbox.client.aio.cloud import AsyncArm, AsyncCloud, AsyncGraph
from apim_sandbox.client.answers import SandboxError
from apim_sandbox.cluster.embedded.cluster import EmbeddedCluster
from apim_sandbox.cluster.embedded.task_runtime import TaskRuntime, pod_host
from apim_sandbox.cluster.live import cluster_settings, refuses_image
from apim_sandbox.cluster.protocol import Applied
from apim_sandbox.control.planning import FaultRequest, plan
from apim_sandbox.hosts import HostTable
from apim_sandbox.instance import Secrets
from apim_sandbox.world.default import default_world
from apim_sandbox.world.model import World
from apim_sandbox.world.operator import Operator
from apim_sandbox.world.seed import operator_of, service_names


class DefectError(AssertionError):
    """An application of ours raised: whatever the run showed, it is not to be trusted."""


class VirtualSandbox(Struct):
    """What a test or a scenario holds in its hands."""

    world: World
    clock: MasterClock
    journal: MemoryJournal
    cluster: EmbeddedCluster
    hosts: HostTable
    faults: Faults
    wire: Wire
    http: httpx.AsyncClient
    stores: Stores
    arm: AsyncArm
    graph: AsyncGraph
    around: Surroundings

    async def sleep(self, seconds: float) -> None:
        """Let the sandbox live on for `seconds`; everything due meanwhile happens at its exact time."""
        await self.clock.sleep(seconds)

    async def apply(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        """Apply manifests, as `(path, text)`."""
        return await self.cluster.apply(documents)

    def add_fault(self, request: FaultRequest) -> str:
        """Break something on purpose, from now on unless the request says otherwise; the fault's id.

        Raises `FaultError`.
        """
        planned = plan(request, self.world, self.clock.now(), self.faults.planned)
        self.faults.add(planned)
        return planned.id

    def records(self, since: int = 0) -> list[Record]:
        """The journal so far."""
        return self.journal.since(since)

    async def call(self, namespace: str, pod: str, path: str) -> httpx.Response:
        """Call an API through a gateway."""
        return await self.http.get(f"http://{pod_host(namespace, pod)}{path}")


class _Known(Struct, frozen=True):
    """The operator, known from the start."""

    who: Operator

    async def operator(self) -> Operator:
        return self.who


@asynccontextmanager
async def virtual_sandbox(world: World | None = None, *, seed: int = 0) -> AsyncIterator[VirtualSandbox]:
    """A sandbox in this trio run. Raises `DefectError` at the end if an application of ours raised."""
    world = world or default_world()
    ids = SeededIds(str(seed))
    clock = MasterClock(VirtualTime())
    journal, faults, hosts = MemoryJournal(), Faults(), HostTable()
    journal.on_record(faults.note)
    stores = Stores(lambda _: MemoryStore())

    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apim-sandbox-")))
        wire = await stack.enter_async_context(open_wire(hosts.find))
        http = await stack.enter_async_context(WireClient(wire, timeout=10))
        secrets = Secrets.generate(ids)
        around = Surroundings(clock, ids, journal, PooledKeys(), stores, http, secrets, faults)
        assembly = Assembly(world, around, hosts)
        for name in EMULATORS:
            assembly.add(name)
        hosts.exact[ECHO_HOST] = echo.app
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        runtime = TaskRuntime(around, hosts, tasks, refuses_image)
        cluster = EmbeddedCluster(
            around.context("cluster"), cluster_settings(world, around, directory), runtime, PooledKeys()
        )
        tasks.start_soon(cluster.run)
        tasks.start_soon(ClockKeeper(clock, faults, journal).run)
        clusters = tuple(one.name for one in world.clusters)
        journal.add(
            "control", clock.now(), WorldLoaded(world.name, tuple(service_names(world)), clusters), 0.0
        )
        cloud = AsyncCloud(http, _Known(operator_of(world, secrets.operator)))
        graph = AsyncGraph(cloud)
        arm = AsyncArm(cloud, graph)
        yield VirtualSandbox(
            world, clock, journal, cluster, hosts, faults, wire, http, stores, arm, graph, around
        )  # fmt: skip
        if wire.crashes:
            crash = wire.crashes[0]
            raise DefectError(f"{len(wire.crashes)} crashes, the first at {crash.url}") from crash.error


__all__ = ["DefectError", "SandboxError", "VirtualSandbox", "virtual_sandbox"]
