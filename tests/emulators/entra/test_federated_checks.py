"""The pure verdict on an assertion, against a slow and obvious second opinion."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim_emulators.core.jose import Jws
from apim_emulators.core.vocabulary import Audience, ClientId, Issuer, ObjectId, Subject, TenantId
from apim_emulators.entra import federated_checks as checks
from apim_emulators.entra.attempt import Attempt
from apim_emulators.entra.forms import TokenRequest
from apim_emulators.entra.ladder import ASSERTION, climb
from apim_emulators.entra.matching import match
from apim_emulators.entra.model import Application, FederatedIdentityCredential, ServicePrincipal, Tenant
from apim_emulators.entra.settings import Settings

from .conftest import APP, APP_OBJECT, NOW, PRINCIPAL, TENANT

words = st.sampled_from(["a", "A", "b", "ab", ""])
filled = st.sampled_from(["a", "A", "b", "ab"])
credentials = st.lists(st.tuples(filled, filled, filled), max_size=4)


def attempt(claims: dict[str, Any], trusted: list[tuple[str, str, str]], **settings: Any) -> Attempt:
    """An attempt with these claims at an application that trusts (issuer, subject, audience)."""
    made = Attempt(Settings(**settings), NOW, TokenRequest("POST", TENANT, 2, "host", client_id=APP))
    made.tenant = Tenant(TenantId(TENANT), "contoso.onmicrosoft.com")
    made.application = Application(APP_OBJECT, ClientId(APP), TENANT, "app")
    made.principal = ServicePrincipal(PRINCIPAL, ClientId(APP), TENANT, "app")
    made.jws = Jws({"alg": "RS256", "kid": "k"}, claims, b"", b"")
    made.federated = tuple(
        FederatedIdentityCredential(str(n), f"c{n}", ObjectId("o"), Issuer(i), Subject(s), (Audience(a),))
        for n, (i, s, a) in enumerate(trusted)
    )
    made.match = match(claims, made.federated)
    return made


def obvious(claims: dict[str, Any], trusted: list[tuple[str, str, str]]) -> int | None:
    """What Entra's codes mean, read off word for word."""
    issuer, subject, audience = (claims.get(name, "") for name in ("iss", "sub", "aud"))
    if not trusted:
        return 70025
    if issuer not in [i for i, _, _ in trusted]:
        return 700211
    if (issuer, audience) not in [(i, a) for i, _, a in trusted]:
        return 700212
    if (issuer, audience, subject) in [(i, a, s) for i, s, a in trusted]:
        return None
    lowered = [(i, a, s.lower()) for i, s, a in trusted]
    return 7002138 if (issuer, audience, subject.lower()) in lowered else 700213


@given(trusted=credentials, issuer=words, subject=words, audience=words)
def test_the_match_agrees_with_the_meaning_of_the_codes(
    trusted: list[tuple[str, str, str]], issuer: str, subject: str, audience: str
) -> None:
    """Whatever the credentials and the claims are."""
    claims = {"iss": issuer, "sub": subject, "aud": audience, "iat": NOW, "exp": NOW + 60}
    rungs, cause = climb(ASSERTION, attempt(claims, trusted))
    assert (cause.code if cause else None) == obvious(claims, trusted)
    assert len(rungs) == len(ASSERTION)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(
    claims=st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "oid", "tid"]), json_values, max_size=8
    ),
    trusted=credentials,
)
def test_no_claims_break_the_ladder(claims: dict[str, Any], trusted: list[tuple[str, str, str]]) -> None:
    """Every kind of JSON in every claim gets a verdict, and only whole numbers of text and time pass."""
    rungs, cause = climb(ASSERTION, attempt(claims, trusted))
    assert [rung.name for rung in rungs] == [
        "form", "type", "algorithm", "credentials", "origin",
        "issuer", "audience", "subject", "lifetime", "time",
    ]  # fmt: skip
    if cause is None:
        assert all(isinstance(claims[name], str) for name in ("iss", "sub"))
        assert all(isinstance(claims[name], int | float) for name in ("exp", "iat"))


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"exp": NOW - 299}, None), ({"exp": NOW - 300}, "expired"),
        ({"exp": NOW + 60, "nbf": NOW + 300}, None), ({"exp": NOW + 60, "nbf": NOW + 300.5}, "not-yet-valid"),
        ({"exp": NOW + 60, "iat": NOW - 89_940}, None), ({"exp": NOW + 60, "iat": NOW - 89_941}, "lifetime"),
    ],
)  # fmt: skip
def test_times_are_taken_with_the_skew(claims: dict[str, Any], cause: str | None) -> None:
    """Five minutes either way; 25 hours of life to the second."""
    whole = {"iss": "a", "sub": "a", "aud": "a", "iat": NOW - 400, **claims}
    found = climb(ASSERTION, attempt(whole, [("a", "a", "a")]))[1]
    assert (found.name if found else None) == cause


def test_a_kid_is_printed_as_the_hex_of_its_bytes() -> None:
    """As in a thumbprint; what is no base64url stands as it is."""
    assert checks.key_identifier("3q2-7w") == "DEADBEEF"
    assert checks.key_identifier("key one") == "key one"
