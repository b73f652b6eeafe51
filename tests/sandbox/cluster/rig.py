"""An embedded cluster in virtual time: the real issuer, a small webhook, containers made of memory."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.clock import MasterClock, VirtualTime
from apim_emulators.core.context import Context
from apim_emulators.core.events import Event
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore
from apim_emulators.core.vocabulary import KUBERNETES_HOST, WEBHOOK_HOST
from apim_emulators.core.wire import open_wire
from apim_emulators.oidc.app import create_app
from apim_emulators.oidc.model import Cluster as IssuerCluster
from apim_emulators.oidc.state import IssuerState
from apim_sandbox.cluster.embedded.cluster import EmbeddedCluster
from apim_sandbox.cluster.embedded.logs import LogBuffer
from apim_sandbox.cluster.embedded.runtime import ContainerStart, ImageError
from apim_sandbox.cluster.embedded.settings import ClusterSettings
from apim_sandbox.cluster.protocol import PodView

MANIFEST = Path("examples/article/gateway.yaml")
NAMESPACE = "apim-gateway-wi"
ISSUER = "https://oidc.sandbox.test/contoso"
TOKENS = "/var/run/secrets/azure/wi"
E = TypeVar("E", bound=Event)


class FakeContainer:
    """Answers probes with `status` and ends when told to."""

    def __init__(self, start: ContainerStart, status: int | None) -> None:
        self.start = start
        self.status = status  # None: nobody listens
        self.ports: Mapping[int, int] = {port: port + 10_000 for port in start.ports}
        self.probed: list[tuple[int, str]] = []
        self._logs = LogBuffer()
        self._ended = anyio.Event()
        self._code = 0

    def say(self, line: str) -> None:
        self._logs.add(line)

    def exit(self, code: int) -> None:
        self._code = code
        self._logs.close()
        self._ended.set()

    @property
    def ended(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._code if self._ended.is_set() else None

    async def wait(self) -> int:
        await self._ended.wait()
        return self._code

    async def stop(self, patience: float = 2.0) -> None:
        if not self._ended.is_set():
            self.exit(143)

    async def get(self, port: int, path: str, timeout: float, scheme: str = "HTTP") -> int:
        self.probed.append((port, path))
        if self.status is None:
            raise ConnectionRefusedError(111, "Connection refused")
        return self.status

    async def connect(self, port: int, timeout: float) -> None:
        if self.status is None:
            raise ConnectionRefusedError(111, "Connection refused")

    def log_lines(self) -> list[str]:
        return self._logs.lines()

    def follow(self) -> AsyncIterator[str]:
        return self._logs.follow()


@dataclass
class FakeRuntime:
    """Starts `FakeContainer`s; `on_start` may end them or set their answers."""

    status: int | None = 200
    on_start: Callable[[FakeContainer], None] = field(default=lambda _: None)
    started: list[FakeContainer] = field(default_factory=list)

    def refuses(self, image: str) -> str:
        return "" if "/gateway:" in image else "only the gateway runs here"

    async def start(self, start: ContainerStart) -> FakeContainer:
        if self.refuses(start.image):
            raise ImageError(self.refuses(start.image))
        container = FakeContainer(start, self.status)
        self.started.append(container)
        self.on_start(container)
        return container


@dataclass
class FakeWebhook:
    """Adds what profile 1.6.0 adds, as far as these tests look; `answer` overrides the response."""

    answer: dict[str, Any] | None = None
    delay: float = 0.0
    reviews: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        review = await request.json()
        self.reviews.append(review)
        await anyio.sleep(self.delay)
        response = {
            "uid": review["request"]["uid"],
            **(self.answer or self._mutate(review["request"]["object"])),
        }
        await self._respond(response)(scope, receive, send)

    def _respond(self, response: dict[str, Any]) -> Response:
        return JSONResponse(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        )

    def _mutate(self, pod: dict[str, Any]) -> dict[str, Any]:
        patch: list[dict[str, Any]] = []
        token = {"path": "token/azure-identity-token", "audience": "api://AzureADTokenExchange"}
        source = {"serviceAccountToken": {**token, "expirationSeconds": 3600}}
        for index, container in enumerate(pod["spec"]["containers"]):
            path = f"/spec/containers/{index}"
            env = [
                *container.get("env", []),
                {"name": "AZURE_FEDERATED_TOKEN_FILE", "value": f"{TOKENS}/{token['path']}"},
            ]
            mounts = [
                *container.get("volumeMounts", []),
                {"name": "wi", "mountPath": TOKENS, "readOnly": True},
            ]
            patch.append({"op": "add", "path": f"{path}/env", "value": env})
            patch.append({"op": "add", "path": f"{path}/volumeMounts", "value": mounts})
        volumes = [*pod["spec"].get("volumes", []), {"name": "wi", "projected": {"sources": [source]}}]
        patch.append({"op": "add", "path": "/spec/volumes", "value": volumes})
        encoded = base64.b64encode(json.dumps(patch).encode()).decode()
        return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


@dataclass
class Rig:
    """What a test holds."""

    cluster: EmbeddedCluster
    clock: MasterClock
    journal: MemoryJournal
    runtime: FakeRuntime
    webhook: FakeWebhook
    hosts: dict[str, ASGIApp]
    state_dir: Path

    async def apply(self, text: str, path: str = "m.yaml") -> list[tuple[str, str]]:
        return [(one.object, one.result) for one in await self.cluster.apply([(path, text)])]

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def pods(self) -> list[PodView]:
        return await self.cluster.pods()

    async def pod(self) -> PodView:
        (only,) = await self.cluster.pods()
        return only

    def events(self, kind: type[E]) -> list[E]:
        return [record.event for record in self.journal.since() if isinstance(record.event, kind)]

    async def reasons(self) -> list[tuple[str, str, int]]:
        return [(one.reason, one.message, one.count) for one in await self.cluster.events()]


@asynccontextmanager
async def rig(state_dir: Path, **changes: Any) -> AsyncIterator[Rig]:
    """A running cluster; `changes` are fields of `ClusterSettings`."""
    clock, journal, ids = MasterClock(VirtualTime()), MemoryJournal(), SeededIds("rig")
    hosts: dict[str, ASGIApp] = {}
    async with (
        open_wire(lambda host: hosts.get(host)) as wire,
        httpx.AsyncClient(transport=wire.transport()) as http,
    ):

        def context(actor: Any) -> Context:
            view = clock.for_actor(actor)
            return Context(view, ids.child(actor), ActorJournal(journal, actor, view), http)

        issuer = IssuerState(MemoryStore(), PooledKeys(), admin_token="admin")
        issuer.put_cluster(IssuerCluster("contoso", ISSUER))
        webhook, runtime = FakeWebhook(), FakeRuntime()
        hosts[KUBERNETES_HOST] = create_app(context("oidc"), issuer)
        hosts[WEBHOOK_HOST] = webhook
        settings = ClusterSettings(name="contoso", state_dir=state_dir, admin_token="admin", **changes)
        cluster = EmbeddedCluster(context("cluster"), settings, runtime, PooledKeys())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cluster.run)
            await anyio.lowlevel.checkpoint()
            yield Rig(cluster, clock, journal, runtime, webhook, hosts, state_dir)
            tasks.cancel_scope.cancel()
        assert not wire.crashes
