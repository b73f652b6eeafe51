"""What must never be taken, and never break the endpoint."""

# ruff: noqa: E501  a case stays a line

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import digest
from urllib.parse import quote

import httpx
import pytest
import trio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from apim_emulators.core.jose import b64url, public_jwk
from apim_emulators.core.keys import signing_key

from .conftest import ISSUER, TOKEN_PATH, Entra, make_entra

pytestmark = pytest.mark.anyio


def raw(header: object, claims: object, signature: bytes = b"x") -> str:
    """A compact JWS of anything; bytes are taken as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    return ".".join([*(b64url(part) for part in parts), b64url(signature)])


async def refused(entra: Entra, assertion: str) -> tuple[int, str]:
    """Code and cause with which an assertion is refused."""
    answer = await entra.ask(client_assertion=assertion)
    event = entra.events("entra.token")[-1]
    assert event.issued is None
    assert "access_token" not in answer.text
    return answer.json()["error_codes"][0], event.cause


async def test_alg_none_is_refused(entra: Entra) -> None:
    """An unsigned token proves nothing, with an empty signature and with any."""
    header = {"alg": "none", "kid": entra.issuer.key.kid}
    assert await refused(entra, raw(header, entra.claims(), b"")) == (5002738, "algorithm-unsupported")
    assert await refused(entra, raw({**header, "alg": "None"}, entra.claims())) == (
        5002738,
        "algorithm-unsupported",
    )
    assert await refused(entra, raw({**header, "alg": ["RS256"]}, entra.claims())) == (
        5002738,
        "algorithm-unsupported",
    )


async def test_an_hmac_with_the_public_key_is_refused(entra: Entra) -> None:
    """The published key can't serve as a shared secret."""
    signing_input = raw({"alg": "HS256", "kid": entra.issuer.key.kid}, entra.claims()).rpartition(".")[0]
    public = entra.issuer.key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = f"{signing_input}.{b64url(digest(public, signing_input.encode(), sha256))}"
    assert await refused(entra, forged) == (5002730, "key-type")


async def test_keys_that_the_header_brings_or_names_are_never_used(entra: Entra) -> None:
    """`jwk`, `jku`, `x5u` and `x5c` neither help a forger nor cause a fetch."""
    forger = signing_key(entra.directory._keys.rsa("forger"), entra.issuer.key.kid)
    header = {
        "jwk": {**public_jwk(forger.public), "kid": forger.kid, "use": "sig"},
        "jku": "https://forger.test/jwks",
        "x5u": "https://forger.test/certificate",
        "x5c": ["AAAA"],
    }
    assert await refused(entra, entra.assertion(header, forger)) == (700027, "signature")
    assert {httpx.URL(url).host for url in entra.issuer.requests} == {"oidc.sandbox.test"}


async def test_a_key_of_another_issuer_is_refused(entra: Entra) -> None:
    """A key is looked for among the assertion's own issuer's keys alone."""
    stranger = signing_key(entra.directory._keys.rsa("stranger"))
    assert await refused(entra, entra.assertion({"kid": stranger.kid}, stranger)) == (
        7000272,
        "key-not-found",
    )


async def test_an_issuer_that_no_credential_names_is_never_asked(entra: Entra) -> None:
    """Nobody can make Entra fetch an address of their choice."""
    assert await refused(entra, entra.assertion(iss="https://attacker.test")) == (700211, "issuer-mismatch")
    assert entra.issuer.requests == []


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "' OR 1=1 --", "{app_id}", "\x00", "a" * 10_000, "%s%n", '"}{"'], ids=repr
)
async def test_a_hostile_kid_is_a_name_like_any_other(entra: Entra, kid: str) -> None:
    """`kid` is looked up and printed, nothing else."""
    assert await refused(entra, entra.assertion({"kid": kid})) == (7000272, "key-not-found")


@pytest.mark.parametrize(
    "assertion",
    [
        "", "a", "a.b", "a.b.c", "a.b.c.d", "....", "eyJ9.eyJ9.", "é.é.é",
        raw(b'{"alg":"RS256","alg":"none"}', {}),
        raw({"alg": "RS256"}, b'{"sub":"one","sub":"two"}'),
        raw({"alg": "RS256", "crit": ["b64"], "b64": False}, {}),
        raw([], {}), raw({}, []), raw({}, b"null"), raw(b"\xff\xfe", {}), raw({}, b"{"),
        raw({}, b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
        raw({"alg": "RS256"}, b'{"sub":"\\ud800"}'),
        raw({"alg": "RS256"}, b'{"exp":' + b"9" * 5000 + b"}"),
        raw({"alg": "RS256"}, {"exp": 1e300}), raw({"alg": "RS256"}, b'{"exp":NaN}'),
        raw({"alg": "RS256"}, b'{"exp":-1}'), raw({"alg": "RS256"}, {"exp": "1"}), raw({"alg": "RS256"}, {"exp": True}),
        raw({"alg": "RS256"}, {"iss": 1}), raw({"alg": "RS256"}, {"sub": ["a"]}), raw({"alg": "RS256"}, {"aud": 5}),
        raw({"alg": "RS256"}, {"aud": [1]}), "a" * 70_000,
    ],
    ids=lambda assertion: assertion[:40],
)  # fmt: skip
async def test_what_is_no_jwt_is_refused_as_such(entra: Entra, assertion: str) -> None:
    """Repeated members, other kinds of JSON, text that is no text: 50027, and 7000216 for an empty one."""
    expected = (50027, "assertion-malformed") if assertion else (7000216, "credential-missing")
    assert await refused(entra, assertion) == expected


async def test_non_canonical_base64_is_refused(entra: Entra) -> None:
    """One token has one spelling: padding and stray bits make another."""
    compact = entra.assertion()
    assert await refused(entra, f"{compact}=") == (50027, "assertion-malformed")
    header, payload, signature = compact.split(".")
    padded = urlsafe_b64encode(json.dumps({"alg": "RS256"}).encode()).decode()
    assert "=" in padded
    assert await refused(entra, f"{padded}.{payload}.{signature}") == (50027, "assertion-malformed")
    assert await refused(entra, f"{header}.{payload}\n.{signature}") == (50027, "assertion-malformed")


@pytest.mark.parametrize("claims", [{"exp": None}, {"iat": None}, {"exp": 0}])
async def test_a_token_without_its_times_is_refused(entra: Entra, claims: dict[str, object]) -> None:
    """Neither a missing `exp` nor a missing `iat` makes a token that lives for ever."""
    code, _ = await refused(entra, entra.assertion(**claims))
    assert code in (700024, 70023)


# The test's own transport leaves its request unread when the application stops reading.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_oversized_body_is_refused(entra: Entra) -> None:
    """More than 256 KiB are not read."""
    answer = await entra.ask(client_info="1" * 300_000)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [9002313])


async def test_more_fields_than_any_client_sends_are_refused(entra: Entra) -> None:
    """A form of thousands of fields is not read."""
    body = "&".join(f"f{number}=1" for number in range(1000))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await entra.http.post(TOKEN_PATH, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [9002313])


async def test_a_json_body_has_no_parameters(entra: Entra) -> None:
    """Only forms are read, as Entra answers those who send JSON."""
    answer = await entra.http.post(TOKEN_PATH, json=entra.form())
    assert answer.json()["error_description"].startswith(
        "AADSTS900144: The request body must contain the following parameter: 'grant_type'."
    )


async def test_nothing_secret_reaches_the_journal(entra: Entra) -> None:
    """Neither secrets nor signatures: a token is its header and claims."""
    compact = entra.assertion()
    issued = (await entra.ask(client_assertion=compact)).json()["access_token"]
    await entra.ask(client_secret="a-very-secret-secret", client_assertion=None)
    journal = repr([record.event for record in entra.journal.since()])
    for hidden in (
        compact,
        compact.rpartition(".")[2],
        issued,
        issued.rpartition(".")[2],
        "a-very-secret-secret",
    ):
        assert hidden not in journal


@settings(max_examples=150, deadline=None)
@given(
    tenant=st.text(max_size=40),
    body=st.binary(max_size=400),
    content_type=st.sampled_from(
        ["application/x-www-form-urlencoded", "application/json", "", "text/plain; a=b"]
    ),
    authorization=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)
def test_no_request_causes_a_server_error(
    tenant: str, body: bytes, content_type: str, authorization: str
) -> None:
    """Whatever comes, the answer is a refusal."""
    entra = make_entra()
    path = f"/{quote(tenant, safe='')}/oauth2/v2.0/token"
    headers = {"content-type": content_type, "authorization": authorization}

    async def ask() -> int:
        return (await entra.http.post(path, content=body, headers=headers)).status_code

    assert trio.run(ask) in (307, 400, 401, 404, 405)


async def test_a_redirect_to_plain_http_or_to_another_host_is_not_followed(entra: Entra) -> None:
    """An issuer may redirect on its own host over https, and nowhere else."""
    for target in ("http://oidc.sandbox.test/contoso/openid/v1/jwks", "https://elsewhere.test/jwks"):
        entra.directory.forget()
        entra.issuer.requests.clear()
        entra.issuer.answer = lambda _, to=target: httpx.Response(302, headers={"location": to})
        assert await refused(entra, entra.assertion()) == (50166, "issuer-error")
        assert entra.issuer.requests == [f"{ISSUER}/.well-known/openid-configuration"]
