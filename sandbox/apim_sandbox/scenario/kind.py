"""`--on kind`: one cluster for all scenarios; each begins with its own world and leaves no pod behind."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import anyio
import httpx
from msgspec import field

from apim_emulators.core.events import PodChanged
from apim_emulators.core.journal import Record
from apim_sandbox.client import AsyncSandbox, SandboxError
from apim_sandbox.client.shapes import PodShown
from apim_sandbox.cluster.embedded.manifest import manifests
from apim_sandbox.cluster.kind.api import ApiError, KubernetesApi
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.cluster.protocol import ClusterError, EventView, PodView
from apim_sandbox.documents import DocumentError
from apim_sandbox.examples import article_manifest
from apim_sandbox.instance import InstanceError
from apim_sandbox.scenario.remote import LOOK, WALLS, Pace, Remote
from apim_sandbox.world.content import content
from apim_sandbox.world.default import default_world
from apim_sandbox.world.model import World

# A container can't refuse to be connected to, but it can say nothing.
_WALLS = {**WALLS, "no-answer": "no-answer"}
# A loaded node makes a pod wait: the kubelet tries a mount again only after a minute.
PACE = Pace(rest=120.0, patience=90.0)
GONE = 60.0  # seconds of real time for a scenario's pods to go


class OnKind(Remote, kw_only=True):
    """Sees only the namespaces that it applied to: whatever else runs in the cluster is not its business.

    A gateway is called through the API server: its ports are on no port of this machine.
    """

    api: KubernetesApi
    namespaces: set[str] = field(default_factory=set)

    def records(self) -> list[Record]:
        mine = {"", *self.namespaces}
        return [one for one in self.seen if getattr(one.event, "namespace", "") in mine]

    async def apply(self, documents: Iterable[tuple[str, str]]) -> None:
        given = list(documents)
        self.namespaces |= namespaces_of(given)
        await Remote.apply(self, given)

    async def pods(self) -> Sequence[PodView]:
        return [pod for pod in await Remote.pods(self) if pod.namespace in self.namespaces]

    async def events(self) -> Sequence[EventView]:
        return [event for event in await Remote.events(self) if event.namespace in self.namespaces]

    async def call(self, pod: PodView, path: str) -> httpx.Response | None:
        try:
            text = await self.api.text(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}:8080/proxy{path}")
        except ApiError as error:
            return httpx.Response(error.code, text=error.message)
        except ClusterError:
            return None
        return httpx.Response(200, text=text)


@asynccontextmanager
async def opened(world: World, layout: Layout) -> AsyncIterator[OnKind]:
    """The cluster without the article's gateway, and the emulators begun anew with `world`.

    Raises `InstanceError` when no such cluster is up.
    """
    api = KubernetesApi(layout.kubeconfig)
    async with _connected(layout) as sandbox, api.opened():
        await emptied(sandbox, [article_manifest()])
        began = (await sandbox.status())["journal"]
        await sandbox.load_world(content(world))
        venue = OnKind(sandbox, world, began, PACE, _WALLS, api=api)
        try:
            yield venue
        finally:
            with anyio.CancelScope(shield=True):
                await emptied(sandbox, venue.applied)


@contextmanager
def borrowed(layout: Layout) -> Iterator[None]:
    """The cluster for some scenarios; afterwards the usual world and the article's gateway are back.

    Raises `InstanceError` when no such cluster is up, or one of another version.
    """
    anyio.run(_look, layout, backend="asyncio")
    try:
        yield
    finally:
        anyio.run(_put_back, layout, backend="asyncio")


async def _look(layout: Layout) -> None:
    """Whether it is there, and takes worlds as this program writes them."""
    async with _connected(layout) as sandbox:
        try:
            await sandbox.load_world(content(default_world()))
        except SandboxError as error:
            raise InstanceError(
                f"the kind sandbox {layout.name} was brought up by another version: {error}",
                f"{layout.command('down')}, then {layout.command('up')}",
            ) from None


async def _put_back(layout: Layout) -> None:
    async with _connected(layout) as sandbox:
        await sandbox.load_world(content(default_world()))
        since = (await sandbox.status())["journal"]
        await sandbox.apply([article_manifest()])
        await sandbox.wait_for("the article's gateway", _ready, since=since, timeout=GONE)


def _ready(record: Record) -> bool:
    return isinstance(record.event, PodChanged) and record.event.ready


def _connected(layout: Layout) -> AsyncSandbox:
    try:
        return AsyncSandbox.connect(layout.sandbox.path)
    except InstanceError:
        raise InstanceError(f"no kind sandbox called {layout.name} is up", layout.command("up")) from None


def namespaces_of(documents: Iterable[tuple[str, str]]) -> set[str]:
    """Where the objects of manifests go."""
    with suppress(DocumentError):
        return {one.key.namespace for one in manifests(documents, "default") if one.key.namespace}
    return set()


async def emptied(sandbox: AsyncSandbox, applied: Sequence[tuple[str, str]]) -> None:
    """Delete what was applied, and wait until no pod of it is left. Raises `SandboxError` when one stays."""
    for document in applied:
        with suppress(SandboxError):  # what was refused is not there
            await sandbox.delete([document])
    spaces = namespaces_of(applied)
    left: list[PodShown] = []
    with anyio.move_on_after(GONE):
        while left := [pod for pod in await sandbox.pods() if pod["namespace"] in spaces]:  # noqa: ASYNC110
            await anyio.sleep(LOOK)
    if left:
        names = ", ".join(f"{pod['namespace']}/{pod['name']}" for pod in left)
        raise SandboxError(f"after {GONE:g} s these pods are still there: {names}")
