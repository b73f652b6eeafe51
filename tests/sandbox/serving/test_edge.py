"""The edge answers under the real names, and keeps the rest of the internet out."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from apim_sandbox.hosts import ByAddress, HostTable
from apim_sandbox.serving.certificates import CertificateAuthority
from apim_sandbox.serving.edge import ConnectProxy, EdgeApp, PortTakenError, Target, listen, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Sockets are served by uvicorn, on asyncio."""
    return "asyncio"


async def name_host(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    response: Response = PlainTextResponse(f"{request.headers['host']} {request.url.path}")
    await response(scope, receive, send)


@asynccontextmanager
async def edge(directory: Path, *, allow_internet: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """An edge with two hosts, and a client that goes through its proxy."""
    authority = CertificateAuthority(directory)
    hosts = HostTable(
        {"login.microsoftonline.com": name_host, "management.azure.com": name_host},
        {"configuration.azure-api.net": name_host},
    )
    by_address = ByAddress("contoso.configuration.azure-api.net", "oidc.sandbox.test", "/contoso")
    tls, proxy = listen(0, "--edge-port"), listen(0, "--proxy-port")
    app = EdgeApp(hosts, by_address)
    target = Target("127.0.0.1", tls.getsockname()[1])
    connect = ConnectProxy(lambda host: target if hosts.find(host) else None, allow_internet)
    async with serving(app, tls, authority.server_context()), anyio.create_task_group() as tasks:
        tasks.start_soon(connect.run, proxy)
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        async with httpx.AsyncClient(proxy=url, verify=authority.client_context(), trust_env=False) as client:
            client.headers["x-edge"] = f"https://localhost:{target.port}"
            yield client
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "host", ["login.microsoftonline.com", "management.azure.com", "contoso.configuration.azure-api.net"]
)
async def test_an_emulated_host_is_reached_by_its_real_name(tmp_path: Path, host: str) -> None:
    """Through CONNECT, with a verified certificate of that name."""
    async with edge(tmp_path) as client:
        answer = await client.get(f"https://{host}/a")
    assert (answer.status_code, answer.text) == (200, f"{host} /a")


async def test_other_hosts_are_refused_with_the_way_out(tmp_path: Path) -> None:
    """A name that is not emulated does not leave the machine."""
    async with edge(tmp_path) as client:
        with pytest.raises(httpx.ProxyError, match="403 Forbidden"):
            await client.get("https://www.example.com/")


async def test_another_port_of_an_emulated_host_is_refused(tmp_path: Path) -> None:
    """Only 443 stands in for the host."""
    async with edge(tmp_path) as client:
        with pytest.raises(httpx.ProxyError, match="403 Forbidden"):
            await client.get("https://login.microsoftonline.com:8443/")


async def test_plain_http_is_not_proxied(tmp_path: Path) -> None:
    """The answer says what the proxy is for."""
    async with edge(tmp_path) as client:
        answer = await client.get("http://login.microsoftonline.com/")
    assert answer.status_code == 403
    assert "CONNECT" in answer.text
    assert "NO_PROXY" in answer.text


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token", "login.microsoftonline.com"),
        ("/subscriptions/1/resourceGroups/2", "management.azure.com"),
        ("/gateways/on-prem/events", "contoso.configuration.azure-api.net"),
    ],
)
async def test_by_address_the_path_decides(tmp_path: Path, path: str, host: str) -> None:
    """`https://localhost` serves the default world."""
    async with edge(tmp_path) as client:
        url = client.headers["x-edge"]
        async with httpx.AsyncClient(
            verify=CertificateAuthority(tmp_path).client_context(), trust_env=False
        ) as direct:
            answer = await direct.get(url + path)
    assert answer.text == f"{host} {path}"


async def test_an_unknown_host_at_the_tls_port_is_misdirected(tmp_path: Path) -> None:
    """A direct connection under a foreign Host gets 421 and the list of names."""
    async with edge(tmp_path) as client:
        url = client.headers["x-edge"]
        async with httpx.AsyncClient(
            verify=CertificateAuthority(tmp_path).client_context(), trust_env=False
        ) as direct:
            answer = await direct.get(url, headers={"host": "www.example.com"})
    assert answer.status_code == 421
    assert "login.microsoftonline.com" in answer.text


async def test_a_taken_port_names_itself_and_the_option() -> None:
    """The message says which port, by which process where that can be read, and how to move."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortTakenError) as caught:
            listen(port, "--edge-port")
    message = str(caught.value)
    assert message.startswith(f"port {port} on 127.0.0.1 can't be used (Address already in use)")
    assert message.endswith("choose another with --edge-port PORT")


async def test_header_fields_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    """431 before any emulator sees them; what clients really send passes."""
    async with edge(tmp_path) as client:
        url = "https://login.microsoftonline.com/t/oauth2/v2.0/token"
        assert (await client.get(url, headers={"x-long": "a" * 60_000})).status_code == 200
        assert (await client.get(url, headers={"x-long": "a" * 66_000})).status_code == 431
