"""The gateway's life with the configuration API: first sync, poll, heartbeat.

The next poll starts 10 s after the previous answer; a heartbeat goes out each 60 s. One poll makes
one attempt. Trouble never takes away what is in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import anyio

from apim_emulators.core.clock import Clock
from apim_emulators.core.events import GatewayChanged
from apim_emulators.core.journal import Journal
from apim_emulators.core.provenance import Behaviour
from apim_emulators.core.vocabulary import Revision
from apim_sandbox.gateway.backup import MOUNTED, Backup, BackupNotFoundError, BackupRefusedError
from apim_sandbox.gateway.configuration import PAGE, ApiError, ConfigurationClient, SnapshotRequiredError
from apim_sandbox.gateway.logs import GatewayLog
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.gateway.settings import Settings
from apim_sandbox.gateway.state import Configuration
from apim_sandbox.gateway.tls import LOCAL_CA

POLL_SECONDS = 10.0
HEARTBEAT_SECONDS = 60.0

POLL = Behaviour(
    id="gateway.loop.poll",
    label="documented",
    statement="the configuration is polled every 10 s, counted from the previous answer",
    source="Microsoft's self-hosted gateway overview; time stamps in self-hosted-gateway#328",
    witness="tests/sandbox/gateway/test_day.py::test_a_day_counts_what_the_schedule_says",
)
HEARTBEAT = Behaviour(
    id="gateway.loop.heartbeat",
    label="documented",
    statement="a heartbeat is sent every minute, the first one after the first sync",
    source="Microsoft's self-hosted gateway overview",
    witness="tests/sandbox/gateway/test_day.py::test_a_day_counts_what_the_schedule_says",
)
FAIL_STATIC = Behaviour(
    id="gateway.loop.fail-static",
    label="documented",
    statement="a running gateway that can't fetch its configuration goes on with the one in memory",
    source="Microsoft's self-hosted gateway overview",
    witness="tests/sandbox/gateway/test_loop.py::test_a_refused_poll_leaves_the_configuration_in_force",
)

Trust = Callable[[str], None]
"""Takes a certificate (PEM) for an authority of back ends. Raises `OSError`, `ssl.SSLError` included."""


def no_tls(_: str) -> None:
    """A virtual run has no TLS whose trust could grow."""


State = Literal["starting", "ready", "serving-from-memory", "stopped"]


@dataclass(slots=True)
class ConfigurationLoop:
    """Keeps `configuration` up to date for as long as `run` runs."""

    settings: Settings
    client: ConfigurationClient
    clock: Clock
    journal: Journal
    log: GatewayLog
    pod: PodIdentity
    backup: Backup
    trust: Trust = no_tls
    configuration: Configuration | None = None
    state: State = "starting"
    _announced: GatewayChanged | None = field(default=None, init=False)
    _trusted: set[tuple[str, str]] = field(default_factory=set, init=False)
    _said: set[tuple[str, str]] = field(default_factory=set, init=False)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            self._announce("starting")
            await self._first_sync()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._heartbeats)
                await self._polls()
        finally:
            self._announce("stopped")

    async def _first_sync(self) -> None:
        started = self.clock.tick()
        self.log.emit(
            "info",
            "ConfigStarted",
            "Connected service is enabled. 'config.service.endpoint' is set.",
            source="CompositConfigurationRepositoryProvider",
        )
        self.log.emit("info", "ConfigInitialSyncStarted", source="ConfigurationRepositoryProvider")
        if not self.backup.exists:
            self.log.emit("warn", "LoadBackupLocationNotFound", MOUNTED, source="FileBackupProvider")
        while self.configuration is None:
            try:
                await self._restore()
            except ApiError as error:
                self._not_available(error)
                if not self._restore_backup():
                    await self.clock.sleep(POLL_SECONDS)
        self.log.emit("info", "ConfigInitialSyncCompleted", source="ConfigurationRepositoryProvider")
        self.log.emit("info", "BootstrapperStarted", source="Bootstrapper")
        elapsed = self.clock.tick() - started
        self.log.emit(
            "info", "TenantStarted", f"Tenant lifecycle id: {self.client.ids.uuid()} in {_span(elapsed)}"
        )

    async def _polls(self) -> None:
        while True:
            await self.clock.sleep(POLL_SECONDS)
            try:
                await self._poll()
            except ApiError as error:
                self._not_available(error)
                self._announce("serving-from-memory")
            else:
                self._announce("ready")

    async def _poll(self) -> None:
        """Catch up on everything missed, page by page; a snapshot where the feed no longer reaches back."""
        changed = False
        while True:
            assert self.configuration is not None, "polls follow the first sync"
            try:
                page = await self.client.events(self.configuration.revision)
            except SnapshotRequiredError:
                await self._restore()
                return
            revision = Revision.parse(page.next_skip_token)
            if page.value or revision != self.configuration.revision:
                self._use(self.configuration.apply(page.value, revision))
                changed = True
            if len(page.value) < PAGE:
                break
        if not changed:
            self.log.emit("debug", "NoNewEvents", source="EntityEventLoop")

    async def _restore(self) -> None:
        configuration = Configuration.restore(await self.client.snapshot())
        self._use(configuration)
        self._restored(configuration, "ConfigurationRepositoryProvider")
        self._announce("ready")

    def _restore_backup(self) -> bool:
        """Whether the copy on disk could be put in force."""
        problem = "Gateway.Configuration.FileSystem.ConfigurationNotFoundException: "
        try:
            configuration = self.backup.load()
        except BackupNotFoundError as error:
            problem += str(error)
        except BackupRefusedError as error:
            problem += str(error)
        else:
            self._apply(configuration)
            self._restored(configuration, "FileBackupProvider")
            self._announce("serving-from-memory")
            return True
        self.log.emit(
            "error", "ConfigInitialSyncFailed", exception=problem, source="ConfigurationRepositoryProvider"
        )
        return False

    def _restored(self, configuration: Configuration, source: str) -> None:
        self.log.emit(
            "info",
            "EventSnapshotRestored",
            f"revision: {configuration.revision}, serviceName: {configuration.service_name}, "
            f"gatewayId: {configuration.gateway_id}",
            source=source,
        )
        self.log.emit("info", "EventsSuccessfullyRestored", source=source)

    def _use(self, configuration: Configuration) -> None:
        """Put a configuration of the cloud in force, and keep a copy where there is a place for one."""
        self._apply(configuration)
        if not self.backup.exists:
            return
        try:
            self.backup.save(configuration)
        except OSError as error:
            self.log.emit(
                "warn",
                "SaveBackupFailed",
                f"[Errno {error.errno}] {error.strerror}: '{MOUNTED}'",
                source="FileBackupProvider",
            )

    def _apply(self, configuration: Configuration) -> None:
        before = {api.name: api for api in self.configuration.apis} if self.configuration else {}
        identity = self.configuration.identity if self.configuration else None
        self.configuration = configuration
        for api in configuration.apis:
            if before.get(api.name) != api:
                for event in ("OperationRouteTableRebuildStarted", "OperationRouteTableRebuildCompleted"):
                    self.log.emit("info", event, api.revision_name, source="ApiRouter")
        if configuration.identity is not None and configuration.identity != identity:
            source = "ManagedIdentityResolver"
            self.log.emit("info", "MsalAppClientCreated", configuration.identity.client_id, source=source)
            self.log.emit("info", "ManagedIdentityAddedToMap", configuration.identity.type, source=source)
        for statement in configuration.not_acting:
            self._say_once("PolicyNotActing", statement)
        for host in configuration.hosts.values():
            for statement in host.not_acting:
                self._say_once("HostnameSettingNotActing", statement)
        for problem in configuration.problems:
            self.log.emit("warn", "ConfigurationEntityIgnored", problem)
        self._trust(configuration)

    def _trust(self, configuration: Configuration) -> None:
        """Take the gateway's own certificate authorities for back ends, where the settings say so."""
        for name, authority in configuration.authorities.items():
            if not authority.is_trusted or (name, authority.certificate) in self._trusted:
                continue
            self._trusted.add((name, authority.certificate))
            if not self.settings.tls.local_ca:
                self.log.emit("warn", "CertificateAuthorityNotTrusted", f"{name}: '{LOCAL_CA}' is not 'true'")
                continue
            try:
                self.trust(authority.certificate)
            except (OSError, ValueError) as error:
                self.log.emit("error", "CertificateAuthorityInvalid", name, exception=str(error))
            else:
                self.log.emit("info", "CertificateAuthorityAdded", name)

    def _say_once(self, event_type: str, statement: str) -> None:
        if (event_type, statement) not in self._said:
            self._said.add((event_type, statement))
            self.log.emit("warn", event_type, statement)

    async def _heartbeats(self) -> None:
        due = self.clock.now()
        while True:
            assert self.configuration is not None, "heartbeats follow the first sync"
            try:
                await self.client.heartbeat(self.configuration.revision)
            except ApiError as error:
                self.log.emit("warn", "ConfigurationApiHeartbeatFailed", error.uri, exception=str(error))
            # Beats that an advanced clock has jumped over are not made up for.
            due += HEARTBEAT_SECONDS * (1 + max(0, int((self.clock.now() - due) // HEARTBEAT_SECONDS)))
            await self.clock.sleep_until(due)

    def _not_available(self, error: ApiError) -> None:
        if error.host:
            self.log.emit("error", "ErrorResolvingHostname", error.host, exception=str(error))
        self.log.emit(
            "warn",
            "ConfigurationApiV2NotAvailable",
            f"The configuration V2 API is not reachable on {error.uri}",
            exception=str(error),
        )

    def _announce(self, state: State) -> None:
        """Journal the state, when it or the revision is new."""
        self.state = state
        configuration = self.configuration
        event = GatewayChanged(
            namespace=self.pod.namespace,
            pod=self.pod.name,
            gateway=self.settings.gateway_name,
            state=state,
            revision=str(configuration.revision) if configuration else "",
            apis=tuple(api.name for api in configuration.apis) if configuration else (),
            not_acting=configuration.not_acting if configuration else (),
            version=self.settings.version,
        )
        if event != self._announced:
            self._announced = event
            self.journal.append(event)


def _span(seconds: float) -> str:
    """As .NET prints a TimeSpan: `00:00:11.3620000`."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{int((seconds - whole) * 1e7):07d}"
