"""azwi's key sets, names and arguments beyond upstream's own cases."""

import json

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from apim_emulators.core.keys import published_keys, signing_key
from apim_emulators.oidc.azwi.cloud import AuthArguments, tenant_of
from apim_emulators.oidc.azwi.create import ArgumentError
from apim_emulators.oidc.azwi.jwks import JwksError, render
from apim_emulators.oidc.azwi.names import application_name, issuer_hash
from apim_emulators.oidc.documents import jwk

GUID = "00000000-0000-0000-0000-00000000000a"


def test_a_private_key_stands_for_its_public_half_and_agrees_with_the_api_server() -> None:
    key = signing_key(published_keys()[0])
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert json.loads(render([pem])) == {"keys": [jwk(key.kid, key.public)]}


@pytest.mark.parametrize(
    ("curve", "name", "algorithm", "length"),
    [
        (ec.SECP256R1(), "P-256", "ES256", 43),
        (ec.SECP384R1(), "P-384", "ES384", 64),
        (ec.SECP521R1(), "P-521", "ES512", 88),
    ],
)
def test_elliptic_curves_are_shown_with_padded_coordinates(
    curve: ec.EllipticCurve, name: str, algorithm: str, length: int
) -> None:
    public = ec.derive_private_key(7, curve).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    (shown,) = json.loads(render([pem]))["keys"]
    assert list(shown) == ["use", "kty", "kid", "crv", "alg", "x", "y"]
    assert (shown["crv"], shown["alg"], len(shown["x"]), len(shown["y"])) == (name, algorithm, length, length)


def test_other_curves_and_files_without_keys_are_refused() -> None:
    public = ec.derive_private_key(7, ec.SECP256K1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(JwksError, match="unknown private key curve"):
        render([pem])
    broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
    for text in ("", "nothing", broken):
        with pytest.raises(JwksError, match="does not contain any valid RSA or ECDSA public keys"):
            render([text])


def test_an_application_is_named_after_account_and_issuer() -> None:
    assert application_name("ns", "sa", "https://i") == f"ns-sa-{issuer_hash('https://i')}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (AuthArguments("password"), '--auth-method: ERROR: method unsupported. method="password"'),
        (AuthArguments("cli", "x", "secret"), "parsing --client-id: invalid UUID length: 1"),
        (AuthArguments("client_secret", GUID.replace("a", "z")), "parsing --client-id: invalid UUID format"),
    ],
)
def test_arguments_that_azwi_does_not_take(arguments: AuthArguments, message: str) -> None:
    with pytest.raises(ArgumentError) as refusal:
        arguments.check()
    assert str(refusal.value) == message


@pytest.mark.parametrize("client", [GUID, GUID.replace("-", ""), f"{{{GUID}}}", f"urn:uuid:{GUID}"])
def test_a_guid_has_four_forms(client: str) -> None:
    AuthArguments("client_certificate", client, "", "c.pem", "k.pem").check()
    AuthArguments().check()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("challenge", "message"), [("", "not found in get"), ("Bearer", "Could not find the tenant")]
)
async def test_a_refusal_without_a_tenant_is_told(challenge: str, message: str) -> None:
    headers = {"www-authenticate": challenge} if challenge else {}
    transport = httpx.MockTransport(lambda _: httpx.Response(401, headers=headers))
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(ArgumentError, match=message):
            await tenant_of(GUID, http)
