"""The live sandbox: one process for the emulators, the edge, the control service and the embedded cluster.

Gateways are child processes of the cluster. With `separate`, the emulators are child processes too;
the proxy then knows on which port each host is. Whatever happens to this process, its children end
with it: each holds the reading end of a pipe that only this process keeps open.
"""

import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from msgspec import Struct, field

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.events import ConfigurationAnswered, GatewayChanged, WorldLoaded
from apim_emulators.core.faults import Faults
from apim_emulators.core.faults.keeper import ClockKeeper
from apim_emulators.core.ids import RandomIds
from apim_emulators.core.journal import MemoryJournal, Record, encode
from apim_emulators.core.keys import KeySource
from apim_emulators.core.vocabulary import ECHO_HOST
from apim_sandbox import __version__, echo
from apim_sandbox.assembly import EMULATORS, Assembly, by_address, issuer_hosts
from apim_sandbox.control.app import create_app
from apim_sandbox.control.attachments import kept_attachments
from apim_sandbox.control.checkpoints import Checkpoints
from apim_sandbox.control.steered import Control
from apim_sandbox.hosts import HostTable
from apim_sandbox.instance import Instance, InstanceError, StateDir, write_private
from apim_sandbox.serving.certificates import CertificateAuthority
from apim_sandbox.serving.edge import ConnectProxy, EdgeApp, Target, listen, serving
from apim_sandbox.serving.steering import steered
from apim_sandbox.serving.surroundings import live_client, live_surroundings, load_world
from apim_sandbox.world.content import digest
from apim_sandbox.world.model import World
from apim_sandbox.world.seed import default_service_account, operator_of, service_names


class ServerOptions(Struct, frozen=True):
    """What to serve and where; port 0 takes a free one. Beyond loopback the control service wants a token.

    Without `keep` the emulators' state is in memory and ends with the sandbox. `keys`: where its key pairs
    come from.
    """

    state: StateDir
    world_file: Path | None = None
    edge_port: int = 8443
    proxy_port: int = 8444
    control_port: int = 8445
    allow_internet: bool = False
    separate: bool = False
    reset: bool = False
    host: str = "127.0.0.1"
    keep: bool = True
    keys: KeySource | None = None


class Listeners(Struct):
    """The three bound sockets and what others are told of them."""

    edge: socket.socket
    proxy: socket.socket
    control: socket.socket

    @property
    def urls(self) -> tuple[str, str, str]:
        edge, proxy, control = (one.getsockname()[1] for one in (self.edge, self.proxy, self.control))
        return f"https://localhost:{edge}", f"http://127.0.0.1:{proxy}", f"http://127.0.0.1:{control}"

    def close(self) -> None:
        for one in (self.edge, self.proxy, self.control):
            one.close()


async def run_server(options: ServerOptions, on_ready: Callable[[Instance], None], stop: anyio.Event) -> None:
    """Serve until `stop` is set. Raises `InstanceError`, `PortTakenError`, `DocumentError`."""
    world = load_world(options.world_file)
    if options.separate and options.host != "127.0.0.1":
        raise InstanceError("--separate serves on loopback only", "leave out --listen or --separate")
    options.state.create()
    with options.state.lock():
        if options.reset:
            options.state.reset()
        remember_world(options.state, world)
        authority = CertificateAuthority(options.state.path / "ca", issuer_hosts(world))
        listeners = bind(options)
        try:
            async with AsyncExitStack() as stack:
                instance = await stack.enter_async_context(_running(options, world, authority, listeners))
                options.state.publish(instance)
                on_ready(instance)
                await stop.wait()
        finally:
            listeners.close()


def remember_world(state: StateDir, world: World) -> None:
    """Refuse to mix what is kept from one world with another."""
    mine = digest(world)
    marker = state.path / "world.sha256"
    try:
        known = marker.read_text().strip()
    except OSError:
        known = ""
    if known and known != mine:
        raise InstanceError(
            f"{state.path} holds the state of another world (or of an older version of this one)",
            "start with --reset to forget it, or choose another directory with --state-dir DIR",
        )
    marker.write_text(mine + "\n")


def kept_clock(state: StateDir) -> MasterClock:
    """The sandbox's clock as an earlier run left it; every move is written down.

    Tokens and events of that run carry its times: a clock that went back would make them come from
    the future.
    """
    path = state.path / "clock.json"
    clock = MasterClock()
    try:
        kept = json.loads(path.read_text())
        clock.take(kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # a first run, or a file that somebody broke: real time

    def keep() -> None:
        write_private(path, json.dumps({**clock.shown(), "skews": clock.skews}))

    clock.on_move(keep)
    return clock


def bind(options: ServerOptions) -> Listeners:
    """All three sockets, or none. Raises `PortTakenError`."""
    bound: list[socket.socket] = []
    try:
        bound.append(listen(options.edge_port, "--edge-port", options.host))
        bound.append(listen(options.proxy_port, "--proxy-port", options.host))
        bound.append(listen(options.control_port, "--control-port", options.host))
    except OSError:
        for one in bound:
            one.close()
        raise
    return Listeners(*bound)


@asynccontextmanager
async def _running(
    options: ServerOptions, world: World, authority: CertificateAuthority, listeners: Listeners
) -> AsyncIterator[Instance]:
    from apim_sandbox.cluster.live import live_cluster

    edge_url, proxy_url, control_url = listeners.urls
    state = options.state
    clock, journal, faults = kept_clock(state), MemoryJournal(), Faults()
    journal.on_record(faults.note)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(live_client(proxy_url, authority.client_context()))
        keep = stack.enter_context((state.path / "journal.jsonl").open("wb", buffering=0))
        journal.on_record(lambda record: keep_record(keep, record))
        around = live_surroundings(state, clock, journal, http, faults, keep=options.keep, keys=options.keys)
        assembly = Assembly(world, around)
        assembly.hosts.exact[ECHO_HOST] = echo.app
        remote: dict[str, Target] = {}
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        if options.separate:
            from apim_sandbox.serving.separate import started_emulators

            remote = await stack.enter_async_context(
                started_emulators(state, options.world_file, world, control_url, proxy_url)
            )
        else:
            for name in EMULATORS:
                assembly.add(name)
        tasks.start_soon(ClockKeeper(clock, faults, journal).run)
        shapes = None if options.separate else by_address(world)
        edge_app = EdgeApp(assembly.hosts, shapes, steered(assembly))
        tls = authority.server_context(lambda host: around.connection_fault(world, host, "tls") is not None)
        await stack.enter_async_context(serving(edge_app, listeners.edge, tls))
        route = Router(assembly.hosts, remote, Target("127.0.0.1", listeners.edge.getsockname()[1]))
        proxy = ConnectProxy(
            route, options.allow_internet, lambda host: around.connection_fault(world, host, "connection")
        )
        faults.on_change(lambda: proxy.close(lambda host: around.has_connection_fault(world, host)))
        tasks.start_soon(proxy.run, listeners.proxy)
        token = "" if options.host == "127.0.0.1" else RandomIds().child("control").secret(40)
        pod_environment = pod_variables(authority, proxy_url, control_url)
        if token:
            pod_environment["APIM_SANDBOX_CONTROL_TOKEN"] = token
        bound = [one for one in world.clusters[:1] if one.identity_bindings]
        token_proxy = None
        for one in bound:
            from apim_sandbox.serving.token_proxy import served_token_proxy

            token_proxy = await stack.enter_async_context(
                served_token_proxy(one.name, state.path / "cluster-ca", http)
            )
        cluster = await stack.enter_async_context(
            live_cluster(world, around, state.path, pod_environment, token_proxy)
        )
        attachments = await stack.enter_async_context(kept_attachments(cluster))
        status = Status(world, clock, journal, options)
        assembly.on_forget(status.forget)
        checkpoints = None if options.separate else Checkpoints(assembly, cluster, attachments, journal)

        control = Control(
            clock,
            journal,
            cluster,
            faults,
            world,
            status.show,
            status.gateways,
            attachments,
            default_service_account(world),
            pod_environment,
            token=token,
            checkpoints=checkpoints,
        )
        await stack.enter_async_context(serving(create_app(control), listeners.control))
        clusters = tuple(one.name for one in world.clusters)
        loaded = WorldLoaded(world.name, tuple(service_names(world)), clusters)
        journal.add("control", clock.now(), loaded, 0.0)
        yield Instance(
            pid=os.getpid(), version=__version__, world=world.name, control=control_url, edge=edge_url,
            proxy=proxy_url, ca_file=str(authority.ca_file), bundle_file=str(authority.bundle_file),
            state_dir=str(state.path), control_token=token,
        )  # fmt: skip


class Router(Struct, frozen=True):
    """Where the proxy connects: the edge for hosts of this process, another port for hosts elsewhere."""

    hosts: HostTable
    remote: dict[str, Target]
    edge: Target

    def __call__(self, host: str) -> Target | None:
        _, _, domain = host.partition(".")
        elsewhere = self.remote.get(host) or self.remote.get(f"*.{domain}")
        if elsewhere is not None:
            return elsewhere
        return self.edge if self.hosts.find(host) is not None else None


class Status(Struct):
    """What `GET /status` and `GET /gateways` answer, read from the journal and the clock."""

    world: World
    clock: MasterClock
    journal: MemoryJournal
    options: ServerOptions
    states: dict[str, GatewayChanged] = field(default_factory=dict)
    heartbeats: dict[tuple[str, str], float] = field(default_factory=dict)  # by gateway and instance

    def __post_init__(self) -> None:
        self.journal.on_record(self.note)

    def show(self) -> dict[str, Any]:
        operator = operator_of(self.world, "")
        return {
            "version": __version__,
            "world": self.world.name,
            "operator": {"tenant": operator.tenant, "client_id": operator.client_id},
            "emulators": list(EMULATORS),
            "separate": self.options.separate,
            "journal": self.journal.sequence,
            "clock": self.clock.shown(),
        }

    def forget(self) -> None:
        """Know of no gateway: they ended, and the world begins anew."""
        self.states.clear()
        self.heartbeats.clear()

    async def gateways(self) -> list[dict[str, Any]]:
        """Each gateway's newest state; `gone` where it has not said so but is silent for too long."""
        import msgspec

        now, gone_after = self.clock.now(), self.world.settings.api_management.gone_after
        rows = []
        for state in self.states.values():
            heard = self.heartbeats.get((state.gateway.lower(), state.pod))
            gone = heard is not None and heard <= now - gone_after and state.state != "stopped"
            shown = {"state": "gone"} if gone else {}
            rows.append(msgspec.to_builtins(state) | {"last_heartbeat": heard} | shown)
        return rows

    def note(self, record: Record) -> None:
        """Take a gateway's newest state and its heartbeats from the journal."""
        match record.event:
            case GatewayChanged(namespace=namespace, pod=pod):
                self.states[f"{namespace}/{pod}"] = record.event
            case ConfigurationAnswered(operation="heartbeat", status=204, gateway=gateway, instance=instance):
                self.heartbeats[gateway.lower(), instance] = record.at
            case _:
                return


def pod_variables(authority: CertificateAuthority, proxy: str, control: str) -> dict[str, str]:
    """What a program needs besides the pod's own environment to find the emulators by their real names."""
    bundle = str(authority.bundle_file)
    local = "localhost,127.0.0.1,::1"
    return {
        "HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": local, "no_proxy": local,
        "SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle, "CURL_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": str(authority.ca_file), "NODE_USE_ENV_PROXY": "1",
        "APIM_SANDBOX_CONTROL": control,
    }  # fmt: skip


def keep_record(file: Any, record: Record) -> None:
    """Write a record down at once: `file` is unbuffered."""
    file.write(encode(record) + b"\n")
