"""Unmodified programs get a token by name: no authority override, no weakened verification."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.clients.running import exchange, run

from apim_emulators.core import jose
from apim_sandbox.client import Sandbox

HERE = Path(__file__).parent
SCOPE = "https://azure-api.net/configuration/.default"
APPLICATION = "44444444-4444-4444-8444-444444444444"  # the built-in world's apim-gateway
FEDERATED = ("federated-assertion", "apim-gateway-federated-credential")
IDENTITY_CREDENTIALS = {
    "workload-identity": FEDERATED,
    "default": FEDERATED,
    "assertion": FEDERATED,
    "certificate": ("certificate", ""),
    "secret": ("client-secret", ""),
}
MSAL_CREDENTIALS = {name: IDENTITY_CREDENTIALS[name] for name in ("assertion", "certificate", "secret")}


@dataclass(frozen=True, slots=True)
class Client:
    """A program's command, where it runs, and how its library sends things."""

    command: Callable[[str], list[str]]
    scope: str = SCOPE
    thumbprints: tuple[str, ...] = ()
    algorithm: str = "RS256"
    folder: Path | None = None


@pytest.fixture(scope="module")
def client_environment(live: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the certificate and secret credentials of the world's application need, made through Graph."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "apim-gateway")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path_factory.mktemp("certificate") / "client.pem"
    file.write_bytes(private + pem)
    encoded = "".join(pem.decode().splitlines()[1:-1])
    application = f"/v1.0/applications/{APPLICATION}"
    live.graph(
        "PATCH", application, body={
            "keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": encoded}]
        },
    )  # fmt: skip
    made = live.graph(
        "POST", f"{application}/addPassword", body={"passwordCredential": {"displayName": "test"}}
    )
    return {"CLIENT_CERTIFICATE": str(file), "CLIENT_SECRET": made["secretText"]}


def check(
    sandbox: Sandbox, client: Client, name: str, environment: dict[str, str], expected: tuple[str, str]
) -> None:
    """The token is for the configuration API, by the grant expected; every check of it passed."""
    printed = run(sandbox, *client.command(name), cwd=client.folder, env=environment)
    claims = jose.parse(printed["token"]).claims
    assert claims["aud"] == "https://azure-api.net/configuration"
    event = exchange(sandbox, claims["uti"])
    assert (event.grant, event.matched, event.status, event.host, event.scope) == (
        *expected, 200, "login.microsoftonline.com", client.scope,
    )  # fmt: skip
    assert {rung.verdict for rung in event.ladder} == {"passed"}
    if name == "certificate":
        assert event.assertion is not None
        header = event.assertion.header
        named = tuple(sorted(each for each in header if each.startswith("x5t")))
        assert (named, header["alg"]) == (client.thumbprints, client.algorithm)


@pytest.mark.parametrize("manner", ["sync", "async"])
@pytest.mark.parametrize("name", IDENTITY_CREDENTIALS)
def test_azure_identity_for_python(
    live: Sandbox, sdk: str, client_environment: dict[str, str], name: str, manner: str
) -> None:
    """Certificates by way of MSAL when sync; async by SHA-256 and PS256, each part padded."""
    program = str(HERE / "python" / "credentials.py")
    by = {"sync": (("x5t",), "RS256"), "async": (("x5t#S256",), "PS256")}[manner]
    client = Client(lambda which: [sdk, program, manner, which], thumbprints=by[0], algorithm=by[1])
    check(live, client, name, client_environment, IDENTITY_CREDENTIALS[name])


@pytest.mark.parametrize("name", MSAL_CREDENTIALS)
def test_msal_for_python(live: Sandbox, sdk: str, client_environment: dict[str, str], name: str) -> None:
    """OpenID configuration first; the thumbprint is padded, unlike RFC 7515's."""
    program = str(HERE / "python" / "msal_client.py")
    client = Client(lambda which: [sdk, program, which], thumbprints=("x5t",))
    check(live, client, name, client_environment, MSAL_CREDENTIALS[name])


@pytest.mark.parametrize("name", IDENTITY_CREDENTIALS)
def test_azure_identity_for_node(
    live: Sandbox, node: Path, client_environment: dict[str, str], name: str
) -> None:
    """Instance discovery from its own table; certificates by SHA-256 and PS256."""
    client = Client(
        lambda which: ["node", "credentials.mjs", which],
        thumbprints=("x5t#S256",), algorithm="PS256", folder=node,
    )  # fmt: skip
    check(live, client, name, client_environment, IDENTITY_CREDENTIALS[name])


@pytest.mark.parametrize("name", MSAL_CREDENTIALS)
def test_msal_for_node(live: Sandbox, node: Path, client_environment: dict[str, str], name: str) -> None:
    """By fetch, which before Node 24 is told of the proxy when Node starts."""
    client = Client(
        lambda which: ["node", "--import", "./proxy.mjs", "msal_client.mjs", which],
        thumbprints=("x5t#S256",), algorithm="PS256", folder=node,
    )  # fmt: skip
    check(live, client, name, client_environment, MSAL_CREDENTIALS[name])


@pytest.mark.parametrize("name", IDENTITY_CREDENTIALS)
def test_azidentity_for_go(
    live: Sandbox, go_program: Path, client_environment: dict[str, str], name: str
) -> None:
    """Instance discovery and the issuer check included; MSAL Go adds OpenID's scopes."""
    client = Client(
        lambda which: [str(go_program), which],
        scope=f"{SCOPE} openid offline_access profile", thumbprints=("x5t#S256",), algorithm="PS256",
    )  # fmt: skip
    check(live, client, name, client_environment, IDENTITY_CREDENTIALS[name])
