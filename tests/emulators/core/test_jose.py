"""JOSE, strictly: what lenient libraries let pass is refused here."""

import json
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from apim_emulators.core import jose
from apim_emulators.core.keys import published_keys, signing_key

KEY = signing_key(published_keys()[0])
OTHER = signing_key(published_keys()[1])
HEADER = {"alg": "RS256", "kid": KEY.kid}


def compact(header: str | bytes, payload: str | bytes, signature: bytes = b"x") -> str:
    """A JWS of raw parts."""
    parts = [part.encode() if isinstance(part, str) else part for part in (header, payload)]
    return ".".join(map(jose.b64url, (*parts, signature)))


def test_what_is_signed_is_parsed_and_verified() -> None:
    """Header, claims and signature come back; another key does not verify."""
    jws = jose.parse(jose.sign({"sub": "x", "aud": ["y"]}, KEY, HEADER))
    assert (jws.header, jws.claims) == (HEADER, {"sub": "x", "aud": ["y"]})
    assert jose.verify(jws, KEY.public, "RS256")
    assert not jose.verify(jws, OTHER.public, "RS256")


@pytest.mark.parametrize("algorithm", sorted(jose.RSA_ALGORITHMS))
def test_each_rsa_algorithm_signs_and_verifies(algorithm: str) -> None:
    """RS and PS with 256, 384 and 512 bits; the caller names the one it allows."""
    jws = jose.parse(jose.sign({}, KEY, {"alg": algorithm}, algorithm))
    assert jose.verify(jws, KEY.public, algorithm)
    assert not any(jose.verify(jws, KEY.public, other) for other in jose.RSA_ALGORITHMS if other != algorithm)


def test_nothing_shown_holds_the_signature() -> None:
    """What goes to the journal is header and claims."""
    jws = jose.parse(jose.sign({"a": 1}, KEY, HEADER))
    assert jws.shown().claims == {"a": 1}
    assert "signature" not in repr(jws.shown())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1 parts"),
        ("a.b", "2 parts"),
        ("a.b.c.d.e", "5 parts"),
        (compact('{"alg":"RS256","alg":"none"}', "{}"), "header repeats a member"),
        (compact("{}", '{"sub":"a","sub":"b"}'), "payload repeats a member"),
        (compact("{}", '{"a":{"b":1,"b":2}}'), "payload repeats a member"),
        (compact("[]", "{}"), "header is not a JSON object"),
        (compact("{}", "1"), "payload is not a JSON object"),
        (compact("{", "{}"), "header is not JSON"),
        (compact(b"\xff", "{}"), "header is not JSON"),
        (compact("{}", "[" * 100_000), "longer than"),
        (compact("{}", "[" * 10_000), "payload is not JSON"),
        (compact("{}", '{"a":' * 6_000 + "1" + "}" * 6_000), "payload is not JSON"),
        (compact('{"crit":["b64"],"b64":false}', "{}"), "crit"),
        (compact("{}", "{}") + "=", "base64url"),
        ("e30.e30.e3+", "base64url"),
        ("e31.e30.AA", "not canonical base64url"),
    ],
)
def test_what_is_no_strict_jws_is_refused(text: str, problem: str) -> None:
    """The message says why and holds nothing of the token."""
    with pytest.raises(jose.JoseError, match=problem):
        jose.parse(text)


Member = tuple[str, Any]
MEMBERS = st.recursive(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", '":', "a\\", ""]), st.sampled_from([1, '":', '"a":1', None, [2]])
        )
    ),
    lambda inner: st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), inner), max_size=3),
    max_leaves=8,
)


def written(members: list[Member], gap: str) -> str:
    """An object as an issuer could write it, repeated members and all."""

    def value(part: Any) -> str:
        if isinstance(part, list) and all(isinstance(one, tuple) for one in part):
            return written(part, gap)
        return json.dumps(part)

    return "{" + ",".join(f"{json.dumps(name)}{gap}:{gap}{value(part)}" for name, part in members) + "}"


def repeats(members: list[Member]) -> bool:
    """Whether some object names a member twice."""
    names = [name for name, _ in members]
    inner = [part for _, part in members if isinstance(part, list)]
    return len(set(names)) < len(names) or any(
        repeats(part) for part in inner if all(isinstance(one, tuple) for one in part)
    )


@given(MEMBERS, st.sampled_from(["", " ", "\n"]))
def test_a_repeated_member_is_found_however_the_object_is_written(members: list[Member], gap: str) -> None:
    """At any depth, with and without white space, and whatever names and texts look like."""
    text = compact("{}", written(members, gap))
    if repeats(members):
        with pytest.raises(jose.JoseError, match="repeats a member"):
            jose.parse(text)
    else:
        assert jose.parse(text).claims == json.loads(written(members, gap))


@given(st.binary(max_size=200))
def test_base64url_is_canonical_both_ways(data: bytes) -> None:
    """Every value has exactly one spelling."""
    assert jose.unb64url(jose.b64url(data)) == data


@settings(max_examples=200)
@given(st.text(max_size=120))
def test_parsing_never_fails_otherwise(text: str) -> None:
    """Whatever comes in, it is a Jws or a JoseError."""
    with suppress(jose.JoseError):
        assert isinstance(jose.parse(text), jose.Jws)


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8) | st.booleans(), max_size=5))
def test_claims_travel_unchanged(claims: dict[str, Any]) -> None:
    """Any JSON object of scalars."""
    encodable = json.dumps(claims).isascii() and all(
        -(2**63) <= value < 2**63 for value in claims.values() if isinstance(value, int)
    )
    if encodable:
        assert jose.parse(jose.sign(claims, KEY, HEADER)).claims == claims


def test_a_jwk_and_its_key_are_the_same() -> None:
    """The public members alone make the key again."""
    jwk = jose.public_jwk(KEY.public)
    assert jwk["e"] == "AQAB"
    assert jose.public_key(jwk) == KEY.public


@pytest.mark.parametrize(
    ("jwk", "problem"),
    [
        ({"kty": "EC"}, "key type 'EC'"),
        ({"kty": "RSA", "e": "AQAB"}, "member n is not a string"),
        ({"kty": "RSA", "e": "AQAB", "n": "###"}, "base64url"),
        ({"kty": "RSA", "e": "AA", "n": "AA"}, "not an RSA key"),
    ],
)
def test_a_malformed_jwk_is_named(jwk: dict[str, str], problem: str) -> None:
    """Other kinds of keys and broken members."""
    with pytest.raises(jose.JoseError, match=problem):
        jose.public_key(jwk)


def test_only_an_rsa_private_key_is_loaded() -> None:
    """Garbage and other kinds are refused in words."""
    assert jose.load_private_key(KEY.pem()).public_key() == KEY.public
    ec = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pem, problem in ((b"x", "not an unencrypted PEM private key"), (ec, "not an RSA private key")):
        with pytest.raises(jose.JoseError, match=problem):
            jose.load_private_key(pem)
