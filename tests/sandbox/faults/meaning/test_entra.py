"""Faults of Entra, each in the whole flow."""

import pytest
from tests.sandbox.faults.telling import INSTANCE, LOGIN, add, fired, sign_in, tell, why
from tests.sandbox.gateway.story import Story

from apim_emulators.core.events import IssuerFetched, TokenAnswered


def test_a_transient_error_is_entras_own_and_passes() -> None:
    """The gateway waits for Entra, and is ready once the outage is over."""

    async def main(it: Story) -> None:
        add(it, "entra-transient", lasting=60.0)
        await it.deploy()
        assert await it.ready() == [False]
        refused = it.events(TokenAnswered)[0]
        assert (refused.status, refused.code, refused.cause) == (503, 90033, "entra-transient")
        await it.sandbox.sleep(60)
        assert await it.ready() == [True]

    tell(main)


def test_a_transient_error_says_when_to_come_again() -> None:
    """Where the fault has a Retry-After; a tenant that it does not name is not concerned."""

    async def main(it: Story) -> None:
        add(it, "entra-transient", tenant="contoso.onmicrosoft.com", retry_after=7, code=90024)
        answer = await sign_in(it)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
        assert answer.json()["error_codes"] == [90024]
        it.sandbox.faults.clear()
        add(it, "entra-transient", tenant="fabrikam.onmicrosoft.com")
        assert (await sign_in(it)).status_code == 200

    tell(main)


def test_loop_detection_stops_a_client_that_repeats_itself() -> None:
    """The third equal request within the window is one too many; it fires there and not before."""

    async def main(it: Story) -> None:
        add(it, "loop-detection", limit=2, window="1m")
        assert [(await sign_in(it)).status_code for _ in range(2)] == [200, 200]
        assert fired(it) == []
        answer = await sign_in(it)
        assert answer.json()["error_codes"] == [50196]
        assert fired(it) == ["loop-detection"]
        await it.sandbox.sleep(60)
        assert (await sign_in(it)).status_code == 200

    tell(main)


@pytest.mark.parametrize(("retry_after", "header"), [(60, "60"), (None, None)])
def test_too_many_requests_get_plain_text(retry_after: int | None, header: str | None) -> None:
    """429 that is no JSON, with Retry-After or without; the window passes."""

    async def main(it: Story) -> None:
        add(it, "too-many-requests", limit=1, window=60, retry_after=retry_after)
        assert (await sign_in(it)).status_code == 200
        answer = await sign_in(it)
        assert (answer.status_code, answer.text) == (429, "Too Many Requests")
        assert answer.headers.get("retry-after") == header
        await it.sandbox.sleep(60)
        assert (await sign_in(it)).status_code == 200

    tell(main)


def test_too_many_requests_can_be_told_as_json() -> None:
    """AADSTS90055, with the header as well."""

    async def main(it: Story) -> None:
        add(it, "too-many-requests", form="json", retry_after=5)
        await sign_in(it)
        answer = await sign_in(it)
        assert answer.json()["error_codes"] == [90055]
        assert answer.headers["retry-after"] == "5"

    tell(main)


def test_stale_keys_refuse_a_token_of_a_new_key() -> None:
    """Entra would have asked again an hour later; held to its old keys, it does not know the new one."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "stale-jwks")
        add(it, "key-rotation", "oidc")
        await it.sandbox.sleep(7500)
        assert fired(it).count("key-rotation") == 1
        assert "stale-jwks" in fired(it)
        assert it.codes() == [7000272]
        assert len([one for one in it.events(IssuerFetched) if one.document == "jwks"]) == 1
        assert why(it) == "jwks-stale"

    tell(main)


def test_a_token_answer_can_lack_a_member_or_give_it_as_text() -> None:
    """As clients were seen to stumble over."""

    async def main(it: Story) -> None:
        for member in ("token_type", "expires_in", "access_token"):
            add(it, "token-answer", member=member)
            body = (await sign_in(it)).json()
            assert member not in body
            assert len(body) == 3
            it.sandbox.faults.clear()
        add(it, "token-answer", member="refresh_in", how="text")
        assert (await sign_in(it)).json()["refresh_in"] == str(3599 // 2)

    tell(main)


def test_a_token_answer_without_a_token_is_told_by_the_gateway() -> None:
    """The gateway can't use it, says so, and tries again."""

    async def main(it: Story) -> None:
        add(it, "token-answer", member="access_token", calls="1")
        await it.deploy(seconds=5)
        assert await it.ready() == [False]
        await it.sandbox.sleep(60)
        assert await it.ready() == [True]

    tell(main)


def test_instance_discovery_can_name_another_host() -> None:
    """Clients follow the preferred network; without a host the instance is unknown."""

    async def main(it: Story) -> None:
        params = {"api-version": "1.1", "authorization_endpoint": f"{LOGIN}/oauth2/v2.0/authorize"}
        add(it, "wrong-instance", host="login.elsewhere.test")
        body = (await it.sandbox.http.get(INSTANCE, params=params)).json()
        assert body["metadata"][0]["preferred_network"] == "login.elsewhere.test"
        assert body["tenant_discovery_endpoint"].startswith("https://login.elsewhere.test/")
        it.sandbox.faults.clear()
        add(it, "wrong-instance")
        refused = await it.sandbox.http.get(INSTANCE, params=params)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_instance")

    tell(main)


def test_entras_own_key_can_be_rotated_without_overlap() -> None:
    """API Management no longer knows who signed the gateway's token; the gateway signs in anew."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "key-rotation", "entra")
        await sign_in(it)
        assert fired(it) == ["key-rotation"]
        keys = (await it.sandbox.http.get(f"{LOGIN}/discovery/v2.0/keys")).json()["keys"]
        assert len(keys) == 1
        await it.sandbox.sleep(120)
        assert await it.ready() == [True]

    tell(main)
