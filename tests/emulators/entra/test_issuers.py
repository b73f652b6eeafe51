"""Fetching issuers' keys: what is kept, what is asked again, what goes wrong."""

# ruff: noqa: E501  a case stays a line

import httpx
import pytest

from apim_emulators.core.events import IssuerFetched
from apim_emulators.core.keys import signing_key
from apim_emulators.entra.issuers import MAX_KEYS, read_keys

from .conftest import ISSUER, Entra

pytestmark = pytest.mark.anyio
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
JWKS = f"{ISSUER}/openid/v1/jwks"


async def code(entra: Entra, **changes: object) -> int | None:
    """The code of the answer to a request; None for success."""
    answer = await entra.ask(**changes)
    return None if answer.status_code == 200 else answer.json()["error_codes"][0]


async def test_discovery_and_keys_are_fetched_once_and_told_to_the_journal(entra: Entra) -> None:
    """Two exchanges make one fetch of each document."""
    assert await code(entra) is None
    assert await code(entra) is None
    assert entra.events("entra.issuer_fetched") == [
        IssuerFetched(ISSUER, DISCOVERY, "discovery", 200),
        IssuerFetched(ISSUER, JWKS, "jwks", 200, (entra.issuer.key.kid,)),
    ]


async def test_keys_are_fetched_again_after_an_hour(entra: Entra) -> None:
    """A removed key stops working when the cache is over, not before."""
    assert await code(entra) is None
    entra.issuer.jwks.clear()
    entra.clock.moment += 3599
    assert await code(entra) is None
    entra.clock.moment += 1
    assert await code(entra) == 7000272


async def test_an_unknown_kid_is_asked_for_again_after_the_floor(entra: Entra) -> None:
    """A rotation without overlap hurts for five minutes."""
    assert await code(entra) is None
    new = signing_key(entra.directory._keys.rsa("oidc/contoso/2"))
    entra.issuer.jwks[:] = [entra.issuer.jwk(new)]
    entra.issuer.key = new
    entra.clock.moment += 299
    assert await code(entra) == 7000272
    entra.clock.moment += 1
    assert await code(entra) is None


async def test_an_issuer_that_is_switched_off_stops_verifying(entra: Entra) -> None:
    """Kept keys are not used beyond their time because nobody answers."""
    assert await code(entra) is None
    entra.issuer.answer = lambda _: httpx.Response(503)
    entra.clock.moment += 3600
    assert await code(entra) == 50166


async def test_keys_without_use_sig_and_beyond_the_first_hundred_are_ignored(entra: Entra) -> None:
    """Both are known by name, so that the refusal can tell them apart from a wrong kid."""
    jwk = entra.issuer.jwks[0]
    unused = {**jwk, "kid": "unused", "use": "enc"}
    elliptic = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "elliptic", "use": "sig"}
    many = [{**jwk, "kid": f"key-{number}"} for number in range(MAX_KEYS)]
    found = read_keys(ISSUER, [unused, elliptic, "no key", {"kty": "RSA"}, *many], 7.0)
    assert list(found.keys) == [f"key-{number}" for number in range(MAX_KEYS - 4)]
    assert found.seen - set(found.keys) == {"unused", "elliptic"}
    assert found.unfit == {"elliptic"}
    assert found.fetched_at == 7.0


@pytest.mark.parametrize(
    ("answer", "expected", "cause", "detail"),
    [
        (httpx.ConnectError("refused"), 501661, "issuer-unreachable", "oidc.sandbox.test: refused"),
        (httpx.ReadTimeout("slow"), 501661, "issuer-unreachable", "oidc.sandbox.test: slow"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), 90061, "issuer-tls",
         "oidc.sandbox.test: [SSL: CERTIFICATE_VERIFY_FAILED]"),
        (httpx.Response(403), 50166, "issuer-error", f"{DISCOVERY} answered 403"),
        (httpx.Response(200, text="<html>"), 50166, "issuer-document", "the discovery document is no JSON object"),
        (httpx.Response(200, json={"issuer": "https://other"}), 50166, "issuer-document",
         f"discovery names the issuer 'https://other', not '{ISSUER}'"),
        (httpx.Response(200, json={"issuer": ISSUER}), 50166, "issuer-document", "discovery has no jwks_uri"),
        (httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": "http://plain.test"}), 50166, "issuer-error",
         "http://plain.test is not an https URL"),
        (httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": "https://[::bad"}), 50166, "issuer-error", "not a URL"),
        (httpx.Response(200, content=b" " * 2_000_000), 50166, "issuer-error", f"{DISCOVERY} answered more than 1048576 bytes"),
        (httpx.Response(302, headers={"location": DISCOVERY}), 50166, "issuer-error", "more than 3 redirects"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
# httpx's own mock leaves its body unread when the reader stops.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_each_way_of_failing_has_its_own_code(
    entra: Entra, answer: Exception | httpx.Response, expected: int, cause: str, detail: str
) -> None:
    """The rung says what went wrong, where the caller sees one sentence for all."""

    def answering(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    entra.issuer.answer = answering
    assert await code(entra) == expected
    event = entra.events("entra.token")[-1]
    failed = [(rung.name, rung.note) for rung in event.ladder if rung.verdict == "failed"]
    assert (event.cause, failed) == (cause, [("metadata", detail)])


async def test_a_redirect_on_the_same_host_is_followed(entra: Entra) -> None:
    """Three at most."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/jwks"):
            return httpx.Response(307, headers={"location": "/contoso/keys"})
        return (
            httpx.Response(200, json={"keys": entra.issuer.jwks})
            if request.url.path == "/contoso/keys"
            else None
        )

    entra.issuer.answer = answer
    assert await code(entra) is None


async def test_an_issuer_with_a_trailing_slash_is_asked_without_it(entra: Entra) -> None:
    """The slash is part of the name, not of the address (OpenID Connect Discovery 4)."""
    entra.credential(issuer=f"{ISSUER}/")
    entra.issuer.answer = lambda request: (
        httpx.Response(200, json={"issuer": f"{ISSUER}/", "jwks_uri": JWKS})
        if str(request.url) == DISCOVERY
        else None
    )
    assert await code(entra, client_assertion=entra.assertion(iss=f"{ISSUER}/")) is None
