"""Keys: one signs, all that may still be needed are shown, and a restart keeps them."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from apim_emulators.core.jose import JoseError, kubernetes_key_id
from apim_emulators.core.keys import FreshKeys, PooledKeys, public_key_ids
from apim_emulators.core.store import MemoryStore, SqliteStore
from apim_emulators.oidc.model import Cluster
from apim_emulators.oidc.state import IssuerState

CONTOSO = Cluster("contoso", "https://oidc.sandbox.test/contoso")


def shown(state: IssuerState) -> list[str]:
    return [key["kid"] for key in state.published("contoso")]


def test_the_kid_is_the_api_servers_hash_of_the_public_key(state: IssuerState) -> None:
    key = state.signing_key("contoso")
    assert key.kid == kubernetes_key_id(key.public)
    assert shown(state) == [key.kid]


def test_rotation_with_overlap_shows_old_and_new(state: IssuerState) -> None:
    old = state.signing_key("contoso").kid
    new = state.rotate("contoso").kid
    assert old != new
    assert state.signing_key("contoso").kid == new
    assert shown(state) == [old, new]


def test_rotation_without_overlap_shows_the_new_key_alone(state: IssuerState) -> None:
    state.rotate("contoso")
    new = state.rotate("contoso", keep_old=False)
    assert shown(state) == [new.kid]


def test_a_key_can_be_dropped_from_jwks_and_shown_again(state: IssuerState) -> None:
    signing = state.signing_key("contoso").kid
    assert state.drop_key("contoso", signing)
    assert shown(state) == []
    assert state.signing_key("contoso").kid == signing
    assert state.publish_key("contoso", signing)
    assert shown(state) == [signing]
    assert not state.drop_key("contoso", "unknown")


def test_changing_a_cluster_keeps_its_keys(state: IssuerState) -> None:
    before = state.signing_key("contoso").kid
    state.put_cluster(Cluster("contoso", "https://oidc.sandbox.test/renamed"))
    assert state.signing_key("contoso").kid == before


def test_a_restart_finds_the_keys_on_disk(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "oidc.db")
    state = IssuerState(first, FreshKeys(), admin_token="a")
    state.put_cluster(CONTOSO)
    old, new = state.signing_key("contoso").kid, state.rotate("contoso").kid
    first.close()

    second = SqliteStore(tmp_path / "oidc.db")
    again = IssuerState(second, FreshKeys(), admin_token="a")

    assert again.cluster("contoso") == CONTOSO
    assert again.signing_key("contoso").kid == new
    assert shown(again) == [old, new]
    second.close()


def test_a_live_sandbox_does_not_sign_with_a_published_test_key() -> None:
    store = MemoryStore()
    IssuerState(store, PooledKeys(), admin_token="a").put_cluster(CONTOSO)
    with pytest.raises(JoseError):
        IssuerState(store, FreshKeys(), admin_token="a").signing_key("contoso")


def test_an_unknown_cluster_has_no_key(state: IssuerState) -> None:
    for ask in (state.signing_key, state.rotate, state.cluster):
        with pytest.raises(KeyError):
            ask("nobody")


def test_a_key_made_elsewhere_signs_and_the_earlier_ones_stay_in_jwks(state: IssuerState) -> None:
    """A real API server's sa.key; known already, it changes nothing, not even after a rotation."""
    old = state.signing_key("contoso").kid
    pem = (
        PooledKeys()
        .rsa("an API server's own")
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    theirs = state.import_key("contoso", pem.decode()).kid
    assert (state.signing_key("contoso").kid, shown(state)) == (theirs, [old, theirs])

    newer = state.rotate("contoso").kid
    assert state.import_key("contoso", pem.decode()).kid == theirs
    assert (state.signing_key("contoso").kid, shown(state)) == (newer, [old, theirs, newer])


def test_a_key_made_elsewhere_can_be_the_first() -> None:
    state = IssuerState(MemoryStore(), PooledKeys(), admin_token="admin")
    pem = (
        PooledKeys()
        .rsa("an API server's own")
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    theirs = state.import_key("contoso", pem.decode()).kid
    state.put_cluster(CONTOSO)
    assert (state.signing_key("contoso").kid, shown(state)) == (theirs, [theirs])


def test_a_file_of_public_keys_decides_what_is_shown(state: IssuerState) -> None:
    """A real API server's keys: JWKS shows those of the file, whichever of them signs."""
    old = state.signing_key("contoso")
    new = state.rotate("contoso")
    both = "".join(_public_pem(key.public) for key in (old, new))
    for text, kids in ((_public_pem(old.public), [old.kid]), (both, [old.kid, new.kid]), ("\n", [])):
        state.publish_only("contoso", public_key_ids(text))
        assert (state.signing_key("contoso").kid, shown(state)) == (new.kid, kids)


def test_a_file_of_public_keys_that_holds_something_else_is_refused() -> None:
    other = generate_private_key(SECP256R1()).public_key()
    for text in ("-----BEGIN PUBLIC KEY-----\nno key\n-----END PUBLIC KEY-----\n", _public_pem(other)):
        with pytest.raises(JoseError):
            public_key_ids(text)


def _public_pem(key: PublicKeyTypes) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
