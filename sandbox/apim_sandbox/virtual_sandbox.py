"""A whole sandbox in virtual time: the emulators, the embedded cluster and its gateways in one trio run.

async def main():
    async with virtual_sandbox() as sandbox:
        await sandbox.apply([article_manifest()])
        await sandbox.sleep(600)

run_virtual(main, seed=1)
"""

import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
import httpx

from apim_emulators.core import vocabulary as names
from apim_emulators.core.clock import MasterClock, VirtualTime
from apim_emulators.core.events import WorldLoaded
from apim_emulators.core.faults import Faults
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import MemoryJournal, Record
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore
from apim_emulators.core.vocabulary import ECHO_HOST
from apim_emulators.core.wire import Wire, open_wire
from apim_sandbox import echo
from apim_sandbox.assembly import EMULATORS, Assembly, Surroundings
from apim_sandbox.client import ARM_API, Operator, SandboxError, check, token_form
from apim_sandbox.cluster.embedded.cluster import EmbeddedCluster
from apim_sandbox.cluster.embedded.task_runtime import TaskRuntime, pod_host
from apim_sandbox.cluster.live import cluster_settings, refuses_image
from apim_sandbox.cluster.protocol import Applied
from apim_sandbox.hosts import HostTable
from apim_sandbox.instance import Secrets
from apim_sandbox.world.default import default_world
from apim_sandbox.world.model import World
from apim_sandbox.world.seed import operator_of, service_names


class DefectError(AssertionError):
    """An application of ours raised: whatever the run showed, it is not to be trusted."""


@dataclass(slots=True)
class VirtualSandbox:
    """What a test or a scenario holds in its hands."""

    world: World
    clock: MasterClock
    journal: MemoryJournal
    cluster: EmbeddedCluster
    hosts: HostTable
    faults: Faults
    wire: Wire
    http: httpx.AsyncClient
    stores: Mapping[str, MemoryStore]
    operator: Operator
    around: Surroundings
    _tokens: dict[str, str] = field(default_factory=dict)

    async def sleep(self, seconds: float) -> None:
        """Let the sandbox live on for `seconds`; everything due meanwhile happens at its exact time."""
        await self.clock.sleep(seconds)

    async def apply(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        """Apply manifests, as `(path, text)`."""
        return await self.cluster.apply(documents)

    def records(self, since: int = 0) -> list[Record]:
        """The journal so far."""
        return self.journal.since(since)

    async def arm(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        api_version: str = ARM_API,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """A request to ARM as the operator. Raises `SandboxError`."""
        url, params = f"https://{names.ARM_HOST}{path}", {"api-version": api_version}
        return await self._as_operator(method, url, names.ARM_RESOURCE, body, params, headers or {})

    async def graph(
        self, method: str, path: str, *, body: Any = None, params: Mapping[str, str] | None = None
    ) -> Any:
        """A request to Microsoft Graph as the operator. Raises `SandboxError`."""
        url = f"https://{names.GRAPH_HOST}{path}"
        return await self._as_operator(method, url, names.GRAPH_RESOURCE, body, params or {})

    async def call(self, namespace: str, pod: str, path: str) -> httpx.Response:
        """Call an API through a gateway."""
        return await self.http.get(f"http://{pod_host(namespace, pod)}{path}")

    async def _as_operator(
        self,
        method: str,
        url: str,
        resource: str,
        body: Any,
        params: Mapping[str, str],
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Any:
        for attempt in (1, 2):
            if resource not in self._tokens:
                token_url = f"https://{names.LOGIN_HOST}/{self.operator.tenant}/oauth2/v2.0/token"
                answer = await self.http.post(token_url, data=token_form(self.operator, resource))
                check(answer)
                self._tokens[resource] = answer.json()["access_token"]
            headers = {**more, "authorization": f"Bearer {self._tokens[resource]}"}
            answer = await self.http.request(method, url, json=body, params=params, headers=headers)
            if answer.status_code != 401 or attempt == 2:
                break
            del self._tokens[resource]  # expired meanwhile: a day may have passed
        check(answer)
        return answer.json() if answer.content else None


@asynccontextmanager
async def virtual_sandbox(world: World | None = None, *, seed: int = 0) -> AsyncIterator[VirtualSandbox]:
    """A sandbox in this trio run. Raises `DefectError` at the end if an application of ours raised."""
    world = world or default_world()
    ids = SeededIds(str(seed))
    clock = MasterClock(VirtualTime())
    journal, faults, hosts = MemoryJournal(), Faults(), HostTable()
    stores: dict[str, MemoryStore] = {}

    def store(name: str) -> MemoryStore:
        return stores.setdefault(name, MemoryStore())

    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apim-sandbox-")))
        wire = await stack.enter_async_context(open_wire(hosts.find))
        http = await stack.enter_async_context(httpx.AsyncClient(transport=wire.transport(), timeout=10))
        secrets = Secrets.generate(ids)
        around = Surroundings(clock, ids, journal, PooledKeys(), store, http, secrets, faults)
        assembly = Assembly(world, around, hosts)
        for name in EMULATORS:
            assembly.add(name)
        hosts.exact[ECHO_HOST] = echo.app
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        runtime = TaskRuntime(around, hosts, tasks, refuses_image)
        cluster = EmbeddedCluster(
            around.context("cluster"), cluster_settings(world, around, directory), runtime
        )
        tasks.start_soon(cluster.run)
        clusters = tuple(one.name for one in world.clusters)
        journal.add(
            "control", clock.now(), WorldLoaded(world.name, tuple(service_names(world)), clusters), 0.0
        )
        yield VirtualSandbox(
            world,
            clock,
            journal,
            cluster,
            hosts,
            faults,
            wire,
            http,
            stores,
            operator_of(world, secrets.operator),
            around,
        )
        if wire.crashes:
            crash = wire.crashes[0]
            raise DefectError(f"{len(wire.crashes)} crashes, the first at {crash.url}") from crash.error


__all__ = ["DefectError", "SandboxError", "VirtualSandbox", "virtual_sandbox"]
