"""A gateway in virtual time with its neighbours around it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import httpx
import pytest
from anyio.abc import TaskGroup
from starlette.types import ASGIApp
from tests.sandbox.gateway.fakes import ENVIRONMENT, ConfigurationApi, Entra, assertion
from trio.testing import MockClock

from apim_emulators.core.clock import MasterClock, VirtualTime
from apim_emulators.core.events import Event
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.wire import Wire, open_wire
from apim_sandbox.gateway.gateway import Gateway, virtual_gateway
from apim_sandbox.gateway.logs import MemorySink
from apim_sandbox.gateway.pod import PodIdentity

POD = PodIdentity("apim-gateway-wi", "apim-gateway-7c9f5")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """trio with a clock that jumps: nothing here waits."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@dataclass
class Scene:
    """The neighbours, a way to start gateways among them, and what they left behind."""

    clock: MasterClock
    tasks: TaskGroup
    wire: Wire
    entra: Entra
    api: ConfigurationApi
    hosts: dict[str, ASGIApp]
    memory: MemoryJournal = field(default_factory=MemoryJournal)
    sink: MemorySink = field(default_factory=MemorySink)
    token_file: str = field(default_factory=lambda: assertion("assertion-1"))
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def make(self, env: Mapping[str, str] | None = None, **changes: str) -> Gateway | None:
        clock = self.clock.for_actor("gateway")
        return virtual_gateway(
            {**(ENVIRONMENT if env is None else env), **changes},
            POD,
            clock=clock,
            ids=SeededIds("gateway"),
            journal=ActorJournal(self.memory, "gateway", clock),
            http=httpx.AsyncClient(transport=self.wire.transport()),
            log=self.sink,
            read_file=lambda _: self.token_file,
        )

    def start(self, env: Mapping[str, str] | None = None, **changes: str) -> Gateway:
        gateway = self.make(env, **changes)
        assert gateway is not None, self.sink.lines
        self.hosts["gateway.test"] = gateway.app
        self.tasks.start_soon(self._run, gateway)
        return gateway

    async def _run(self, gateway: Gateway) -> None:
        with self.scope:
            await gateway.run()

    def client(self) -> httpx.AsyncClient:
        """Calls APIs through the gateway."""
        return httpx.AsyncClient(transport=self.wire.transport(), base_url="http://gateway.test")

    def events(self, *kinds: type[Event]) -> list[Event]:
        return [record.event for record in self.memory.since() if isinstance(record.event, kinds)]

    def event_types(self) -> list[str]:
        return [record.event.event_type for record in self.memory.since() if record.kind == "gateway.log"]


@asynccontextmanager
async def open_scene() -> AsyncIterator[Scene]:
    clock = MasterClock(VirtualTime())
    entra, api = Entra(clock), ConfigurationApi(clock)
    hosts: dict[str, ASGIApp] = {
        "login.microsoftonline.com": entra.app,
        "contoso.configuration.azure-api.net": api.app,
    }
    async with open_wire(hosts.get) as wire, anyio.create_task_group() as tasks:
        yield Scene(clock, tasks, wire, entra, api, hosts)
        tasks.cancel_scope.cancel()
    assert not wire.crashes


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with open_scene() as scene:
        yield scene
