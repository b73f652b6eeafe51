"""Faults of the cluster's issuer, each in the whole flow."""

import pytest
from tests.sandbox.faults.telling import LOGIN, add, tell, why
from tests.sandbox.gateway.story import Story

from apim_emulators.core.events import FaultFired, TokenAnswered, TokenProjected


def test_a_dropped_kid_is_not_found() -> None:
    """The key that signs is not among those that the issuer shows."""

    async def main(it: Story) -> None:
        add(it, "dropped-kid", "oidc")
        await it.deploy()
        assert it.codes() == [7000272]
        assert why(it) == "key-not-found"

    tell(main)


@pytest.mark.parametrize(
    ("which", "left"), [("oldest", ["b", "c"]), ("newest", ["a", "b"]), ("all", []), ("b", ["a", "c"])]
)
def test_which_kid_is_dropped(which: str, left: list[str]) -> None:
    """The newest, the oldest, all, or one by name."""
    from apim_emulators.core.faults import DroppedKid

    assert DroppedKid(which).kept(["a", "b", "c"]) == left


def test_a_key_without_use_is_passed_over() -> None:
    """Entra does not take it for a signing key."""

    async def main(it: Story) -> None:
        add(it, "key-without-use")
        await it.deploy()
        assert it.codes() == [700027]
        assert why(it) == "key-unusable"

    tell(main)


@pytest.mark.parametrize(
    ("fault", "problem"),
    [("wrong-issuer", "names the issuer 'https://elsewhere"), ("discovery-field-missing", "has no jwks_uri")],
)
def test_discovery_that_can_not_be_used_is_refused(fault: str, problem: str) -> None:
    """Entra says only that its request failed; the ladder says why."""

    async def main(it: Story) -> None:
        add(it, fault, "oidc", calls="1")
        await it.deploy()
        refused = next(event for event in it.events(TokenAnswered) if event.code)
        assert refused.code == 50166
        assert any(problem in (rung.note or "") for rung in refused.ladder)
        assert await it.ready() == [True]

    tell(main)


def test_discovery_that_names_another_issuer_is_refused() -> None:
    """Entra's own too: clients compare it with their authority."""

    async def main(it: Story) -> None:
        add(it, "wrong-issuer", "entra", issuer="https://login.elsewhere.test/")
        document = (await it.sandbox.http.get(f"{LOGIN}/v2.0/.well-known/openid-configuration")).json()
        assert document["issuer"] == "https://login.elsewhere.test/"

    tell(main)


def test_discovery_without_jwks_uri_is_refused() -> None:
    """And without any other member that a client wants."""

    async def main(it: Story) -> None:
        add(it, "discovery-field-missing", "entra", member="token_endpoint")
        document = (await it.sandbox.http.get(f"{LOGIN}/v2.0/.well-known/openid-configuration")).json()
        assert "token_endpoint" not in document
        assert "issuer" in document
        add(it, "discovery-field-missing", "entra", member="nothing-of-the-kind")
        await it.sandbox.http.get(f"{LOGIN}/v2.0/.well-known/openid-configuration")
        assert it.sandbox.faults.unfired == ["discovery-field-missing-2"]

    tell(main)


def test_a_key_rotation_without_overlap_breaks_tokens_in_use() -> None:
    """A second pod's token brings the new key; the first one's is then of a key that nobody shows."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "key-rotation", "oidc")
        await it.restart()
        assert [event.call for event in it.events(FaultFired)] == [1]
        kids = [event.token.header["kid"] for event in it.events(TokenProjected)]
        assert len(set(kids)) == 2
        assert why(it) == "jwks-stale"
        await it.sandbox.sleep(360)
        assert await it.ready() == [True]

    tell(main)
