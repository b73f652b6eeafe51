"""The gateway: one code base for a process of its own and for a task of a virtual run."""

from collections.abc import Mapping

import httpx
from msgspec import Struct, field
from starlette.types import ASGIApp

from apim_emulators.core.clock import Clock
from apim_emulators.core.faults import Asks, NoFaults
from apim_emulators.core.ids import Ids
from apim_emulators.core.journal import Journal
from apim_sandbox.gateway.backup import Backup
from apim_sandbox.gateway.configuration import ConfigurationClient
from apim_sandbox.gateway.dataplane import DataPlane
from apim_sandbox.gateway.egress import Egress, TokensThrough
from apim_sandbox.gateway.logs import GatewayLog, LogSink
from apim_sandbox.gateway.loop import ConfigurationLoop, State, Trust, no_tls
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.gateway.settings import GatewayToken, Settings, SettingsError, log_settings, parse
from apim_sandbox.gateway.state import CertificateData, Configuration
from apim_sandbox.gateway.token_source import HttpTokenSource, ReadFile, TokenSource, read_text_file
from apim_sandbox.gateway.tokens import Authorization, EntraAuthorization, GatewayKeyAuthorization


class GatewayParts(Struct, frozen=True):
    """What a gateway is given. `http` reaches the configuration API, `backend` the APIs' services.

    `trust` makes `backend` trust one more certificate authority. `tokens` is not used with a gateway
    token and may then be None.
    """

    clock: Clock
    ids: Ids
    journal: Journal
    http: httpx.AsyncClient
    tokens: TokenSource | None
    log: LogSink
    backend: httpx.AsyncClient
    trust: Trust = no_tls
    faults: Asks = field(default_factory=NoFaults)


class Gateway:
    """A self-hosted gateway. Serve `app` on its ports and run `run` beside it."""

    def __init__(self, settings: Settings, parts: GatewayParts, pod: PodIdentity) -> None:
        self.settings = settings
        self.pod = pod
        self._log = GatewayLog(settings.logs, parts.log, parts.clock, parts.journal, pod)
        egress = Egress(parts.faults, parts.clock, settings.gateway_name, settings.timeout)
        client = ConfigurationClient(
            settings,
            parts.http,
            egress,
            _authorization(settings, parts, pod, egress),
            parts.clock,
            parts.ids,
            parts.journal,
            self._log,
            pod,
        )
        backup = Backup(
            settings.backup_directory, httpx.URL(settings.endpoint).host, settings.gateway_name, parts.faults
        )
        self._loop = ConfigurationLoop(
            settings, client, parts.clock, parts.journal, self._log, pod, backup, parts.trust
        )
        self.app: ASGIApp = DataPlane(
            lambda: self._loop.configuration,
            parts.backend,
            parts.clock,
            parts.ids,
            parts.journal,
            self._log,
            pod,
        )

    @property
    def state(self) -> State:
        return self._loop.state

    @property
    def configuration(self) -> Configuration | None:
        """What is in force; None before the first."""
        return self._loop.configuration

    def certificate_for(self, host: str) -> CertificateData | None:
        """What port 8081 is to show for a server name, by the configuration in force."""
        return self.configuration.certificate_for(host) if self.configuration else None

    def certificate_failed(self, host: str, error: Exception) -> None:
        """Say that a host name's certificate can't be used."""
        self._log.emit("error", "HostnameCertificateInvalid", host, exception=str(error))

    async def run(self) -> None:
        """Sign in, fetch, poll, beat: until cancelled."""
        for note in self.settings.notes:
            self._log.emit("warn", "GatewayStartup", note.message)
        await self._loop.run()


def _authorization(
    settings: Settings, parts: GatewayParts, pod: PodIdentity, egress: Egress
) -> Authorization:
    if isinstance(settings.authentication, GatewayToken):
        return GatewayKeyAuthorization(settings.authentication)
    if parts.tokens is None:
        raise ValueError("signing in with Microsoft Entra needs a token source")
    return EntraAuthorization(TokensThrough(egress, parts.tokens), parts.clock, parts.journal, pod)


def read_settings(
    env: Mapping[str, str], log: LogSink, clock: Clock, journal: Journal, pod: PodIdentity
) -> Settings | None:
    """The settings of a container's environment; None, with the reasons logged, when it can't start."""
    try:
        return parse(env)
    except SettingsError as error:
        writer = GatewayLog(log_settings(env), log, clock, journal, pod)
        for note in error.notes:
            writer.emit("warn", "GatewayStartup", note.message)
        for problem in error.problems:
            writer.emit("error", "GatewayStartup", problem.message)
        return None


def virtual_gateway(
    env: Mapping[str, str],
    pod: PodIdentity,
    *,
    clock: Clock,
    ids: Ids,
    journal: Journal,
    http: httpx.AsyncClient,
    log: LogSink,
    read_file: ReadFile = read_text_file,
    faults: Asks | None = None,
) -> Gateway | None:
    """A gateway for a virtual run, started with a pod's environment; None when it can't start.

    `http` reaches Entra, the configuration API and the back ends; `read_file` is the pod's file
    system. The caller serves `app` and runs `run` in a task.
    """
    settings = read_settings(env, log, clock, journal, pod)
    if settings is None:
        return None
    tokens: TokenSource | None = None
    if not isinstance(settings.authentication, GatewayToken):
        tokens = HttpTokenSource(
            settings.authentication, settings.token_audience, http, clock, ids, settings.timeout, read_file
        )
    parts = GatewayParts(
        clock, ids, journal, http, tokens, log, http, faults=NoFaults() if faults is None else faults
    )
    return Gateway(settings, parts, pod)
