"""`kind up`: every step finds out what is there and does only what is missing."""

import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from msgspec import Struct

from apim_emulators.core.clock import SystemTime
from apim_sandbox.cluster.kind import admission, containers, image, keys, node, tools, webhook
from apim_sandbox.cluster.kind.containers import parts
from apim_sandbox.cluster.kind.layout import Layout, Ports, owner
from apim_sandbox.cluster.kind.turn import turn
from apim_sandbox.cluster.kind.waiting import until
from apim_sandbox.cluster.kind.webhook import Variant
from apim_sandbox.instance import Instance, InstanceError, answers, write_private
from apim_sandbox.serving.certificates import CertificateAuthority
from apim_sandbox.serving.edge import listen
from apim_sandbox.serving.prepare import prepare, publish
from apim_sandbox.serving.surroundings import load_world
from apim_sandbox.world.load import text_of
from apim_sandbox.world.model import World

CONTROL_TIMEOUT = 60.0  # seconds
API_TIMEOUT = 180.0  # a stopped node takes its time to find itself again


class UpOptions(Struct, frozen=True):
    """What `kind up` was asked for."""

    layout: Layout
    node_image: str | None = None
    webhook: Variant = "upstream"
    keep: bool = False
    world: Path | None = None
    image: str | None = None


@dataclass(slots=True)
class Up:
    """Brings a kind sandbox up. `report(step, outcome, seconds)` is told of each step.

    What does not wait for each other goes side by side:

        tools ─ state ─┬─ image ─ emulators ─ control service ────────────────┐
                       └─ cluster ─┬─ webhook (upstream's image, then admits) ├─ ready for manifests
                                   └─ the image on the node ──────────────────┘
    """

    options: UpOptions
    report: Callable[[str, str, float], None]
    started: Callable[[str], None]
    world: World = field(init=False)
    image: str = field(init=False)
    ports: Ports = field(init=False)
    versions: tools.Versions = field(init=False)
    authority: CertificateAuthority = field(init=False)
    _built: anyio.Event = field(init=False)

    async def run(self) -> Instance:
        """A sandbox whose webhook admits. Raises `InstanceError` with the next step to take."""
        layout = self.options.layout
        self._built = anyio.Event()
        self.world = load_world(self.options.world)
        if not self.world.clusters:
            raise InstanceError(f"world {self.world.name} has no cluster", "declare one under clusters:")
        await self._step("tools", self._tools)
        async with turn(layout, lambda: self.started(f"waiting for an earlier command on {layout.name}")):
            await self._make(fresh=not layout.remembered())
        control, proxy = f"http://127.0.0.1:{self.ports.control}", f"http://127.0.0.1:{self.ports.proxy}"
        return publish(layout.sandbox, self.world, self.authority, control, proxy)

    async def _make(self, *, fresh: bool) -> None:
        """All the steps. Where the first of all `up` fails, nothing of it stays."""
        layout = self.options.layout
        try:
            await self._step("state", self._state)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._beside)
                tasks.start_soon(self._inside)
        except BaseException as error:
            if fresh and not self.options.keep:
                with anyio.CancelScope(shield=True), suppress(InstanceError):  # the first one is the cause
                    self.started("removing what was made")
                    await _remove(layout)
            raise _first(error) from None

    async def _beside(self) -> None:
        """What runs on this machine."""
        await self._step("image", self._image)
        self._built.set()
        await self._step("emulators", self._emulators)
        await self._step("control service", self._answering)

    async def _inside(self) -> None:
        """What runs in the cluster."""
        await self._step("cluster", self._cluster)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._admitting)
            await self._built.wait()
            await self._step("image on the node", lambda: self._load(self.image))

    async def _admitting(self) -> None:
        if self.options.webhook == "emulated":
            await self._built.wait()
            wanted = self.image
        else:
            wanted = webhook.UPSTREAM[self.options.webhook]
            await self._step("webhook's image", lambda: self._load(wanted))
        await self._step("webhook", lambda: self._webhook(wanted))

    async def _step(self, name: str, work: Callable[[], Awaitable[str]]) -> None:
        self.started(name)
        before = SystemTime().tick()
        self.report(name, await work(), SystemTime().tick() - before)

    async def _tools(self) -> str:
        self.versions = found = await tools.check()
        return f"docker {found.docker}, kind {found.kind}, kubectl {found.kubectl}"

    async def _image(self) -> str:
        self.image, built = await image.ensure(self.options.image)
        return f"{self.image}{' built' if built else ''}"

    async def _state(self) -> str:
        """Everything secret, made before any container could want it; and the network."""
        layout = self.options.layout
        await containers.refuse_anothers(layout)
        try:
            self.authority = prepare(layout.sandbox, self.world)
        except InstanceError as error:
            raise InstanceError(str(error), layout.command("down")) from None
        keys.make(layout)
        if self.options.world is not None:
            write_private(layout.sandbox.path / "world.yaml", text_of(self.options.world))
        made = await containers.ensure_network(layout)
        self.ports = await self._ports()
        layout.remember(self.ports, webhook=self.options.webhook, node_image=self.options.node_image)
        return f"{layout.directory}, network {layout.network}{'' if made else ' unchanged'}"

    async def _ports(self) -> Ports:
        """Those of an earlier `up`, unless somebody else has taken them since."""
        layout = self.options.layout
        ports = layout.ports()
        control = (await containers.existing(layout)).get(layout.container("control"))
        if ports is not None and control is not None and control["running"]:
            return ports
        return ports if ports is not None and _free(ports) else _choose_ports()

    async def _emulators(self) -> str:
        layout = self.options.layout
        there = await containers.existing(layout)
        wanted = parts(layout, self.world, self.image, self.ports, with_world=self.options.world is not None)
        done = {
            part.name: await containers.ensure(layout, part, self.image, self.versions.rootless, there)
            for part in wanted
        }
        return _together(done)

    async def _cluster(self) -> str:
        options, layout = self.options, self.options.layout
        done = await node.ensure(layout, self.world.clusters[0], options.node_image, keep=options.keep)
        containers.hand_over(layout, owner(self.versions.rootless))
        await until(
            layout, "the API server answers", API_TIMEOUT,
            lambda: tools.succeeds(*layout.kubectl, "get", "--raw", "/readyz"),
        )  # fmt: skip
        return f"{layout.name} {done}"

    async def _load(self, name: str) -> str:
        if not await image.present(name):
            await tools.run("docker", "pull", name, timeout=600)
        loaded = await node.load(self.options.layout, name)
        return f"{name.rpartition('/')[2]} {'loaded' if loaded else 'unchanged'}"

    async def _answering(self) -> str:
        layout = self.options.layout
        url = f"http://127.0.0.1:{self.ports.control}"

        async def up() -> bool:
            return await anyio.to_thread.run_sync(answers, url)

        try:
            await until(layout, "the control service answers", CONTROL_TIMEOUT, up)
        except InstanceError as error:
            name = layout.container("control")
            words = await tools.run("sh", "-c", f"docker logs --tail 1 {name} 2>&1")
            raise InstanceError(f"{error}; it says: {words.strip()[:300]}", error.hint) from None
        return url

    async def _webhook(self, name: str) -> str:
        options = self.options
        own = name if options.webhook == "emulated" else ""
        profile = await admission.install(options.layout, self.world, options.webhook, own)
        return f"{name.rpartition('/')[2]} admits (profile {profile})"


async def remove(layout: Layout, waiting: Callable[[], None]) -> dict[str, bool]:
    """Remove all that `up` made and nothing else; what there was of each.

    `waiting()` is told when another command is at work on it. Raises `InstanceError`.
    """
    if not layout.directory.exists():
        return await _remove(layout)
    async with turn(layout, waiting):
        return await _remove(layout)


async def _remove(layout: Layout) -> dict[str, bool]:
    cluster = await node.delete(layout)
    beside = await containers.remove_all(layout)
    # A `kind create` that was killed a moment ago may have had its `docker run` still under way.
    cluster = await node.delete(layout) or cluster
    files = layout.directory.exists()
    try:
        if files:
            shutil.rmtree(layout.directory)
    except OSError as error:
        raise InstanceError(
            f"{error.filename} can't be removed: {error.strerror}", f"remove or unmount {error.filename}"
        ) from None
    return {"cluster": cluster, "containers": beside > 0, "files": files}


def _first(error: BaseException) -> BaseException:
    """What ended the steps: the first of several problems at once."""
    while isinstance(error, BaseExceptionGroup):
        error = next((one for one in error.exceptions if isinstance(one, InstanceError)), error.exceptions[0])
    return error


def _together(done: dict[str, str]) -> str:
    by_outcome: dict[str, list[str]] = {}
    for name, outcome in done.items():
        by_outcome.setdefault(outcome, []).append(name)
    return "; ".join(f"{', '.join(names)} {outcome}" for outcome, names in by_outcome.items())


def _choose_ports() -> Ports:
    bound = [listen(0, "--control-port") for _ in range(2)]
    found = [one.getsockname()[1] for one in bound]
    for one in bound:
        one.close()
    return Ports(*found)


def _free(ports: Ports) -> bool:
    try:
        for port in (ports.control, ports.proxy):
            listen(port, "--control-port").close()
    except OSError:
        return False
    return True
