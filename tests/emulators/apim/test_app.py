"""The configuration API as a gateway meets it."""

import gzip
from typing import Any

import httpx
import pytest
from tests.emulators.arm.cloud import (
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

from apim_emulators.apim.model import Api, Instance, Service
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.core.events import ConfigurationAnswered
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
