"""`kind up`: every step finds out what is there and does only what is missing."""

import json
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import anyio
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.keys import FreshKeys, signing_key
from apim_sandbox.certificates import CertificateAuthority
from apim_sandbox.cluster.kind import containers, image, node, tools, views, webhook
from apim_sandbox.cluster.kind.containers import parts
from apim_sandbox.cluster.kind.layout import Layout, Ports, owner
from apim_sandbox.cluster.kind.webhook import Variant
from apim_sandbox.edge import listen
from apim_sandbox.instance import Instance, InstanceError, answers, write_private
from apim_sandbox.prepare import prepare, publish
from apim_sandbox.surroundings import load_world
from apim_sandbox.world.load import text_of
from apim_sandbox.world.model import World

T = TypeVar("T")
ADMITS_TIMEOUT = 120.0  # seconds
CONTROL_TIMEOUT = 60.0
API_TIMEOUT = 90.0


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `kind up` was asked for."""

    layout: Layout
    node_image: str | None = None
    webhook: Variant = "upstream"
    keep: bool = False
    world: Path | None = None
    image: str | None = None


@dataclass(slots=True)
class Up:
    """Brings a kind sandbox up. `report(step, outcome, seconds)` is told of each step."""

    options: UpOptions
    report: Callable[[str, str, float], None]
    started: Callable[[str], None]
    world: World = field(init=False)
    image: str = field(init=False)
    versions: tools.Versions = field(init=False)
    authority: CertificateAuthority = field(init=False)
    _said: str = ""

    async def run(self) -> Instance:
        """A sandbox whose webhook admits. Raises `InstanceError` with the next step to take."""
        layout = self.options.layout
        fresh = not layout.remembered()
        self.world = load_world(self.options.world)
        if not self.world.clusters:
            raise InstanceError(f"world {self.world.name} has no cluster", "declare one under clusters:")
        self.versions = await self._step("tools", self._tools)
        try:
            await self._step("image", self._image)
            await self._step("state", self._state)
            ports = await self._step("emulators", self._emulators)
            await self._step("control service", lambda: self._answering(ports))
            await self._step("cluster", self._cluster)
            await self._step("images on the node", self._load)
            await self._step("webhook", self._webhook)
        except BaseException:
            if fresh and not self.options.keep:
                with anyio.CancelScope(shield=True):
                    self.started("removing what was made")
                    await remove(layout)
            raise
        control, proxy = f"http://127.0.0.1:{ports.control}", f"http://127.0.0.1:{ports.proxy}"
        return publish(layout.sandbox, self.world, self.authority, control, proxy)

    async def _step(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        self.started(name)
        before = SystemTime().tick()
        result = await work()
        outcome = result if isinstance(result, str) else self._said
        self.report(name, outcome, SystemTime().tick() - before)
        self._said = ""
        return result

    async def _tools(self) -> tools.Versions:
        found = await tools.check()
        self._said = f"docker {found.docker}, kind {found.kind}, kubectl {found.kubectl}"
        return found

    async def _image(self) -> str:
        self.image, built = await image.ensure(self.options.image)
        return f"{self.image}{' built' if built else ''}"

    async def _state(self) -> str:
        """Everything secret, made before any container could want it."""
        layout = self.options.layout
        layout.create()
        try:
            self.authority = prepare(layout.sandbox, self.world)
        except InstanceError as error:
            raise InstanceError(str(error), f"apim-sandbox kind down --name {layout.name}") from None
        if not layout.signing_key.exists():
            key = signing_key(FreshKeys().rsa("oidc"))
            write_private(layout.public_key, public_pem(key.public))
            write_private(layout.signing_key, key.pem().decode())
        if self.options.world is not None:
            write_private(layout.sandbox.path / "world.yaml", text_of(self.options.world))
        return str(layout.directory)

    async def _emulators(self) -> Ports:
        layout = self.options.layout
        made = await containers.ensure_network(layout)
        there = await containers.existing(layout)
        ports = layout.ports()
        if ports is None or (layout.container("control") not in there and not _free(ports)):
            ports = _choose_ports()
        layout.remember(ports, webhook=self.options.webhook, node_image=self.options.node_image)
        wanted = parts(layout, self.world, self.image, ports, with_world=self.options.world is not None)
        done = {
            part.name: await containers.ensure(layout, part, self.image, self.versions.rootless, there)
            for part in wanted
        }
        self._said = f"network {layout.network}{'' if made else ' unchanged'}; " + _together(done)
        return ports

    async def _cluster(self) -> str:
        options, layout = self.options, self.options.layout
        done = await node.ensure(layout, self.world.clusters[0], options.node_image, keep=options.keep)
        containers.hand_over(layout, owner(self.versions.rootless))
        await self._until(
            "the API server answers",
            API_TIMEOUT,
            lambda: tools.succeeds(*layout.kubectl, "get", "--raw", "/readyz"),
        )
        return f"{layout.name} {done}"

    async def _load(self) -> str:
        names = (self.image, webhook.image_of(self.options.webhook, self.image))
        loaded = [one for one in dict.fromkeys(names) if await self._load_one(one)]
        return ", ".join(loaded) + " loaded" if loaded else "unchanged"

    async def _load_one(self, name: str) -> bool:
        if not await image.present(name):
            await tools.run("docker", "pull", name, timeout=600)
        return await node.load(self.options.layout, name)

    async def _answering(self, ports: Ports) -> str:
        url = f"http://127.0.0.1:{ports.control}"

        async def up() -> bool:
            return await anyio.to_thread.run_sync(answers, url)

        try:
            await self._until("the control service answers", CONTROL_TIMEOUT, up)
        except InstanceError as error:
            name = self.options.layout.container("control")
            words = await tools.run("sh", "-c", f"docker logs --tail 1 {name} 2>&1")
            raise InstanceError(f"{error}; it says: {words.strip()[:300]}", error.hint) from None
        return url

    async def _webhook(self) -> str:
        layout, variant = self.options.layout, self.options.webhook
        kubectl = layout.kubectl
        text = webhook.manifests(self.world, variant, self.image, self.authority)
        await tools.run(
            *kubectl, "apply", "--server-side", "--force-conflicts", "--field-manager=apim-sandbox",
            "-f", "-", stdin=text,
        )  # fmt: skip
        profile = ""

        async def admits() -> bool:
            nonlocal profile
            try:
                answer = await tools.run(
                    *kubectl, "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=webhook.probe_pod()
                )
            except tools.ToolError:
                return False
            found = views.mutation(json.loads(answer), None)
            profile = found.profile if found is not None else ""
            return bool(profile)

        rolled_out = await tools.succeeds(
            *kubectl, "--namespace", webhook.NAMESPACE, "rollout", "status", webhook.DEPLOYMENT,
            f"--timeout={ADMITS_TIMEOUT:g}s", timeout=ADMITS_TIMEOUT + 10,
        )  # fmt: skip
        if not rolled_out:
            raise InstanceError(
                f"the webhook's pod is not ready after {ADMITS_TIMEOUT:g} s: {await self._webhook_pods()}",
                f"apim-sandbox kind logs webhook --name {layout.name}",
            )
        await self._until("the webhook admits", ADMITS_TIMEOUT, admits)
        return f"{webhook.image_of(variant, self.image)} admits (profile {profile})"

    async def _webhook_pods(self) -> str:
        """What the webhook's pods say of themselves."""
        listed = await tools.run(
            *self.options.layout.kubectl, "--namespace", webhook.NAMESPACE, "get", "pods", "-o", "json"
        )
        told = [views.view(pod) for pod in json.loads(listed)["items"]]
        return (
            "; ".join(f"{one.name} {one.reason or one.phase} {one.message}".strip() for one in told) or "none"
        )

    async def _until(self, what: str, timeout: float, holds: Callable[[], Awaitable[bool]]) -> None:
        with anyio.move_on_after(timeout):
            while not await holds():  # noqa: ASYNC110  others' doing
                await anyio.sleep(0.3)
            return
        raise InstanceError(
            f"waited {timeout:g} s until {what}, and it does not",
            f"apim-sandbox kind logs --name {self.options.layout.name}",
        )


async def remove(layout: Layout) -> dict[str, bool]:
    """Remove all that `up` made and nothing else; what there was of each."""
    cluster = await node.delete(layout)
    beside = await containers.remove_all(layout)
    files = layout.directory.exists()
    shutil.rmtree(layout.directory, ignore_errors=True)
    return {"cluster": cluster, "containers": beside > 0, "files": files}


def public_pem(public: RSAPublicKey) -> str:
    """What kubeadm keeps in `sa.pub`."""
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


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
