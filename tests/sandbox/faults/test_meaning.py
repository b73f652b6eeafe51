"""What each fault of meaning leads to, in the whole flow and in virtual time."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.sandbox.gateway.story import (
    GATEWAY_PRINCIPAL,
    READER,
    READER_ROLE,
    SERVICE,
    Changes,
    Story,
    story,
)

from apim_emulators.core.events import (
    ClockMoved,
    ConfigurationAnswered,
    ConfigurationAsked,
    FaultFired,
    IssuerFetched,
    TokenAnswered,
    TokenProjected,
)
from apim_sandbox.control.planning import FaultRequest
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.virtual import run_virtual
from apim_sandbox.world.seed import operator_of

TENANT = "11111111-1111-4111-8111-111111111111"
LOGIN = f"https://login.microsoftonline.com/{TENANT}"
INSTANCE = "https://login.microsoftonline.com/common/discovery/instance"
READER_NAME = "API Management Gateway Configuration Reader Role"


def tell(main: Callable[[Story], Awaitable[None]], changes: Changes | None = None) -> None:
    """Run `main` over the default world."""

    async def run() -> None:
        async with story(changes) as it:
            await main(it)

    run_virtual(run)


def add(it: Story, fault: str, target: str = "", /, **scope: Any) -> str:
    """Add a fault; what is no part of a scope is an argument of the fault's."""
    parts = {name: scope.pop(name) for name in ("calls", "lasting", "tenant", "gateway") if name in scope}
    return it.sandbox.add_fault(FaultRequest(fault, target, scope, **parts))


def why(it: Story) -> str:
    """The cause that `explain` names, of what is broken or was last."""
    found = explain(it.sandbox.records()) or explain(it.sandbox.records(), LAST)
    return "" if found is None else found.cause


def fired(it: Story) -> list[str]:
    return [event.fault for event in it.events(FaultFired)]


async def sign_in(it: Story) -> httpx.Response:
    """The operator asks for a token."""
    operator = operator_of(it.sandbox.world, it.sandbox.around.secrets.operator)
    form = {
        "grant_type": "client_credentials",
        "client_id": operator.client_id,
        "client_secret": operator.secret,
        "scope": "https://management.azure.com/.default",
    }
    return await it.sandbox.http.post(f"{LOGIN}/oauth2/v2.0/token", data=form)


# --- Entra


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


# --- the issuer


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


# --- ARM and Graph


def test_a_role_acts_when_it_has_propagated_to_the_tick() -> None:
    """Ten minutes after it was assigned, not a poll earlier."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "propagation-delay", "arm", object="roleAssignment")
        assigned = it.sandbox.clock.now()
        await it.assign(READER_ROLE, GATEWAY_PRINCIPAL)
        await it.sandbox.sleep(900)
        served = [
            record.at
            for record in it.sandbox.records()
            if isinstance(record.event, ConfigurationAnswered) and record.event.status == 200
        ]
        refused = [
            record.at
            for record in it.sandbox.records()
            if isinstance(record.event, ConfigurationAnswered) and record.event.status == 403
        ]
        assert max(refused) < assigned + 600 <= min(served) < assigned + 610
        assert await it.ready() == [True]

    tell(main, {READER: ""})


def test_a_credential_acts_when_it_has_propagated() -> None:
    """Graph lists it at once; Entra goes by it later."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "propagation-delay", "graph", seconds="2m", object="federatedIdentityCredential")
        path = "/v1.0/applications/44444444-4444-4444-8444-444444444444/federatedIdentityCredentials"
        subject = "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity"
        body = {
            "name": "another", "issuer": "https://oidc.sandbox.test/contoso", "subject": subject,
            "audiences": ["api://AzureADTokenExchange"],
        }  # fmt: skip
        await it.sandbox.graph("POST", path, body=body)
        await it.sandbox.sleep(100)
        assert it.codes() == [70025]
        assert len((await it.sandbox.graph("GET", path))["value"]) == 1
        await it.sandbox.sleep(60)
        assert await it.ready() == [True]

    whole = """\
          - name: apim-gateway-federated-credential
            issuer: https://oidc.sandbox.test/contoso
            subject: system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity
            audiences: [api://AzureADTokenExchange]
"""
    tell(main, {f"        federatedIdentityCredentials:\n{whole}": ""})


def test_a_revoked_role_ends_and_comes_back() -> None:
    """The gateway is refused and serves from memory; the operator still sees the assignment."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "revoked-role", role=READER_NAME, principal="apim-gateway", lasting=30.0)
        await it.sandbox.sleep(15)
        assert it.answers()[-1] == (403, "reader-not-granted")
        assert await it.call() == [200]
        path = f"{SERVICE}/providers/Microsoft.Authorization/roleAssignments"
        listed = (await it.arm("GET", path, None, "2022-04-01"))["value"]
        assert GATEWAY_PRINCIPAL in [one["properties"]["principalId"] for one in listed]
        await it.sandbox.sleep(30)
        assert await it.ready() == [True]
        assert [one.status for one in it.events(ConfigurationAnswered)][-1] == 200

    tell(main)


def test_a_validator_that_lost_its_role_is_told_apart() -> None:
    """The same 403 for the gateway, another cause in the journal."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "revoked-role", principal="service:contoso", lasting=30.0)
        await it.sandbox.sleep(15)
        assert it.answers()[-1] == (403, "validator-not-granted")

    tell(main)


# --- API Management


@pytest.mark.parametrize("how", ["cut", "garbled", "revision"])
def test_a_corrupt_snapshot_keeps_a_gateway_from_starting(how: str) -> None:
    """It asks again, and starts when the snapshot is whole."""

    async def main(it: Story) -> None:
        add(it, "corrupt-snapshot", how=how, lasting=20.0, gateway="on-prem")
        await it.deploy(seconds=15)
        assert await it.ready() == [False]
        said = [*it.lines("ConfigInitialSyncFailed"), *it.lines("ConfigurationApiV2NotAvailable")]
        assert any("the snapshot can't be read" in line for line in said)
        await it.sandbox.sleep(30)
        assert await it.ready() == [True]

    tell(main)


def test_a_stale_configuration_hides_a_change() -> None:
    """A running gateway hears nothing of a new API, and neither does one that starts; later both do."""

    async def main(it: Story) -> None:
        await it.deploy()
        stale = add(it, "stale-configuration")
        body = {"properties": {"displayName": "Two", "path": "two", "protocols": ["https"],
                               "serviceUrl": "https://echo.sandbox.test/api"}}  # fmt: skip
        await it.arm("PUT", f"{SERVICE}/apis/two", body)
        await it.arm("PUT", f"{SERVICE}/gateways/on-prem/apis/two", {})
        await it.sandbox.sleep(30)
        snapshot = {event.revision for event in it.events(ConfigurationAnswered) if event.revision}
        await it.restart()
        again = {event.revision for event in it.events(ConfigurationAnswered) if event.revision}
        assert len(snapshot) == len(again) == 1
        it.sandbox.faults.remove(stale)
        await it.sandbox.sleep(15)
        assert len({event.revision for event in it.events(ConfigurationAnswered) if event.revision}) > 1

    tell(main)


def test_a_compacted_feed_makes_a_gateway_take_a_snapshot() -> None:
    """410 to a poll, a snapshot after it, and all is well."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "feed-compacted", calls="1")
        await it.sandbox.sleep(30)
        asked = [(event.operation, event.status) for event in it.events(ConfigurationAsked)]
        at = asked.index(("events", 410))
        assert ("snapshot", 200) in asked[at:]
        assert await it.ready() == [True]

    tell(main)


def test_lost_heartbeats_leave_a_gateway_without_instances() -> None:
    """The gateway is content, the cloud has never heard of it."""

    async def main(it: Story) -> None:
        add(it, "heartbeats-lost")
        await it.deploy()
        beats = [event.status for event in it.events(ConfigurationAnswered) if event.operation == "heartbeat"]
        assert set(beats) == {204}
        assert fired(it) == ["heartbeats-lost"] * len(beats)
        shown = await it.arm("GET", f"{SERVICE}/gateways/on-prem", None, "2018-06-01-preview")
        assert shown["properties"]["heartbeat"] == []

    tell(main)


def test_a_stale_verdict_outlives_the_role_by_its_age() -> None:
    """Ten minutes after the last word of ARM, and no poll longer."""

    async def main(it: Story) -> None:
        await it.deploy()
        asked = it.sandbox.clock.now()
        add(it, "stale-authorization", seconds="10m")
        await it.revoke(GATEWAY_PRINCIPAL)
        await it.sandbox.sleep(700)
        refused = [
            record.at
            for record in it.sandbox.records()
            if isinstance(record.event, ConfigurationAnswered) and record.event.status == 403
        ]
        assert asked + 590 <= refused[0] <= asked + 610

    tell(main)


# --- webhook, cluster, clocks


def test_a_webhook_that_denies_keeps_pods_from_being_made() -> None:
    """Its words are in the cluster's events; when it has done with it, the pod comes."""

    async def main(it: Story) -> None:
        add(it, "webhook-denies", message="no rights", lasting=20.0)
        await it.deploy(seconds=10)
        assert await it.pods() == []
        assert any("no rights" in event.message for event in await it.sandbox.cluster.events())
        await it.sandbox.sleep(120)
        assert await it.ready() == [True]

    tell(main)


def test_plain_http_at_the_webhook_is_told_in_the_api_servers_words() -> None:
    """Go's, not OpenSSL's: people search for them."""

    async def main(it: Story) -> None:
        add(it, "plain-http", "webhook")
        await it.deploy(seconds=10)
        words = "server gave HTTP response to HTTPS client"
        assert any(words in event.message for event in await it.sandbox.cluster.events())
        assert why(it) == "webhook-not-https"

    tell(main)


def test_a_token_that_is_not_renewed_expires() -> None:
    """The kubelet warns and keeps the old file; Entra refuses it once it has expired."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "renewal-fails", message="the server is gone")
        await it.sandbox.sleep(7500)  # the second access token can't be had: the file's token has expired
        assert all(not event.renewal for event in it.events(TokenProjected))
        assert any("the server is gone" in event.message for event in await it.sandbox.cluster.events())
        assert it.codes() == [700024]

    tell(main)


def test_a_clock_is_skewed_for_as_long_as_the_fault_lasts() -> None:
    """Two at one actor add up; each ends at its own moment, and the journal tells of every change."""

    async def main(it: Story) -> None:
        clock, entra = it.sandbox.clock, it.sandbox.clock.for_actor("entra")
        add(it, "skewed-clock", "entra", seconds="-10m", lasting=60.0)
        add(it, "skewed-clock", "entra", seconds=5, lasting=90.0)
        assert entra.now() - clock.now() == pytest.approx(-595)
        await it.sandbox.sleep(60)
        assert entra.now() - clock.now() == pytest.approx(5)
        await it.sandbox.sleep(30)
        assert entra.now() == clock.now()
        await it.sandbox.sleep(1)
        moves = [(event.actor, event.skew) for event in it.events(ClockMoved)]
        assert moves == [("entra", -600.0), ("entra", -595.0), ("entra", 5.0), ("entra", 0.0)]
        assert fired(it) == ["skewed-clock", "skewed-clock"]

    tell(main)


def test_a_skewed_clock_is_explained() -> None:
    """Entra's clock is what is wrong, and the explanation says so."""

    async def main(it: Story) -> None:
        add(it, "skewed-clock", "entra", seconds="3h")
        await it.deploy()
        assert it.codes() == [700024]
        assert why(it) == "clock-skew"

    tell(main)
