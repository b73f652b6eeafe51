"""The control service of a sandbox whose emulators are containers: one network, the real names as aliases.

container oidc, entra, apim: `serve … --listen 0.0.0.0:443`   ◄──by name──►  each other, pods, this one
this one                   : control service, CONNECT proxy for the host's programs, the echo back end,
                             and the cluster: a real one by its kubeconfig, else the embedded one
"""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
from msgspec import Struct

from apim_emulators.core.events import WorldLoaded
from apim_emulators.core.faults import Faults
from apim_emulators.core.faults.keeper import ClockKeeper
from apim_emulators.core.journal import MemoryJournal, read
from apim_emulators.core.vocabulary import ECHO_HOST
from apim_sandbox import echo
from apim_sandbox.assembly import EMULATORS, Surroundings, emulated_hosts, issuer_hosts
from apim_sandbox.cluster.protocol import Cluster
from apim_sandbox.control.app import create_app
from apim_sandbox.control.attachments import kept_attachments
from apim_sandbox.control.steered import Control
from apim_sandbox.hosts import HostTable
from apim_sandbox.instance import StateDir
from apim_sandbox.serving.certificates import CertificateAuthority
from apim_sandbox.serving.edge import ConnectProxy, EdgeApp, Target, listen, serving
from apim_sandbox.serving.server import ServerOptions, Status, keep_record, kept_clock, pod_variables
from apim_sandbox.serving.steering import reload_everywhere
from apim_sandbox.serving.surroundings import live_client, live_surroundings, load_world
from apim_sandbox.world.model import World
from apim_sandbox.world.seed import default_service_account, service_names

TLS_PORT, PROXY_PORT, CONTROL_PORT = 443, 8444, 8445


class ControlOptions(Struct, frozen=True):
    """`url` and `proxy_url` are how programs outside reach this container; `name_url` is how pods do.

    Without `proxy_url` they are on the same network and need no proxy. `outside` is the state directory
    as those programs see it. With `kubeconfig` the cluster is the real one that the file tells of, once
    it is there; its gateways run `image`.
    """

    state: StateDir
    token: str
    world_file: Path | None = None
    host: str = "0.0.0.0"  # noqa: S104  a container's own; what is published is decided outside
    url: str = f"http://127.0.0.1:{CONTROL_PORT}"
    proxy_url: str = f"http://127.0.0.1:{PROXY_PORT}"
    name_url: str = f"http://control.sandbox.test:{CONTROL_PORT}"
    outside: Path | None = None
    kubeconfig: Path | None = None
    image: str = ""


async def run_control(options: ControlOptions) -> None:
    """Serve until a signal comes. Raises `DocumentError`, `PortTakenError`."""
    world = load_world(options.world_file)
    authority = CertificateAuthority(options.state.path / "ca", issuer_hosts(world))
    sockets = [
        listen(port, "--listen", options.host) for port in (TLS_PORT, PROXY_PORT, CONTROL_PORT)
    ]  # fmt: skip
    clock, journal = kept_clock(options.state), MemoryJournal()
    faults = Faults(unable=_unable(options))
    journal.on_record(faults.note)
    async with AsyncExitStack() as stack:
        _restore(journal, options.state.path / "journal.jsonl")
        keep = stack.enter_context((options.state.path / "journal.jsonl").open("ab", buffering=0))
        journal.on_record(lambda record: keep_record(keep, record))
        http = await stack.enter_async_context(live_client("", authority.client_context()))
        around = live_surroundings(options.state, clock, journal, http, faults)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        hosts = HostTable(exact={ECHO_HOST: echo.app})
        await stack.enter_async_context(serving(EdgeApp(hosts), sockets[0], authority.server_context()))
        tasks.start_soon(ClockKeeper(clock, faults, journal).run)
        tasks.start_soon(ConnectProxy(_Neighbours(world)).run, sockets[1])
        cluster = await stack.enter_async_context(_cluster(options, world, around, authority))
        attachments = await stack.enter_async_context(kept_attachments(cluster))
        status = Status(world, clock, journal, ServerOptions(state=options.state, separate=True))
        for record in journal.since(0):
            status.note(record)

        async def reload(other: World) -> None:
            await reload_everywhere(http, world, other, around.secrets.admin)
            status.world = other

        account = default_service_account(world)
        parts = (clock, journal, cluster, faults, world, status.show, status.gateways, attachments)
        control = Control(
            *parts,
            account,
            token=options.token,
            pod_variables=_variables(options, authority),
            reload=None if options.kubeconfig is None else reload,
        )
        await stack.enter_async_context(serving(create_app(control), sockets[2]))
        clusters = tuple(one.name for one in world.clusters)
        journal.add(
            "control", clock.now(), WorldLoaded(world.name, tuple(service_names(world)), clusters), 0.0
        )
        await stopped()
        tasks.cancel_scope.cancel()


async def stopped() -> None:
    """Wait for SIGTERM or SIGINT, which a container's first process ignores unless it handles them."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            return


class _Neighbours(Struct, frozen=True):
    """The proxy's way: an emulated host is where the network says, on 443."""

    world: World

    def __call__(self, host: str) -> Target | None:
        _, _, domain = host.partition(".")
        known = {name for emulator in EMULATORS for name in emulated_hosts(self.world, emulator)}
        return Target(host, TLS_PORT) if {host, f"*.{domain}"} & (known | {ECHO_HOST}) else None


def _variables(options: ControlOptions, authority: CertificateAuthority) -> dict[str, str]:
    """What a program outside needs besides a pod's own environment."""
    outside = options.outside or options.state.path
    found = {
        name: value.replace(str(options.state.path), str(outside))
        for name, value in pod_variables(authority, options.proxy_url, options.url).items()
        if options.proxy_url or "PROXY" not in name.upper()
    }
    return {**found, "APIM_SANDBOX_CONTROL_TOKEN": options.token}


@asynccontextmanager
async def _cluster(
    options: ControlOptions, world: World, around: Surroundings, authority: CertificateAuthority
) -> AsyncIterator[Cluster]:
    directory = options.state.path / "pods"
    if options.kubeconfig is None:
        from apim_sandbox.cluster.live import live_cluster

        async with live_cluster(world, around, directory, _variables(options, authority)) as embedded:
            yield embedded
        return
    from apim_sandbox.cluster.embedded.settings import from_world
    from apim_sandbox.cluster.kind.api import KubernetesApi
    from apim_sandbox.cluster.kind.cluster import KindCluster, KindSettings

    named = from_world(world, world.clusters[0].name, state_dir=directory, admin_token="")
    settings = KindSettings(
        image=options.image, control=options.name_url, token=options.token,
        bundle=authority.bundle_file.read_text(), directory=directory,
        outside=(options.outside or options.state.path) / "pods",
        identities=named.identities,
    )  # fmt: skip
    api = KubernetesApi(options.kubeconfig)
    cluster = KindCluster(around.context("cluster"), api, settings)
    async with api.opened(), anyio.create_task_group() as tasks:
        tasks.start_soon(cluster.run)
        yield cluster
        tasks.cancel_scope.cancel()


def _unable(options: ControlOptions) -> dict[str, str]:
    """What can't be broken where containers and pods reach each other by the network's own means."""
    direct = "containers connect to each other without the proxy; take reset, no-answer or wrong-certificate"
    found = dict.fromkeys(("connection-refused", "name-unknown", "plain-http", "unreachable"), direct)
    if options.kubeconfig is not None:
        found |= dict.fromkeys(("killed", "slow-start"), "a real kubelet runs the container; take kubectl")
        found["renewal-fails"] = "a real kubelet renews the tokens here; take status at oidc, method POST"
    return found


def _restore(journal: MemoryJournal, path: Path) -> None:
    """What an earlier process of this container wrote down."""
    if path.exists():
        for record in read(path.read_bytes().splitlines()):
            journal.add(record.actor, record.at, record.event, record.duration)
