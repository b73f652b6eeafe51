"""The assertion itself is refused, or what it asks for."""

import pytest
from msgspec.structs import replace
from tests.sandbox.insight.explained import explained, refusal
from tests.sandbox.insight.story import ISSUER, KID, PROJECTED, START, Story, assertion, ladder

from apim_emulators.core.events import ClockMoved, DocumentServed, IssuerFetched, Rung, Token
from apim_sandbox.insight.explanation import Comparison


def test_an_expired_assertion_that_the_file_no_longer_holds_was_kept_by_the_program() -> None:
    story = Story().started()
    story.add("cluster", replace(PROJECTED, jti="jti-2", renewal=True), after=2880)
    story.now += 3000
    story.refused(code=700024, cause="assertion-expired", ladder=ladder(time=Rung("time", "failed")))
    found = explained(story)
    assert found.cause == "assertion-cached-by-program"
    assert [mend.side for mend in found.mends] == ["program"]


def test_an_expired_assertion_without_renewal_is_the_clusters() -> None:
    story = Story().started()
    story.now += 7200
    found = explained(story.refused(code=700024, cause="assertion-expired"))
    assert (found.cause, found.headline) == (
        "assertion-expired",
        "Entra refused the exchange (hop 5): the token expired 1 h ago.",
    )


def test_a_token_from_the_future_names_the_skewed_clock() -> None:
    story = Story()
    story.add("control", ClockMoved(0.0, "cluster", 600.0))
    token = assertion(iat=START + 600, nbf=START + 600, exp=START + 4200)
    story.started().refused(code=700024, assertion=token)
    found = explained(story)
    assert found.cause == "assertion-not-yet-valid"
    assert found.mends[0].command == "apim-sandbox clock skew cluster 0s"


def test_a_key_that_the_issuer_shows_but_entra_lacks_is_a_stale_copy() -> None:
    story = Story()
    story.add("entra", IssuerFetched(ISSUER, f"{ISSUER}/openid/v1/jwks", "jwks", 200, ("old",)))
    story.add("oidc", DocumentServed("contoso", ISSUER, "jwks", ("old", KID)))
    found = explained(story.started().refused(code=7000272, cause="key-not-found"))
    assert (found.cause, found.mends[0].side) == ("jwks-stale", "clock")


def test_a_key_that_nobody_published_is_the_issuers() -> None:
    story = Story()
    story.add("entra", IssuerFetched(ISSUER, f"{ISSUER}/openid/v1/jwks", "jwks", 200, ("old",)))
    found = explained(story.started().refused(code=7000272, cause="key-not-found"))
    assert (found.cause, found.mends[0].side) == ("key-not-found", "cluster")


@pytest.mark.parametrize(
    ("code", "token", "words"),
    [
        (50027, None, "no JWT"),
        (5002727, Token({"typ": "at+jwt"}, {}), 'typ is "at+jwt"'),
        (5002738, Token({"alg": "ES256"}, {}), "signed with ES256"),
        (5002730, Token({"alg": "RS256"}, {}), "does not fit the signing algorithm"),
        (700027, assertion(), "the signature does not fit"),
        (70023, assertion(exp=START + 400_000), "longer than 25 h"),
        (70023, Token({"alg": "RS256"}, {"exp": START}), "no iat"),
        (700222, assertion(iss="https://sts.windows.net/x/"), "itself a token that Entra issued"),
        (7002381, assertion(), "policy"),
        (700021, assertion(), "another client"),
        (700016, assertion(), "no application of this tenant"),
        (700038, assertion(), "nil GUID"),
        (7000229, assertion(), "no service principal"),
        (90002, assertion(), "no such tenant"),
        (900144, assertion(), "form field"),
        (7000215, None, "secret is wrong"),
        (90033, None, "transient"),
        (50196, None, "client loop"),
        (123456, None, "401 invalid_client"),
    ],
)
def test_every_other_code_says_what_it_means(code: int, token: Token | None, words: str) -> None:
    found = explained(refusal(code, assertion=token))
    assert (found.hop, found.code) == (5, code)
    assert words in found.headline


@pytest.mark.parametrize("code", [1002012, 70011, 500011, 53003])
def test_what_is_asked_for_breaks_at_hop_six(code: int) -> None:
    found = explained(refusal(code, scope="https://azure-api.net/configuration"))
    assert (found.hop, found.code) == (6, code)


@pytest.mark.parametrize(
    ("rung", "words", "pairs"),
    [
        (
            Rung("metadata", "failed", ISSUER, f"{ISSUER}/", "discovery names the issuer …"),
            "the issuer's discovery document names another issuer",
            (Comparison("issuer", ISSUER, f"{ISSUER}/"),),
        ),
        (
            Rung("metadata", "failed", note="discovery has no jwks_uri"),
            "the issuer's discovery document has no jwks_uri",
            (),
        ),
        (
            Rung("metadata", "failed", note="the jwks document is no JSON object"),
            "it could not read the issuer's keys (JWKS)",
            (),
        ),
    ],
)
def test_an_issuers_document_that_is_no_use_says_what_is_wrong_with_it(
    rung: Rung, words: str, pairs: tuple[Comparison, ...]
) -> None:
    """And what must stand in it, in place of a firewall that nobody has."""
    found = explained(refusal(50166, cause="issuer-document", ladder=(rung,)))
    assert (found.headline, found.comparisons) == (
        f"Entra refused the exchange (hop 5): {words}.",
        pairs,
    )
    assert "address filters" not in found.mends[0].text
