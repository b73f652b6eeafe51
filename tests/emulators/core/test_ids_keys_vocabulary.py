"""Ids, keys and words: reproducible where they must be, refused where they are wrong."""

import pytest

from apim_emulators.core.ids import RandomIds, SeededIds, derived_uuid
from apim_emulators.core.jose import JoseError, SigningKey, kubernetes_key_id
from apim_emulators.core.keys import FreshKeys, PooledKeys, published_keys, signing_key
from apim_emulators.core.vocabulary import Revision, ServiceAccountName, VocabularyError


def draws(ids: SeededIds) -> tuple[str, str, str, float]:
    return ids.uuid(), ids.secret(8), ids.suffix(), ids.uniform(0, 10)


def test_equal_seeds_give_equal_streams() -> None:
    """And other seeds give others."""
    assert draws(SeededIds("1")) == draws(SeededIds("1"))
    assert draws(SeededIds("1")) != draws(SeededIds("2"))


def test_one_actors_draws_never_shift_anothers() -> None:
    """Each child has a stream of its own, whatever its parent and siblings draw."""
    parent = SeededIds("1")
    before = draws(parent.child("entra"))
    draws(parent)
    draws(parent.child("arm"))
    assert draws(parent.child("entra")) == before


def test_random_ids_differ() -> None:
    """Live ids are not reproducible."""
    ids = RandomIds()
    assert ids.uuid() != ids.child("entra").uuid()
    assert len({ids.secret(), ids.secret(), ids.suffix(5)}) == 3
    assert 1 <= ids.uniform(1, 2) < 2


def test_derived_ids_depend_on_their_parts_alone() -> None:
    """A world file's objects keep their ids."""
    assert derived_uuid("tenant", "contoso") == derived_uuid("tenant", "contoso")
    assert derived_uuid("tenant", "contoso") != derived_uuid("tenantcontoso")


def test_the_pool_gives_one_key_a_purpose() -> None:
    """The same purpose gets the same key, two purposes never share one."""
    keys = PooledKeys()
    purposes = [f"purpose/{number}" for number in range(len(published_keys()))]
    given = [keys.rsa(purpose) for purpose in purposes]
    assert [keys.rsa(purpose) for purpose in purposes] == given
    assert len({id(key) for key in given}) == len(purposes)
    with pytest.raises(JoseError, match="used up; one more gets none"):
        keys.rsa("one more")


def test_live_refuses_a_published_key() -> None:
    """Everybody has those private keys."""
    pem = signing_key(published_keys()[0]).pem().decode()
    assert PooledKeys().load(pem).public_key() == published_keys()[0].public_key()
    with pytest.raises(JoseError, match="published test keys"):
        FreshKeys().load(pem)


def test_fresh_keys_come_back_from_their_pem() -> None:
    """What the sandbox wrote itself it reads again."""
    keys = FreshKeys()
    key = SigningKey("kid", keys.rsa("anything"))
    assert keys.load(key.pem().decode()).public_key() == key.public


@pytest.mark.parametrize(
    ("text", "problem"), [("a", "NAMESPACE/NAME"), ("/b", "namespace ''"), ("a/b/c", "name 'b/c'")]
)
def test_a_wrong_service_account_is_named(text: str, problem: str) -> None:
    """The message holds the value and the rule."""
    with pytest.raises(VocabularyError, match=problem):
        ServiceAccountName.parse(text)


def test_a_service_account_has_its_subject() -> None:
    """As the API server writes it into `sub`."""
    account = ServiceAccountName.parse("apim-gateway-wi/gateway")
    assert (account.subject, str(account)) == (
        "system:serviceaccount:apim-gateway-wi:gateway",
        "apim-gateway-wi/gateway",
    )


def test_a_revision_travels_as_eight_hex_digits() -> None:
    """Lower case, zero padded, and only so."""
    assert str(Revision(0x6FE)) == "000006fe"
    assert Revision.parse("000006fe") == Revision(0x6FE)
    for wrong in ("6fe", "000006FE", "0000006fe", "zzzzzzzz"):
        with pytest.raises(VocabularyError, match=wrong):
            Revision.parse(wrong)
    with pytest.raises(VocabularyError, match="does not fit"):
        Revision(1 << 32)


def test_keys_made_ahead_are_new_and_not_used_twice() -> None:
    """A source hands each of them out once, and makes more when they are used up."""
    keys = FreshKeys(ahead=2)
    made = [kubernetes_key_id(keys.rsa("").public_key()) for _ in range(3)]
    assert len(set(made)) == 3
