"""One contract for both sources: azure-identity over TLS, our form post in memory, one and the same Entra."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace
from tests.sandbox.gateway.fakes import Entra, assertion

from apim_emulators.core import jose
from apim_emulators.core.clock import VIRTUAL_EPOCH, MasterClock, utc
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.keys import published_keys
from apim_sandbox.gateway.certificate import self_made
from apim_sandbox.gateway.settings import EntraApp, WorkloadIdentity
from apim_sandbox.gateway.token_source import (
    AccessToken,
    AzureIdentityTokenSource,
    HttpTokenSource,
    TokenError,
    TokenSource,
    authority_url,
)

pytestmark = pytest.mark.anyio

AUDIENCE = "https://azure-api.net/configuration"
TENANT = "22222222-2222-4222-8222-222222222222"
CLIENT = "11111111-1111-4111-8111-111111111111"


class FixedClock:
    """A clock that stands, far from real time."""

    def now(self) -> float:
        return VIRTUAL_EPOCH

    def tick(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None: ...

    async def sleep_until(self, moment: float) -> None: ...


@pytest.fixture
def anyio_backend() -> str:
    """Real time: azure-identity runs in a thread."""
    return "trio"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    path.write_bytes(self_made(("localhost",), MasterClock().now()))
    return str(path)


@pytest.fixture
def entra() -> Entra:
    return Entra(FixedClock())


@dataclass
class Making:
    """How to reach `entra` with either source."""

    name: str
    make: Callable[[WorkloadIdentity | EntraApp], TokenSource]
    authority: str


@pytest.fixture(params=["azure-identity", "http"])
def making(
    request: pytest.FixtureRequest, entra: Entra, certificate: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Making]:
    clock, ids = FixedClock(), SeededIds("contract")
    if request.param == "http":
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=entra.app))
        make = lambda sign_in: HttpTokenSource(sign_in, AUDIENCE, client, clock, ids)  # noqa: E731
        yield Making("http", make, "https://login.microsoftonline.com")
        return
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    # A captured log record would keep azure-identity's error, its response and the connection.
    azure = logging.getLogger("azure.identity")
    monkeypatch.setattr(azure, "handlers", [logging.NullHandler()])
    monkeypatch.setattr(azure, "propagate", False)
    config = uvicorn.Config(
        entra.app,
        port=0,
        lifespan="off",
        loop="asyncio",
        headers=[("connection", "close")],  # an open connection would hold up the end
        log_config=None,
        ssl_certfile=certificate,
        ssl_keyfile=certificate,
    )
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        make = lambda sign_in: AzureIdentityTokenSource(sign_in, AUDIENCE, clock, ids)  # noqa: E731
        yield Making("azure-identity", make, f"https://localhost:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def workload_identity(making: Making, token_file: Path) -> WorkloadIdentity:
    return WorkloadIdentity(CLIENT, TENANT, str(token_file), making.authority)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "azure-identity-token"
    path.write_text(assertion("assertion-1"))
    return path


async def test_the_same_request_arrives(making: Making, entra: Entra, token_file: Path) -> None:
    """Path, form and content type are what azure-identity sends, whichever source sends them."""
    token = await making.make(workload_identity(making, token_file)).get_token()

    (arrived,) = entra.arrived
    assert (arrived.method, arrived.path) == ("POST", f"/{TENANT}/oauth2/v2.0/token")
    assert arrived.headers["content-type"] == "application/x-www-form-urlencoded"
    assert arrived.form == {
        "client_assertion": assertion("assertion-1"),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_id": CLIENT,
        "grant_type": "client_credentials",
        "scope": "https://azure-api.net/configuration/.default",
    }
    assert token == AccessToken(token.token, VIRTUAL_EPOCH + 3599, "uti-1", "assertion-1")


async def test_the_file_is_read_at_each_renewal(making: Making, entra: Entra, token_file: Path) -> None:
    """A token that the kubelet has replaced meanwhile is the one that travels, its line break included."""
    source = making.make(workload_identity(making, token_file))
    await source.get_token()
    await anyio.Path(token_file).write_text(assertion("assertion-2") + "\n")
    token = await source.get_token()
    assert token.assertion_jti == "assertion-2"
    assert [arrived.form["client_assertion"] for arrived in entra.arrived] == [
        assertion("assertion-1"),
        assertion("assertion-2") + "\n",
    ]


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            401,
            {"error": "invalid_client", "error_description": "AADSTS700213: No matching record. Trace ID: 1"},
            "Microsoft Entra ID error '(invalid_client) AADSTS700213: No matching record. Trace ID: 1'",
        ),
        (400, {"error": "slow"}, "Microsoft Entra ID error '{'error': 'slow'}'"),
        (
            200,
            {"access_token": "x", "token_type": "Bearer"},
            "Unexpected response from Microsoft Entra ID: {'access_token': '***', 'token_type': 'Bearer'}",
        ),
        (200, b"", "No response content from Microsoft Entra ID"),
    ],
)
async def test_a_refusal_reads_the_same(
    making: Making, entra: Entra, token_file: Path, status: int, body: Any, text: str
) -> None:
    """The words are azure-identity's, and nobody asks twice."""
    entra.refusal = (status, body)
    with pytest.raises(TokenError) as caught:
        await making.make(workload_identity(making, token_file)).get_token()
    assert (str(caught.value), caught.value.assertion_jti) == (text, "assertion-1")
    assert len(entra.arrived) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_transient_refusal_is_not_retried(
    making: Making, entra: Entra, token_file: Path, status: int
) -> None:
    """One call is one request: the gateway's polls are its retries."""
    entra.refusal = (status, {"error": "temporarily_unavailable", "error_description": "AADSTS90033: Later."})
    with pytest.raises(TokenError, match="AADSTS90033"):
        await making.make(workload_identity(making, token_file)).get_token()
    assert len(entra.arrived) == 1


async def test_a_missing_file_reads_the_same(making: Making, entra: Entra, tmp_path: Path) -> None:
    """Without a projected token nobody is asked."""
    path = tmp_path / "nowhere"
    with pytest.raises(TokenError) as caught:
        await making.make(workload_identity(making, path)).get_token()
    assert str(caught.value) == f"[Errno 2] No such file or directory: '{path}'"
    assert entra.arrived == []


async def test_missing_variables_read_the_same(making: Making) -> None:
    """What a pod says that the webhook never saw."""
    with pytest.raises(TokenError) as caught:
        await making.make(WorkloadIdentity("", "", "", making.authority)).get_token()
    assert str(caught.value) == (
        "WorkloadIdentityCredential authentication unavailable. The workload options are not fully "
        "configured. See the troubleshooting guide for more information: "
        "https://aka.ms/azsdk/python/identity/workloadidentitycredential/troubleshoot. "
        "Missing required arguments: 'tenant_id', 'client_id', 'token_file_path'."
    )


async def test_a_plain_http_authority_reads_the_same(making: Making, token_file: Path) -> None:
    """Azure client libraries refuse an authority without TLS."""
    sign_in = replace(workload_identity(making, token_file), authority="http://login.sandbox.test")
    with pytest.raises(TokenError) as caught:
        await making.make(sign_in).get_token()
    assert str(caught.value) == (
        "'http://login.sandbox.test' is an invalid authority. The value must be a TLS protected (https) URL."
    )


async def test_a_secret_travels_in_the_form(making: Making, entra: Entra) -> None:
    """azureAdApp with a secret."""
    sign_in = EntraApp(CLIENT, TENANT, client_secret="fake-secret", authority=making.authority)
    token = await making.make(sign_in).get_token()
    expected = {
        "client_id": CLIENT,
        "client_secret": "fake-secret",
        "grant_type": "client_credentials",
        "scope": "https://azure-api.net/configuration/.default",
    }
    # MSAL, to which azure-identity leaves secrets, adds its telemetry.
    assert {name: entra.arrived[0].form[name] for name in expected} == expected
    assert token == AccessToken(token.token, VIRTUAL_EPOCH + 3599, "uti-1", "")


async def test_a_refused_secret_reads_the_same(making: Making, entra: Entra) -> None:
    """MSAL's words, which are not those of a refused assertion."""
    entra.refusal = (
        401,
        {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."},
    )
    sign_in = EntraApp(CLIENT, TENANT, client_secret="fake-secret", authority=making.authority)
    with pytest.raises(TokenError) as caught:
        await making.make(sign_in).get_token()
    assert str(caught.value) == "Authentication failed: AADSTS7000215: Invalid client secret provided."
    assert len(entra.arrived) == 1


@pytest.fixture
def application_certificate(tmp_path: Path) -> Path:
    key = published_keys()[1]
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "apim-gateway")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utc(VIRTUAL_EPOCH))
        .not_valid_after(utc(VIRTUAL_EPOCH + 86400))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "application.pem"
    path.write_bytes(jose.SigningKey("", key).pem() + certificate.public_bytes(Encoding.PEM))
    return path


async def test_a_certificate_signs_an_assertion_dated_by_the_gateways_clock(
    making: Making, entra: Entra, application_certificate: Path
) -> None:
    """azureAdApp with a certificate: header and claims of azure-identity's CertificateCredential."""
    sign_in = EntraApp(
        CLIENT, TENANT, certificate_path=str(application_certificate), authority=making.authority
    )
    token = await making.make(sign_in).get_token()

    sent = jose.parse(entra.arrived[0].form["client_assertion"])
    assert sent.header == {"typ": "JWT", "alg": "RS256", "x5t": sent.header["x5t"]}
    assert sent.claims == {
        "jti": token.assertion_jti,
        "aud": f"{making.authority}/{TENANT}/oauth2/v2.0/token",
        "iss": CLIENT,
        "sub": CLIENT,
        "iat": VIRTUAL_EPOCH,
        "exp": VIRTUAL_EPOCH + 600,
    }
    assert jose.verify(sent, published_keys()[1].public_key(), "RS256")


async def test_the_certificate_assertion_is_shaped_as_azure_identitys_own(
    making: Making, certificate: str, application_certificate: Path
) -> None:
    """Compared with what CertificateCredential itself hands to its transport."""
    if making.name == "http":
        return
    from azure.identity import CertificateCredential

    seen: list[Any] = []

    def keep(request: Any) -> None:
        seen.append(request.http_request.body)

    authority = making.authority
    credential = CertificateCredential(
        TENANT,
        CLIENT,
        str(application_certificate),
        authority=authority,
        disable_instance_discovery=True,
        connection_verify=certificate,
        raw_request_hook=keep,
        retry_total=0,
    )
    await anyio.to_thread.run_sync(credential.get_token, f"{AUDIENCE}/.default")
    credential.close()
    sent = seen[-1]["client_assertion"]
    theirs = jose.parse(sent.decode() if isinstance(sent, bytes) else sent)

    from apim_sandbox.gateway.certificate_assertion import certificate_assertion

    ours = jose.parse(
        certificate_assertion(
            await anyio.Path(application_certificate).read_text(),
            CLIENT,
            theirs.claims["aud"],
            0.0,
            theirs.claims["jti"],
        )
    )
    assert ours.header == theirs.header
    assert dict(ours.claims, iat=0, exp=0) == dict(theirs.claims, iat=0, exp=0)
    assert round(theirs.claims["exp"] - theirs.claims["iat"]) == ours.claims["exp"] - ours.claims["iat"]


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\n"])
async def test_a_file_without_a_certificate_is_said(making: Making, tmp_path: Path, content: str) -> None:
    """The error names what the file lacks."""
    path = tmp_path / "application.pem"
    await anyio.Path(path).write_text(content)
    sign_in = EntraApp(CLIENT, TENANT, certificate_path=str(path), authority=making.authority)
    with pytest.raises(TokenError, match="holds no PEM certificate"):
        await making.make(sign_in).get_token()


def test_authorities_are_spelled_as_azure_identity_takes_them() -> None:
    """A bare host gets https, blanks and slashes at the end go."""
    assert authority_url("login.microsoftonline.com/") == "https://login.microsoftonline.com"
    assert authority_url("https://login.microsoftonline.com/ ") == "https://login.microsoftonline.com"
    with pytest.raises(ValueError, match="is an invalid authority"):
        authority_url("localhost:8443")
