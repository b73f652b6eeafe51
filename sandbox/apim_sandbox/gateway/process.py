"""The live gateway: a process of its own, started with nothing but a pod's environment."""

import logging
import os
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from signal import SIGINT, SIGTERM

import anyio
import httpx
import uvicorn

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import ActorFaults, Faults
from apim_emulators.core.ids import RandomIds
from apim_emulators.core.journal import ActorJournal, Sink
from apim_sandbox.gateway.certificate import choose_by_name, server_context
from apim_sandbox.gateway.control import ControlService, NoSink, die_with
from apim_sandbox.gateway.gateway import Gateway, GatewayParts, read_settings
from apim_sandbox.gateway.listen import DEFAULT, Listener, ListenError, open_listeners
from apim_sandbox.gateway.logs import StandardOutput
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.gateway.settings import GatewayToken
from apim_sandbox.gateway.tls import backend_context, restrict_server
from apim_sandbox.gateway.token_source import AzureIdentityTokenSource, TokenSource

GRACE_SECONDS = 25  # under the 30 s that Kubernetes gives a pod


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: two of them in one process would fight."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> int:
    """Run until told to stop; the exit status."""
    # What azure-identity says about a failure is in our own line of log.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    return anyio.run(run, dict(os.environ), backend="asyncio")


def pod_identity(env: Mapping[str, str]) -> PodIdentity:
    """Which pod this is: `APIM_SANDBOX_POD`, else what Kubernetes sets."""
    namespace, slash, name = env.get("APIM_SANDBOX_POD", "").partition("/")
    if not slash:
        namespace, name = env.get("POD_NAMESPACE", "default"), env.get("HOSTNAME", "apim-gateway")
    return PodIdentity(namespace, name, env.get("POD_IP", ""))


async def run(env: Mapping[str, str]) -> int:
    """0 after a graceful stop, 1 when the settings or the ports do not do."""
    master = MasterClock()
    control = None
    if url := env.get("APIM_SANDBOX_CONTROL"):
        name = f"gateway-{pod_identity(env).name}"
        control = ControlService(url, master, name, env.get("APIM_SANDBOX_CONTROL_TOKEN", ""))
    async with anyio.create_task_group() as tasks:
        if lifeline := env.get("APIM_SANDBOX_LIFELINE"):
            tasks.start_soon(die_with, int(lifeline))
        if control:
            async with anyio.create_task_group() as first:
                first.start_soon(control.take_clock)
                first.start_soon(control.take_faults)
            tasks.start_soon(control.follow_clock)
            tasks.start_soon(control.follow_faults)
            tasks.start_soon(control.journal.run)
        status = await _serve(
            env, master, control.journal if control else NoSink(), control.faults if control else Faults()
        )
        if control:
            await control.tell_all()
        tasks.cancel_scope.cancel()
    if control:
        await control.close()
    return status


async def _serve(env: Mapping[str, str], master: MasterClock, sink: Sink, faults: Faults) -> int:
    clock, log, pod = master.for_actor("gateway"), StandardOutput(), pod_identity(env)
    journal = ActorJournal(sink, "gateway", clock)
    settings = read_settings(env, log, clock, journal, pod)
    if settings is None:
        return 1
    try:
        listeners = open_listeners(env.get("APIM_SANDBOX_LISTEN", DEFAULT))
        tls = _tls(env, pod, clock.now()) if any(listener.tls for listener in listeners) else None
        if tls is not None:
            restrict_server(tls, settings.tls)
        towards_backends = backend_context(httpx.create_ssl_context(), settings.tls)
    except (ListenError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    await clock.sleep(float(env.get("APIM_SANDBOX_SLOW_START", 0)))
    ids = RandomIds()
    async with (
        httpx.AsyncClient(verify=not settings.disable_certificate_validation) as configuration,
        httpx.AsyncClient(limits=httpx.Limits(max_connections=None), verify=towards_backends) as backend,
    ):
        tokens: TokenSource | None = None
        if not isinstance(settings.authentication, GatewayToken):
            tokens = AzureIdentityTokenSource(
                settings.authentication, settings.token_audience, clock, ids, settings.timeout
            )

        def trust(certificate: str) -> None:
            towards_backends.load_verify_locations(cadata=certificate)

        own = ActorFaults(faults, "gateway", master, clock, journal)
        parts = GatewayParts(clock, ids, journal, configuration, tokens, log, backend, trust, own)
        gateway = Gateway(settings, parts, pod)
        if tls is not None:
            choose_by_name(tls, gateway.certificate_for, gateway.certificate_failed)
        servers = [_server(gateway, listener, tls) for listener in listeners]
        async with anyio.create_task_group() as life:
            life.start_soon(gateway.run)
            life.start_soon(_stop_on_signal, servers)
            async with anyio.create_task_group() as serving:
                for server, listener in zip(servers, listeners, strict=True):
                    serving.start_soon(partial(server.serve, sockets=[listener.socket]))
            life.cancel_scope.cancel()
    return 0


async def _stop_on_signal(servers: list[_Server]) -> None:
    """The first signal lets requests in flight finish, the second does not wait for them."""
    with anyio.open_signal_receiver(SIGTERM, SIGINT) as signals:
        async for _ in signals:
            for server in servers:
                server.force_exit = server.should_exit
                server.should_exit = True


def _server(gateway: Gateway, listener: Listener, tls: ssl.SSLContext | None) -> _Server:
    config = uvicorn.Config(
        gateway.app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # the data plane dates its answers, by the sandbox's clock
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.load()
    if listener.tls:
        config.ssl = tls
    return _Server(config)


def _tls(env: Mapping[str, str], pod: PodIdentity, now: float) -> ssl.SSLContext:
    certificate, key = env.get("APIM_SANDBOX_TLS_CERT", ""), env.get("APIM_SANDBOX_TLS_KEY", "")
    return server_context(certificate, key, ("localhost", pod.name), now)
