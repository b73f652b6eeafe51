"""Discovery and JWKS have the API server's members, order, media types and headers."""

import json

import httpx
import pytest

from apim_emulators.core.events import DocumentServed
from apim_emulators.core.jose import public_jwk
from apim_emulators.core.journal import MemoryJournal
from apim_emulators.core.vocabulary import VocabularyError
from apim_emulators.oidc.model import Cluster
from apim_emulators.oidc.state import IssuerState

pytestmark = pytest.mark.anyio
ISSUER = "https://oidc.sandbox.test/contoso"


async def test_discovery_has_the_api_servers_members_in_order(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{ISSUER}/.well-known/openid-configuration")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.text == (
        '{"issuer":"https://oidc.sandbox.test/contoso",'
        '"jwks_uri":"https://oidc.sandbox.test/contoso/openid/v1/jwks",'
        '"response_types_supported":["id_token"],"subject_types_supported":["public"],'
        '"id_token_signing_alg_values_supported":["RS256"]}'
    )


async def test_jwks_shows_each_key_as_the_api_server_does(
    http: httpx.AsyncClient, state: IssuerState, journal: MemoryJournal
) -> None:
    old = state.signing_key("contoso")
    new = state.rotate("contoso")

    answer = await http.get(f"{ISSUER}/openid/v1/jwks")

    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    pairs = [list(key.items()) for key in json.loads(answer.text)["keys"]]
    assert pairs == [
        [
            ("use", "sig"), ("kty", "RSA"), ("kid", key.kid), ("alg", "RS256"),
            ("n", public_jwk(key.public)["n"]), ("e", "AQAB"),
        ]
        for key in (old, new)
    ]  # fmt: skip
    assert [record.event for record in journal.since()] == [
        DocumentServed("contoso", ISSUER, "jwks", (old.kid, new.kid))
    ]


async def test_an_issuer_with_a_trailing_slash_keeps_it_and_is_found_with_one_slash(
    http: httpx.AsyncClient, state: IssuerState
) -> None:
    state.put_cluster(Cluster("fabrikam", "https://oidc.sandbox.test/fabrikam/"))

    discovery = (await http.get("https://oidc.sandbox.test/fabrikam/.well-known/openid-configuration")).json()

    assert discovery["issuer"] == "https://oidc.sandbox.test/fabrikam/"
    assert discovery["jwks_uri"] == "https://oidc.sandbox.test/fabrikam/openid/v1/jwks"
    assert (await http.get(discovery["jwks_uri"])).status_code == 200


async def test_the_documents_answer_whatever_port_the_sandbox_listens_on(http: httpx.AsyncClient) -> None:
    answer = await http.get("https://oidc.sandbox.test:8443/contoso/.well-known/openid-configuration")
    assert answer.status_code == 200


async def test_a_jwks_uri_of_its_own_is_served_there(http: httpx.AsyncClient, state: IssuerState) -> None:
    state.put_cluster(Cluster("mirror", "https://mirror.test", jwks_uri="https://keys.mirror.test/set.json"))

    assert (await http.get("https://keys.mirror.test/set.json")).status_code == 200
    assert (await http.get("https://mirror.test/openid/v1/jwks")).status_code == 404


@pytest.mark.parametrize("url", [ISSUER, f"{ISSUER}/openid/v1/jwk", "https://elsewhere.test/openid/v1/jwks"])
async def test_other_paths_are_not_found(http: httpx.AsyncClient, url: str) -> None:
    answer = await http.get(url)
    assert (answer.status_code, answer.json()["reason"]) == (404, "NotFound")


async def test_the_documents_cannot_be_changed(http: httpx.AsyncClient) -> None:
    answer = await http.put(f"{ISSUER}/openid/v1/jwks", json={})
    assert (answer.status_code, answer.json()["reason"]) == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("issuer", "message"),
    [
        ("http://oidc.test", "service-account-issuer requires https scheme, parsed as: http://oidc.test"),
        ("https://oidc.test/?a=b", "'https://oidc.test/?a=b' has a query or fragment"),
    ],
)
def test_an_issuer_that_the_api_server_would_not_serve_is_refused(issuer: str, message: str) -> None:
    with pytest.raises(VocabularyError) as refusal:
        Cluster("contoso", issuer)
    assert message in str(refusal.value)
