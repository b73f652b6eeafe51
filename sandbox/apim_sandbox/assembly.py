"""Puts the emulators together: which exist, on which hosts, seeded from which world.

The same for one process, for several, and for virtual runs; what differs (time, ids, keys, stores, the
way to reach each other) comes in from outside.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from msgspec import Struct, field
from starlette.types import ASGIApp

from apim_emulators.core import vocabulary as names
from apim_emulators.core.clock import MasterClock
from apim_emulators.core.context import Context
from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.faults import ActorFaults, ConnectionFault, FaultGate, Faults
from apim_emulators.core.faults.model import AT_CONNECT, SERVERS, Stage
from apim_emulators.core.http import LazyApp
from apim_emulators.core.ids import Ids
from apim_emulators.core.journal import ActorJournal, Sink
from apim_emulators.core.keys import KeySource, public_key_ids
from apim_emulators.core.store import Stores
from apim_emulators.core.vocabulary import Actor
from apim_emulators.oidc.model import token_proxy_host
from apim_sandbox.hosts import ByAddress, HostTable
from apim_sandbox.instance import Secrets
from apim_sandbox.world import seed
from apim_sandbox.world.model import Cluster, World
from apim_sandbox.world.resolve import services, tenant

if TYPE_CHECKING:
    from apim_emulators.oidc.state import IssuerState

ROOT_CA = "kube-root-ca.crt"  # the ConfigMap with the cluster's CA, in every namespace
EMULATORS = ("oidc", "webhook", "entra", "arm", "apim")


class Surroundings(Struct, frozen=True):
    """What an assembly is given. `store(name)` is the emulator's own; `http` reaches every host by name."""

    clock: MasterClock
    ids: Ids
    sink: Sink
    keys: KeySource
    store: Stores
    http: httpx.AsyncClient
    secrets: Secrets
    faults: Faults

    def context(self, actor: Actor) -> Context:
        """What the emulator called `actor` is given."""
        clock = self.clock.for_actor(actor)
        faults = self.faults_of(actor)
        return Context(clock, self.ids.child(actor), faults.journal, self.http, faults)

    def connection_fault(self, world: World, host: str, stage: Stage) -> ConnectionFault | None:
        """What keeps a client from connecting to a host now; it has fired."""
        if not self.faults.planned:
            return None
        actor = actor_of(world, host)
        return None if actor is None else self.faults_of(actor).connection((stage,))

    def has_connection_fault(self, world: World, host: str) -> bool:
        """Whether a fault would keep a client from connecting to a host now."""
        actor, now = actor_of(world, host), self.clock.now()
        return any(
            one.target == actor and one.fault.about.stage in AT_CONNECT and one.scope.open_at(now)
            for one in self.faults.planned.values()
        )

    def faults_of(self, actor: Actor) -> ActorFaults:
        """The faults of an actor; their windows open by the sandbox's time, whatever its own clock says."""
        clock = self.clock.for_actor(actor)
        return ActorFaults(self.faults, actor, self.clock, clock, ActorJournal(self.sink, actor, clock))


class Assembly(Struct):
    """Some emulators of a world, ready to be served: `hosts` says which application answers where."""

    world: World
    around: Surroundings
    hosts: HostTable = field(default_factory=HostTable)
    signing_key: str = ""  # PEM with which a real cluster's API server signs; empty where we are the signer
    published_keys: str = ""  # PEM of the public keys that JWKS is to show; empty: all that signed
    built: list[str] = field(default_factory=list)
    _forget: list[Callable[[], None]] = field(default_factory=list)

    def reload(self, name: str, world: World) -> None:
        """Let an emulator forget everything, and build it anew from another world."""
        self.world = world
        self.around.store(name).clear()
        self.add(name)

    def add(self, name: str) -> None:
        """Build the emulator called `name` (one of `EMULATORS`) and put it on its hosts."""
        if name not in self.built:
            self.built.append(name)
        {
            "oidc": self._oidc,
            "webhook": self._webhook,
            "entra": self._entra,
            "arm": self._arm,
            "apim": self._apim,
        }[name]()

    def forget(self) -> None:
        """Let every emulator begin anew over its store as it is now, as a restart would."""
        for forget in self._forget:
            forget()

    def on_forget(self, forget: Callable[[], None]) -> None:
        """Call `forget` too when everything begins anew."""
        self._forget.append(forget)

    def _gate(self, app: ASGIApp, actor: Actor) -> ASGIApp:
        return FaultGate(app, self.around.faults_of(actor))

    def _oidc(self) -> None:
        from apim_emulators.oidc.app import create_app
        from apim_emulators.oidc.model import Cluster as IssuerCluster
        from apim_emulators.oidc.state import IssuerState

        context = self.around.context("oidc")
        state = IssuerState(
            self.around.store("oidc"), self.around.keys, admin_token=self.around.secrets.admin
        )
        for cluster in self.world.clusters[: 1 if self.signing_key else 0]:
            self._take_over_keys(context, state, cluster)
        for cluster in self.world.clusters:
            state.put_cluster(
                IssuerCluster(
                    cluster.name, cluster.issuer, max_token_expiration=_whole(cluster.max_token_expiration)
                )
            )
            for binding in seed.identity_bindings(self.world, cluster):
                state.put_identity_binding(binding)
        app = self._gate(create_app(context, state), "oidc")
        for host in issuer_hosts(self.world):
            self.hosts.exact[host] = app
        self.hosts.exact[names.KUBERNETES_HOST] = app
        self.hosts.domains["clusters.sandbox.test"] = app
        self.hosts.domains[names.TOKEN_PROXY_DOMAIN] = app

    def _take_over_keys(self, context: Context, state: "IssuerState", cluster: Cluster) -> None:
        """A real API server's keys; what changed since an earlier start is told."""
        before = state.keys(cluster.name)
        new = state.import_key(cluster.name, self.signing_key)
        if self.published_keys:
            state.publish_only(cluster.name, public_key_ids(self.published_keys))
        after = state.keys(cluster.name)
        if before and after != before:
            known = any(key.kid == new.kid for key in before)
            shown = {"issuer": cluster.issuer, "published": [key.kid for key in after if key.published]}
            context.journal.append(
                ResourceChanged(
                    "signingKey", new.kid, cluster.name, "updated" if known else "created", "cluster",
                    after=shown,
                )
            )  # fmt: skip

    def _webhook(self) -> None:
        from apim_emulators.webhook.app import create_app
        from apim_emulators.webhook.config import configure

        context = self.around.context("webhook")
        for cluster in self.world.clusters[:1]:
            chosen = cluster.webhook
            environment = {
                "AZURE_TENANT_ID": webhook_tenant(self.world, cluster),
                "AZURE_ENVIRONMENT": chosen.environment,
            }
            flags = ["--audience", chosen.audience]
            if cluster.identity_bindings and chosen.profile == "1.6.0":
                endpoint = chosen.custom_token_endpoint
                flags += ["--custom-token-endpoint-annotation-suffix", endpoint.annotation_suffix]
                flags += ["--custom-token-endpoint-audience", endpoint.audience]
                environment |= {
                    "AZURE_KUBERNETES_TOKEN_PROXY": f"https://{names.KUBERNETES_HOST}",
                    "AZURE_KUBERNETES_SNI_NAME": token_proxy_host(cluster.name),
                    "AZURE_KUBERNETES_CA_CONFIGMAP_NAME": ROOT_CA,
                }
            settings = configure(
                flags, environment,
                admin_token=self.around.secrets.admin, profile=chosen.profile,
            )  # fmt: skip
            self.hosts.exact[names.WEBHOOK_HOST] = self._gate(create_app(context, settings), "webhook")

    def _entra(self) -> None:
        from apim_emulators.entra.app import create_app
        from apim_emulators.entra.settings import Settings
        from apim_emulators.entra.state import Directory

        chosen = self.world.settings.entra
        delays = self.world.settings.propagation
        settings = Settings(
            no_match=chosen.no_match,
            jwks_cache=chosen.issuer_cache,
            refetch_floor=chosen.issuer_refetch,
            random_lifetime=chosen.random_lifetime,
            token_lifetime=round(chosen.token_lifetime) if chosen.token_lifetime else 3599,
            replication_spread=chosen.replication_spread,
            loop_limit=chosen.loop_limit,
            rate_limit=chosen.requests_per_minute,
            rate_answer="plain" if chosen.throttled_as == "text" else "json",
            retry_after=chosen.retry_after,
            propagation={
                "application": delays.application,
                "servicePrincipal": delays.service_principal,
                "federatedIdentityCredential": delays.federated_identity_credential,
                "group": delays.group_membership,
            },
            provider_secret=self.around.secrets.provider,
        )
        store = self.around.store("entra")
        directory = Directory(store, self.around.keys, settings)
        context = self.around.context("entra")
        if not directory.list_tenants():
            seed.seed_entra(
                self.world,
                directory,
                self.around.ids.child("seed"),
                context.clock.now(),
                self.around.secrets.operator,
            )
        seed.announce_entra(directory, context.journal)
        self._forget += [directory.forget, lambda: seed.announce_entra(directory, context.journal)]
        sign_in = create_app(context, directory)
        self.hosts.exact[names.LOGIN_HOST] = FaultGate(
            sign_in, self.around.faults_of("entra"), directory.names_of
        )

        def graph() -> ASGIApp:
            from apim_emulators.entra.graph import create_app as create_graph

            return create_graph(graph_context, directory)

        graph_context = self.around.context("graph")
        self.hosts.exact[names.GRAPH_HOST] = self._gate(LazyApp(graph), "graph")

    def _arm(self) -> None:
        from apim_emulators.arm.settings import ArmSettings
        from apim_emulators.arm.state import ArmState

        context = self.around.context("arm")
        state = ArmState(self.around.store("arm"))
        if not any(state.subscriptions()):
            seed.seed_arm(self.world, state)
        seed.announce_arm(state, context.journal)
        self._forget.append(lambda: seed.announce_arm(state, context.journal))
        settings = ArmSettings(
            self.around.secrets.provider,
            role_propagation_seconds=self.world.settings.propagation.role_assignment,
            credential_write_seconds=self.world.settings.arm.credential_write,
            limit_credential_rates=self.world.settings.arm.credential_rates,
        )

        def build() -> ASGIApp:
            from apim_emulators.arm.app import create_app

            return create_app(context, state, settings)

        self.hosts.exact[names.ARM_HOST] = self._gate(LazyApp(build), "arm")

    def _apim(self) -> None:
        from apim_emulators.apim.app import create_app
        from apim_emulators.apim.settings import ApimSettings
        from apim_emulators.apim.state import ApimState

        context = self.around.context("apim")
        chosen = self.world.settings.api_management
        settings = ApimSettings(
            self.around.secrets.provider,
            audiences=chosen.audiences,
            rbac_cache_seconds=chosen.rbac_cache,
            definitions_cache_seconds=chosen.definitions_cache,
            near_expiry=chosen.near_expiry,
            compaction_length=chosen.feed_length,
            gone_after=chosen.gone_after,
            requests_per_minute=chosen.requests_per_minute,
        )
        state = ApimState(self.around.store("apim"), self.around.keys, settings)
        if not any(state.services()):
            seed.seed_apim(self.world, state)

        def provider() -> ASGIApp:
            from apim_emulators.apim.resources import create_app as create_resources

            return create_resources(context, state, settings)

        configuration = create_app(context, state, settings)
        self._forget.append(configuration.forget)
        app = self._gate(configuration, "apim")
        self.hosts.domains[names.CONFIGURATION_DOMAIN] = app
        self.hosts.domains[names.LEGACY_CONFIGURATION_DOMAIN] = app
        # Custom host names come and go with their services.
        self.hosts.lookups[:] = [lambda host: app if state.has_custom_host(host) else None]
        self.hosts.exact[names.APIM_PROVIDER_HOST] = LazyApp(provider)


def emulated_hosts(world: World, emulator: str) -> tuple[str, ...]:
    """The hosts of an emulator that runs in another process; a leading `*.` stands for a whole domain."""
    return {
        "oidc": (
            *issuer_hosts(world),
            names.KUBERNETES_HOST,
            "*.clusters.sandbox.test",
            f"*.{names.TOKEN_PROXY_DOMAIN}",
        ),
        "webhook": (names.WEBHOOK_HOST,),
        "entra": (names.LOGIN_HOST, names.GRAPH_HOST),
        "arm": (names.ARM_HOST,),
        "apim": (
            f"*.{names.CONFIGURATION_DOMAIN}",
            f"*.{names.LEGACY_CONFIGURATION_DOMAIN}",
            names.APIM_PROVIDER_HOST,
        ),
    }[emulator]


def actor_of(world: World, host: str) -> Actor | None:
    """Whose host it is; None for a host that no emulator answers for."""
    if host == names.GRAPH_HOST:
        return "graph"
    by_emulator: dict[str, Actor] = {one: one for one in SERVERS if one in EMULATORS}
    wanted = {host, f"*.{host.partition('.')[2]}"}
    found = next((one for one in by_emulator if wanted & set(emulated_hosts(world, one))), None)
    if found is None and host in _custom_hosts(world):
        return "apim"
    return None if found is None else by_emulator[found]


def _custom_hosts(world: World) -> Iterator[str]:
    """Further host names of the services' configuration endpoints."""
    for subscription in world.subscriptions:
        for _, service in services(subscription):
            yield from (host.lower() for host in service.host_names)


def issuer_hosts(world: World) -> tuple[str, ...]:
    """The hosts of the clusters' issuers, and of their identity bindings' issuers, each once."""
    hosts = [urlsplit(cluster.issuer).hostname or "" for cluster in world.clusters]
    if any(cluster.identity_bindings for cluster in world.clusters):
        hosts.append(names.IDENTITY_BINDING_HOST)
    return tuple(dict.fromkeys(hosts))


def by_address(world: World) -> ByAddress | None:
    """How `https://localhost` reaches the world's first service and first cluster."""
    services = seed.service_names(world)
    if not services or not world.clusters:
        return None
    issuer = urlsplit(world.clusters[0].issuer)
    host = f"{services[0].lower()}.{names.CONFIGURATION_DOMAIN}"
    return ByAddress(host, issuer.hostname or "", issuer.path.rstrip("/"))


def webhook_tenant(world: World, cluster: Cluster) -> str:
    """The tenant id that the cluster's webhook puts into AZURE_TENANT_ID."""
    return tenant(world, cluster.webhook.tenant).id


def _whole(seconds: float | None) -> int:
    return 0 if seconds is None else round(seconds)
