"""The live gateway: a process with a pod's environment, inherited sockets and a lifeline."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from tests.sandbox.gateway.fakes import ConfigurationApi

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.journal import Record, read
from apim_sandbox.gateway.certificate import self_made
from apim_sandbox.gateway.listen import ListenError, open_listeners
from apim_sandbox.gateway.process import pod_identity

TOKEN = "GatewayKey on-prem&202612312359&c2lnbmF0dXJl"


@contextmanager
def served(app: ASGIApp, certificate: Path | None = None) -> Iterator[int]:
    """`app` on a port of its own, over TLS with `certificate`."""
    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        loop="asyncio",
        log_config=None,
        ssl_certfile=certificate,
        ssl_keyfile=certificate,
        headers=[("connection", "close")],
    )
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@dataclass
class Running:
    process: subprocess.Popen[str]
    http: int
    https: int
    lifeline: int | None

    def cut(self) -> None:
        """Let go of the lifeline, as a parent that dies does."""
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None

    def read_until(self, text: str) -> list[str]:
        """The lines up to the one that holds `text`."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if text in line:
                return lines
        raise AssertionError(f"ended without {text!r}: {lines}")


@contextmanager
def running(**env: str) -> Iterator[Running]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    reading, writing = os.pipe()
    http, https = sockets
    process = subprocess.Popen(
        [sys.executable, "-m", "apim_sandbox.gateway"],
        env={
            "PATH": os.environ["PATH"],
            "APIM_SANDBOX_LISTEN": f"8080=fd:{http.fileno()},8081=fd:{https.fileno()}",
            "APIM_SANDBOX_LIFELINE": str(reading),
            "APIM_SANDBOX_POD": "apim-gateway-wi/apim-gateway-7c9f5",
            "telemetry.logs.std.color": "false",
            **env,
        },
        pass_fds=[http.fileno(), https.fileno(), reading],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(reading)
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    gateway = Running(process, ports[0], ports[1], writing)
    try:
        yield gateway
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        gateway.cut()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    path.write_bytes(self_made(("localhost",), MasterClock().now()))
    return path


def test_a_gateway_starts_serves_on_both_ports_and_stops_gracefully(certificate: Path) -> None:
    """Ready over plain HTTP and over TLS with a certificate of its own; SIGTERM ends it with status 0."""
    api = ConfigurationApi(MasterClock())
    with served(api.app, certificate) as port:
        env = {
            "config.service.auth": TOKEN,
            "config.service.endpoint": f"localhost:{port}",
            "SSL_CERT_FILE": str(certificate),
        }
        with running(**env) as gateway:
            gateway.read_until("[TenantStarted]")
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            for address in (f"http://127.0.0.1:{gateway.http}", f"https://127.0.0.1:{gateway.https}"):
                with httpx.Client(verify=trusting, trust_env=False) as client:
                    assert client.get(f"{address}/status-0123456789abcdef").status_code == 200
                    assert client.get(f"{address}/nothing").status_code == 404
            gateway.process.send_signal(SIGTERM)
            assert gateway.process.wait(10) == 0
    assert [request.path for request in api.arrived] == [
        "/gateways/on-prem/snapshot",
        "/gateways/on-prem/heartbeat",
    ]


def test_a_private_certificate_authority_that_the_pod_lacks_is_seen_in_the_log(certificate: Path) -> None:
    """Row 36 of the reports: the reason stands in the exception, and the gateway stays up and unready."""
    with served(ConfigurationApi(MasterClock()).app, certificate) as port:
        env = {"config.service.auth": TOKEN, "config.service.endpoint": f"localhost:{port}"}
        with running(**env) as gateway:
            lines = gateway.read_until("[ConfigInitialSyncFailed]")
            assert any("CERTIFICATE_VERIFY_FAILED" in line for line in lines)


def test_disabling_certificate_validation_works_and_is_said(certificate: Path) -> None:
    """For tests only, and loudly."""
    with served(ConfigurationApi(MasterClock()).app, certificate) as port:
        env = {
            "config.service.auth": TOKEN,
            "config.service.endpoint": f"localhost:{port}",
            "config.service.endpoint.disableCertificateValidation": "true",
        }
        with running(**env) as gateway:
            lines = gateway.read_until("[TenantStarted]")
            assert any("NOT validated" in line for line in lines)


def test_a_gateway_ends_with_its_parent() -> None:
    """When nobody holds the other end of the lifeline, the process is gone at once."""
    with running(
        **{"config.service.auth": TOKEN, "config.service.endpoint": "https://127.0.0.1:1"}
    ) as gateway:
        gateway.read_until("[ConfigStarted]")
        gateway.cut()
        assert gateway.process.wait(10) == 1


@dataclass
class Control:
    """A control service whose clock is a day ahead, and then two; the gateway's own a third."""

    records: list[Record] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/clock", self.clock),
                Route("/clock/stream", self.stream),
                Route("/journal", self.journal, methods=["POST"]),
            ]
        )

    async def clock(self, request: Request) -> Response:
        return JSONResponse({"now": 0.0, "offset": 86400.0, "skews": {}})

    async def stream(self, request: Request) -> Response:
        moved = b'data: {"now":0.0,"offset":172800.0,"skews":{"gateway":86400.0}}\n\n'
        return StreamingResponse(iter([moved]), media_type="text/event-stream")

    async def journal(self, request: Request) -> Response:
        self.records += read((await request.body()).splitlines())
        return Response(status_code=204)


def test_a_gateway_follows_the_sandboxs_clock_and_tells_its_journal() -> None:
    """Its first line is dated by the sandbox's clock, a later one by the moved one."""
    control = Control()
    start = MasterClock().now()
    env = {"config.service.auth": TOKEN, "config.service.endpoint": "https://127.0.0.1:1"}
    with served(control.app) as port:
        env["APIM_SANDBOX_CONTROL"] = f"http://127.0.0.1:{port}"
        with running(**env) as gateway:
            gateway.read_until("[ConfigInitialSyncFailed]")
            gateway.process.send_signal(SIGTERM)
            assert gateway.process.wait(10) == 0
    kinds = [record.kind for record in control.records]
    assert (kinds[0], kinds[-1]) == ("gateway.state", "gateway.state")
    assert "gateway.configuration" in kinds
    assert {record.actor for record in control.records} == {"gateway"}
    assert control.records[0].at - start >= 86400
    assert 259200 <= control.records[-1].at - start < 259200 + 60


def test_settings_that_do_not_do_end_the_process_with_1() -> None:
    """The log says every reason."""
    with running() as gateway:
        output = gateway.process.communicate(timeout=10)[0]
        assert gateway.process.returncode == 1
        assert "[GatewayStartup], message: No valid authentication was configured" in output
        assert "'config.service.endpoint' is not set." in output


@pytest.mark.parametrize("text", ["8080", "8080=fd:x", "8080=host", "8080=127.0.0.1:99999", "8080=fd:999"])
def test_a_place_that_cannot_be_listened_on_is_named(text: str) -> None:
    """Form, range and descriptor."""
    with pytest.raises(ListenError):
        open_listeners(text)


def test_a_pod_knows_its_name_from_the_sandbox_or_from_kubernetes() -> None:
    """APIM_SANDBOX_POD goes first."""
    kubernetes = {"HOSTNAME": "pod", "POD_NAMESPACE": "ns", "POD_IP": "10.0.0.7"}
    pod = pod_identity(kubernetes)
    assert (pod.namespace, pod.name, pod.ip) == ("ns", "pod", "10.0.0.7")
    assert pod_identity({**kubernetes, "APIM_SANDBOX_POD": "a/b"}).name == "b"


def call_until_refused(url: str) -> None:
    while True:
        httpx.get(url, trust_env=False)


def test_a_request_in_flight_survives_sigterm(certificate: Path) -> None:
    """The gateway stops listening, lets the back end finish, answers whole, and ends with status 0."""
    arrived, finish = threading.Event(), threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"first "
        arrived.set()
        assert finish.wait(20)
        yield b"second"

    async def backend(request: Request) -> Response:
        return StreamingResponse(parts())

    api = ConfigurationApi(MasterClock())
    with (
        served(Starlette(routes=[Route("/api/{rest:path}", backend)])) as back,
        served(api.app, certificate) as port,
    ):
        api.entities["apis/echo-api"]["serviceUrl"] = f"http://127.0.0.1:{back}/api"
        env = {
            "config.service.auth": TOKEN,
            "config.service.endpoint": f"localhost:{port}",
            "SSL_CERT_FILE": str(certificate),
        }
        with running(**env) as gateway:
            gateway.read_until("[TenantStarted]")
            with (
                httpx.Client(trust_env=False, timeout=20) as client,
                client.stream("GET", f"http://127.0.0.1:{gateway.http}/echo/slow") as answer,
            ):
                body = answer.iter_raw()
                received = next(body)
                assert arrived.wait(10)
                gateway.process.send_signal(SIGTERM)
                with pytest.raises(httpx.ConnectError):
                    call_until_refused(f"http://127.0.0.1:{gateway.http}/status-0123456789abcdef")
                finish.set()
                received += b"".join(body)
            assert (received, gateway.process.wait(10)) == (b"first second", 0)


def test_the_host_names_certificate_is_shown_as_soon_as_it_is_in_force(certificate: Path) -> None:
    """Port 8081 by server name: the hostname configuration's certificate, verified by who knows it."""
    pem = self_made(("api.contoso.test",), MasterClock().now()).decode()
    key, begin, rest = pem.partition("-----BEGIN CERTIFICATE-----")
    api = ConfigurationApi(MasterClock())
    api.entities["hostnameConfigurations/public"] = {"hostname": "api.contoso.test", "certificate": "tls"}
    api.entities["certificates/tls"] = {"thumbprint": "AB", "certificate": begin + rest, "privateKey": key}
    with served(api.app, certificate) as port:
        env = {
            "config.service.auth": TOKEN,
            "config.service.endpoint": f"localhost:{port}",
            "SSL_CERT_FILE": str(certificate),
        }
        with running(**env) as gateway:
            gateway.read_until("[TenantStarted]")
            trusting = ssl.create_default_context(cadata=begin + rest)
            with (
                socket.create_connection(("127.0.0.1", gateway.https), timeout=10) as plain,
                trusting.wrap_socket(plain, server_hostname="api.contoso.test") as secure,
            ):
                assert secure.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize(("enabled", "status"), [("true", 200), ("false", 500)])
def test_a_back_end_of_the_gateways_own_authority_is_trusted(
    certificate: Path, tmp_path: Path, enabled: str, status: int
) -> None:
    """By the configuration's certificate authorities, where `certificates.local.ca.enabled` says so."""
    own = tmp_path / "own.pem"
    own.write_bytes(self_made(("backend.test", "localhost"), MasterClock().now()))
    backend = Starlette(routes=[Route("/api/{rest:path}", lambda _: Response("hello"))])
    api = ConfigurationApi(MasterClock())
    pem = own.read_text().partition("-----BEGIN CERTIFICATE-----")
    api.entities["certificateAuthorities/root"] = {
        "thumbprint": "A", "certificate": "".join(pem[1:]), "isTrusted": True,
    }  # fmt: skip
    with served(backend, own) as back, served(api.app, certificate) as port:
        api.entities["apis/echo-api"]["serviceUrl"] = f"https://localhost:{back}/api"
        env = {
            "config.service.auth": TOKEN,
            "config.service.endpoint": f"localhost:{port}",
            "certificates.local.ca.enabled": enabled,
            "SSL_CERT_FILE": str(certificate),
        }
        with running(**env) as gateway:
            lines = gateway.read_until("[TenantStarted]")
            answer = httpx.get(f"http://127.0.0.1:{gateway.http}/echo/x", trust_env=False, timeout=20)
            assert (answer.status_code, len(answer.headers.get_list("date"))) == (status, 1)
            added = any("[CertificateAuthorityAdded], message: root" in line for line in lines)
            assert added == (enabled == "true")
