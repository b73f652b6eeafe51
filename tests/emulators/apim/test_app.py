"""The configuration API as a gateway meets it."""

import gzip
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from tests.emulators.arm.cloud import (
    APIM_VERSION,
    CONFIGURATION_HOST,
    GATEWAY,
    GROUP,
    NOW,
    READER,
    SECRET,
    SERVICE,
    STRANGER,
    TENANT,
    Cloud,
)

from apim_emulators.apim.gateway_tokens import make_token
from apim_emulators.apim.model import Api, GatewayKeys, Instance, Service
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.events import ConfigurationAnswered, EventGridPublished
from apim_emulators.core.ids import derived_uuid
from apim_emulators.core.keys import signing_key
from apim_emulators.core.vocabulary import CONFIGURATION_AUDIENCE

pytestmark = pytest.mark.anyio
BASE = f"https://{CONFIGURATION_HOST}"
ECHO = {
    "name": "echo-api",
    "path": "echo",
    "serviceUrl": "https://echo.sandbox.test/api",
    "protocols": ["https"],
    "displayName": "Echo API",
    "operations": [],
}
ON_PREM = {
    "name": "on-prem",
    "serviceName": "contoso",
    "description": "the gateway at home",
    "locationData": {"name": "sandbox", "city": None, "district": None, "countryOrRegion": None},
    "identity": {"type": "systemAssigned", "clientId": derived_uuid("contoso", "client"), "tenantId": TENANT},
}


def last(cloud: Cloud) -> ConfigurationAnswered:
    told: ConfigurationAnswered = cloud.events(ConfigurationAnswered)[-1]
    return told


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_snapshot_holds_the_gateway_and_its_apis(cloud: Cloud) -> None:
    """Gzipped for who takes it, with the revision as ETag."""
    answer = await cloud.poll()
    body = answer.json()
    revision = body["revision"]
    assert body == {
        "revision": revision,
        "serviceName": "contoso",
        "gatewayId": "on-prem",
        "entities": [{"entity": "gateway", "data": ON_PREM}, {"entity": "apis/echo-api", "data": ECHO}],
    }
    assert (answer.headers["content-encoding"], answer.headers["etag"]) == ("gzip", f'"{revision}"')
    assert answer.headers["x-sandbox-provenance"] == "assumed; id=apim-snapshot"

    plain = await cloud.poll(headers={"accept-encoding": "identity"})
    assert ("content-encoding" not in plain.headers, plain.json()) == (True, body)
    unchanged = await cloud.poll(headers={"if-none-match": f'"{revision}"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_a_snapshot_repeats_byte_for_byte(cloud: Cloud) -> None:
    """No time in the gzip header: equal runs, equal bytes."""
    first, second = [
        b"".join([chunk async for chunk in answer.aiter_raw()])
        for answer in [await streamed(cloud), await streamed(cloud)]
    ]
    assert first == second
    assert gzip.decompress(first).startswith(b'{"revision"')


async def streamed(cloud: Cloud) -> httpx.Response:
    token = cloud.entra.issue(READER, CONFIGURATION_AUDIENCE)
    request = cloud.http.build_request(
        "GET", f"{BASE}/gateways/on-prem/snapshot", headers={"authorization": f"Bearer {token}"}
    )
    return await cloud.http.send(request, stream=True)


async def test_events_after_a_revision_are_the_changes_since(cloud: Cloud) -> None:
    """Nothing new is an empty page; then upserts and deletions, page by page."""
    start = (await cloud.poll()).json()["revision"]
    nothing = await cloud.poll(f"/gateways/on-prem/events?$top=100&$skiptoken={start}")
    assert nothing.json() == {"value": [], "nextSkipToken": start}

    cloud.apim.put_api(Api(SERVICE, "users", "users", "https://echo.sandbox.test/users"))
    cloud.apim.assign_api(GATEWAY, "users")
    cloud.apim.unassign_api(GATEWAY, "echo-api")
    first = (await cloud.poll(f"/gateways/on-prem/events?$top=1&$skiptoken={start}")).json()
    second = (await cloud.poll(f"/gateways/on-prem/events?$top=1&$skiptoken={first['nextSkipToken']}")).json()
    users = ECHO | {
        "name": "users", "path": "users", "displayName": "users", "serviceUrl": "https://echo.sandbox.test/users",
    }  # fmt: skip
    assert [*first["value"], *second["value"]] == [
        {"revision": first["nextSkipToken"], "entity": "apis/users", "operation": "upsert", "data": users},
        {"revision": second["nextSkipToken"], "entity": "apis/echo-api", "operation": "delete", "data": None},
    ]
    assert second["nextSkipToken"] == (await cloud.poll()).json()["revision"]


async def test_a_skiptoken_behind_the_feed_gets_410() -> None:
    """The feed is as long as the setting says; a snapshot helps."""
    cloud = Cloud(apim_settings=ApimSettings(SECRET, compaction_length=1))
    async with cloud.http:
        answer = await cloud.poll("/gateways/on-prem/events?$skiptoken=00000000")
        assert refused(answer) == (410, "SnapshotRequired")
        assert last(cloud).cause == "snapshot-required"
        revision = (await cloud.poll()).json()["revision"]
        assert (await cloud.poll(f"/gateways/on-prem/events?$skiptoken={revision}")).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "$skiptoken=xyz",
        "$skiptoken=000006FE",
        "$skiptoken=",
        "$top=0",
        "$top=-1",
        "$top=a",
        "$top=1.5",
        "$top=²",
    ],
)
async def test_wrong_paging_is_refused(cloud: Cloud, query: str) -> None:
    """400 that names the parameter."""
    answer = await cloud.poll(f"/gateways/on-prem/events?{query}")
    assert refused(answer) == (400, "BadRequest")
    assert answer.json()["error"]["message"].startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    "path", ["///gateways//on-prem///events", "/gateways/on-prem/events/", "/gateways/ON-PREM/events"]
)
async def test_repeated_slashes_count_as_one(cloud: Cloud, path: str) -> None:
    """As the real service was seen to do; names in any case."""
    assert (await cloud.poll(path)).status_code == 200


def broken(cloud: Cloud, how: str) -> str:
    """An `Authorization` header with one thing wrong."""
    issue = cloud.entra.issue
    good = issue(READER, CONFIGURATION_AUDIENCE)
    other_tenant = derived_uuid("other tenant")
    header, payload, signature = good.split(".")
    own = cloud.entra.key
    cloud.entra.key = signing_key(cloud.keys.rsa("thief"), own.kid)
    forged = issue(READER, CONFIGURATION_AUDIENCE)
    cloud.entra.key = signing_key(cloud.keys.rsa("thief"), "unknown-kid")
    unknown = issue(READER, CONFIGURATION_AUDIENCE)
    cloud.entra.key = own
    return {
        "basic": "Basic abc",
        "empty": "Bearer ",
        "two parts": f"Bearer {header}.{payload}",
        "padded": f"Bearer {header}.{payload}.{signature}=",
        "no oid": f"Bearer {issue(READER, CONFIGURATION_AUDIENCE, oid=None)}",
        "audience": f"Bearer {issue(READER, 'https://management.azure.com')}",
        "issuer": f"Bearer {issue(READER, CONFIGURATION_AUDIENCE, iss='https://evil.example/')}",
        "tenant": "Bearer "
        + issue(
            READER, CONFIGURATION_AUDIENCE, tid=other_tenant, iss=f"https://sts.windows.net/{other_tenant}/"
        ),
        "expired": f"Bearer {issue(READER, CONFIGURATION_AUDIENCE, exp=NOW - 300)}",
        "early": f"Bearer {issue(READER, CONFIGURATION_AUDIENCE, nbf=NOW + 301)}",
        "forged": f"Bearer {forged}",
        "unknown key": f"Bearer {unknown}",
    }[how]


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("basic", "token-missing"),
        ("empty", "token-missing"),
        ("two parts", "token-malformed"),
        ("padded", "token-malformed"),
        ("no oid", "token-malformed"),
        ("audience", "token-audience"),
        ("issuer", "token-issuer"),
        ("tenant", "token-issuer"),
        ("expired", "token-expired"),
        ("early", "token-not-yet-valid"),
        ("forged", "token-signature"),
        ("unknown key", "token-key"),
    ],
)
async def test_every_broken_token_is_refused_with_401(cloud: Cloud, how: str, cause: str) -> None:
    """One body outside, the cause in the journal, never a signature."""
    answer = await cloud.poll(headers={"authorization": broken(cloud, how)})
    assert (answer.status_code, answer.json(), answer.headers["www-authenticate"]) == (
        401,
        {"error": {"code": "Unauthorized", "message": "The request is not authenticated.", "details": None}},
        "Bearer",
    )
    assert (last(cloud).cause, last(cloud).reader, last(cloud).validator) == (cause, None, None)


async def test_a_version_2_token_is_taken_too(cloud: Cloud) -> None:
    """Issuer and application claim of the v2.0 shape."""
    issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    token = cloud.entra.issue(READER, CONFIGURATION_AUDIENCE, iss=issuer, ver="2.0", appid=None, azp="x")
    answer = await cloud.poll(headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, last(cloud).caller) == (200, READER)


async def test_a_token_that_was_good_is_still_checked_for_its_time(cloud: Cloud) -> None:
    """Verified tokens are remembered, not for ever."""
    header = {"authorization": f"Bearer {cloud.entra.issue(READER, CONFIGURATION_AUDIENCE)}"}
    assert (await cloud.poll(headers=header)).status_code == 200
    cloud.clock.moment += 3599 + 300
    answer = await cloud.poll(headers=header)
    assert (answer.status_code, last(cloud).cause) == (401, "token-expired")


async def test_a_new_key_of_entra_is_fetched_when_a_token_names_it(cloud: Cloud) -> None:
    """Rollover: the next poll after it goes through, without a restart."""
    assert (await cloud.poll()).status_code == 200
    cloud.entra.key = signing_key(cloud.keys.rsa("entra's next"), "next")
    cloud.clock.moment += 10
    assert (await cloud.poll()).status_code == 200
    token = last(cloud).token
    assert token is not None
    assert token.header["kid"] == "next"


async def test_an_unknown_gateway_is_404(cloud: Cloud) -> None:
    """Said before RBAC is asked; so is an unknown host."""
    answer = await cloud.poll("/gateways/=on-prem/events")
    assert (refused(answer), last(cloud).cause) == ((404, "GatewayNotFound"), "gateway-unknown")
    answer = await cloud.poll(headers={"host": "fabrikam.configuration.azure-api.net"})
    assert (refused(answer), last(cloud).cause) == ((404, "ServiceNotFound"), "service-unknown")


async def test_a_gateway_of_another_service_is_unknown_here(cloud: Cloud) -> None:
    """Names are per service."""
    cloud.apim.put_service(Service(f"{GROUP}/providers/Microsoft.ApiManagement/service/fabrikam", TENANT))
    answer = await cloud.poll(headers={"host": "fabrikam.configuration.azure-api.net"})
    assert refused(answer) == (404, "GatewayNotFound")


async def test_a_v1_path_on_the_v2_host_is_nothing(cloud: Cloud) -> None:
    """A reported mistake: the old endpoint's path behind the new host."""
    answer = await cloud.poll(f"{SERVICE}?api-version=2021-01-01-preview")
    assert (refused(answer), last(cloud).cause) == ((404, "NotFound"), "v1-path")


async def test_head_and_options_behave(cloud: Cloud) -> None:
    """HEAD is GET without the body; OPTIONS tells the methods; others are 405."""
    got, head = await cloud.poll(), await cloud.poll(method="HEAD")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got.headers["etag"])
    options = await cloud.poll("/gateways/on-prem/heartbeat", method="OPTIONS")
    assert (options.status_code, options.headers["allow"]) == (204, "POST, OPTIONS")
    answer = await cloud.poll("/gateways/on-prem/events", method="DELETE")
    assert (refused(answer), answer.headers["allow"]) == ((405, "MethodNotAllowed"), "GET, HEAD, OPTIONS")


async def beat(cloud: Cloud, body: Any, **options: Any) -> httpx.Response:
    return await cloud.poll("/gateways/on-prem/heartbeat", method="POST", json=body, **options)


async def test_a_heartbeat_makes_an_instance_known(cloud: Cloud) -> None:
    """Until it has been silent for as long as the setting says."""
    body = {"instanceId": "pod-1", "version": "2.11.1", "revision": "00000009"}
    answer = await beat(cloud, body)
    assert (answer.status_code, last(cloud).instance, last(cloud).revision) == (204, "pod-1", "00000009")
    seen = [Instance("pod-1", GATEWAY, "2.11.1", "00000009", NOW)]
    assert cloud.apim.instances(GATEWAY, NOW + 179) == seen
    assert cloud.apim.instances(GATEWAY, NOW + 180) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"instanceId": ""}, 400),
        ({"instanceId": 5}, 400),
        ([], 400),
        ({"instanceId": "x" * 129}, 400),
        ({"instanceId": "x", "padding": "x" * 20_000}, 413),
    ],
)
async def test_what_is_no_heartbeat_is_refused(cloud: Cloud, body: Any, status: int) -> None:
    """And leaves no instance behind."""
    assert (await beat(cloud, body)).status_code == status
    assert cloud.apim.instances(GATEWAY, NOW) == []


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b'"' + b"[" * 5000])
async def test_a_heartbeat_that_is_no_json_is_refused(cloud: Cloud, content: bytes) -> None:
    """400, whatever the bytes."""
    answer = await cloud.poll("/gateways/on-prem/heartbeat", method="POST", content=content)
    assert refused(answer) == (400, "BadRequest")


async def test_a_heartbeat_takes_the_same_rights(cloud: Cloud) -> None:
    """A stranger's tells nothing."""
    assert (await beat(cloud, {"instanceId": "x"}, by=STRANGER)).status_code == 403
    assert cloud.apim.instances(GATEWAY, NOW) == []


async def test_the_gateways_request_id_comes_back(cloud: Cloud) -> None:
    """So that both sides' journals can be joined; without one it gets one."""
    mine = derived_uuid("request")
    answer = await cloud.poll(headers={"x-ms-client-request-id": mine})
    assert (answer.headers["x-ms-request-id"], last(cloud).request_id) == (mine, mine)
    answer = await cloud.poll()
    assert answer.headers["x-ms-request-id"] == last(cloud).request_id != ""


async def test_a_custom_host_name_and_a_default_service(cloud: Cloud) -> None:
    """A service's further host names are its own; by address the default service answers."""
    service = Service(SERVICE, TENANT, host_names=("config.contoso.example",))
    cloud.apim.put_service(service)
    assert cloud.apim.service_of_host("Config.Contoso.Example.") == service
    assert cloud.apim.service_of_host("localhost") is None
    cloud.apim.settings = ApimSettings(SECRET, default_service="contoso")
    assert cloud.apim.service_of_host("localhost") == service
    assert cloud.apim.service_of_host("fabrikam.configuration.azure-api.net") is None


def with_token(cloud: Cloud, lifetime: float, key: str = "key-1") -> str:
    cloud.apim.put_keys(GATEWAY, GatewayKeys(key, "key-2"))
    return f"GatewayKey {make_token('on-prem', NOW + lifetime, 'key-1')}"


async def test_a_gateway_token_near_its_end_and_past_it_is_told_to_event_grid(cloud: Cloud) -> None:
    """Once each, under Event Grid's names, however often it is used; nothing before seven days of its end."""
    headers = {"authorization": with_token(cloud, 8 * 86400.0)}
    beat = {"instanceId": "pod-1", "version": "2.11.1", "revision": "00000001"}
    statuses = []
    for days in (0, 1, 2, 7.9, 8, 9):
        cloud.clock.moment = NOW + days * 86400
        sent = await cloud.http.post(f"{BASE}/gateways/on-prem/heartbeat", headers=headers, json=beat)
        statuses.append(sent.status_code)
        await cloud.http.get(f"{BASE}/gateways/on-prem/snapshot", headers=headers)
    assert statuses == [204, 204, 204, 204, 401, 401]
    near, gone = cloud.events(EventGridPublished)
    assert (near.type, gone.type) == (
        "Microsoft.ApiManagement.GatewayTokenNearExpiry",
        "Microsoft.ApiManagement.GatewayTokenExpired",
    )
    assert near.data["gateway"] == {"gatewayId": GATEWAY, "instanceId": ""}
    assert [next(iter(event.data["token"].values())) for event in (near, gone)] == [
        rfc3339(NOW + 8 * 86400.0)
    ] * 2


async def test_a_token_of_a_regenerated_key_is_told_to_nobody(cloud: Cloud) -> None:
    """A bad signature says nothing about a token's end."""
    headers = {"authorization": with_token(cloud, 86400.0, key="another key")}
    answer = await cloud.http.get(f"{BASE}/gateways/on-prem/snapshot", headers=headers)
    assert (answer.status_code, last(cloud).cause) == (401, "gateway-token-signature")
    assert cloud.events(EventGridPublished) == []


async def test_too_many_requests_in_a_minute_are_throttled() -> None:
    """429 with Retry-After, and again as many when the minute has gone; other gateways are not concerned."""
    cloud = Cloud(apim_settings=ApimSettings(SECRET, requests_per_minute=2))
    statuses = []
    for _ in range(3):
        answer = await cloud.poll()
        statuses.append(answer.status_code)
        cloud.clock.moment += 10
    assert statuses == [200, 200, 429]
    assert (answer.headers["retry-after"], last(cloud).cause) == ("40", "throttled")
    assert refused(await cloud.poll("/gateways/other/snapshot")) == (404, "GatewayNotFound")
    cloud.clock.moment += 40
    assert (await cloud.poll()).status_code == 200
    await cloud.http.aclose()


@pytest.mark.parametrize(
    ("switch", "status", "cause"),
    [("Enabled", 400, "legacy-api-retired"), ("Disabled", 403, "legacy-api-disabled")],
)
async def test_version_1_answers_nobody(cloud: Cloud, switch: Any, status: int, cause: str) -> None:
    """Row 41 of the reports: version 1's URL gives a 400 at every poll; the switch makes it a 403."""
    service = cloud.apim.service(SERVICE)
    assert service is not None
    cloud.apim.put_service(replace(service, legacy_api=switch))
    old = "contoso.management.azure-api.net"
    cloud.routes.apps[old] = cloud.routes.apps[CONFIGURATION_HOST]
    answer = await cloud.http.get(f"https://{old}{SERVICE}/gateways/on-prem?api-version=2019-12-01")
    assert (answer.status_code, last(cloud).cause) == (status, cause)


async def test_a_custom_host_name_reaches_its_service(cloud: Cloud) -> None:
    """Given through ARM; taken away again; nobody else may have it."""
    custom = "gateways.sandbox.test"
    cloud.routes.apps[custom] = cloud.routes.apps[CONFIGURATION_HOST]
    token = cloud.entra.issue(READER, CONFIGURATION_AUDIENCE)

    async def statuses(*hosts: str) -> list[int]:
        names = [{"type": "Proxy", "hostName": "api.sandbox.test"}]
        names += [{"type": "ConfigurationApi", "hostName": host} for host in hosts]
        body = {
            "location": "westeurope", "sku": {"name": "Developer"}, "identity": {"type": "SystemAssigned"},
            "properties": {"publisherEmail": "a@b.example", "publisherName": "x",
                           "hostnameConfigurations": names},
        }  # fmt: skip
        put = await cloud.ask("PUT", SERVICE, version=APIM_VERSION, json=body)
        got = await cloud.http.get(
            f"https://{custom}/gateways/on-prem/snapshot", headers={"authorization": f"Bearer {token}"}
        )
        return [put.status_code, got.status_code]

    assert await statuses(CONFIGURATION_HOST) == [200, 404]
    assert await statuses(CONFIGURATION_HOST, custom) == [200, 200]
    assert cloud.apim.has_custom_host(custom)
    shown = (await cloud.ask("GET", SERVICE, version=APIM_VERSION)).json()["properties"]
    assert shown["hostnameConfigurations"] == [
        {"type": "ConfigurationApi", "hostName": CONFIGURATION_HOST},
        {"type": "ConfigurationApi", "hostName": custom},
        {"type": "Proxy", "hostName": "api.sandbox.test"},
    ]
    assert await statuses() == [200, 404]
    assert (await statuses("other.configuration.azure-api.net"))[0] == 400


async def test_a_host_name_of_an_unknown_kind_is_refused(cloud: Cloud) -> None:
    """ValidationError with the kinds that there are; a PATCH of something else leaves them."""
    wrong = {"properties": {"hostnameConfigurations": [{"type": "Gateway", "hostName": "a.test"}]}}
    answer = await cloud.ask("PATCH", SERVICE, version=APIM_VERSION, json=wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ValidationError")
    assert "'ConfigurationApi', 'Proxy'" in answer.json()["error"]["message"]
    portal = {"properties": {"hostnameConfigurations": [{"type": "Portal", "hostName": "portal.test"}]}}
    await cloud.ask("PATCH", SERVICE, version=APIM_VERSION, json=portal)
    tagged = await cloud.ask("PATCH", SERVICE, version=APIM_VERSION, json={"tags": {"a": "b"}})
    names = tagged.json()["properties"]["hostnameConfigurations"]
    assert names[1:] == [{"type": "Portal", "hostName": "portal.test"}]
