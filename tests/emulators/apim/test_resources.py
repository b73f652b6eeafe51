"""Microsoft.ApiManagement through ARM, as its clients see it."""

from typing import Any

import httpx
import pytest
from tests.emulators.arm.cloud import (
    APIM_VERSION,
    CONFIGURATION_HOST,
    GATEWAY,
    GROUP,
    NOW,
    OPERATOR,
    ROOT,
    SERVICE,
    TENANT,
    VALIDATOR,
    Cloud,
)

from apim_emulators.apim.gateway_tokens import LONGEST
from apim_emulators.apim.model import Instance
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.events import ConfigurationAnswered, ResourceChanged
from apim_emulators.core.ids import derived_uuid

pytestmark = pytest.mark.anyio
NEW = f"{SERVICE}/gateways/cloud-edge"
PROPERTIES = {"locationData": {"name": "Berlin", "city": "Berlin"}, "description": "second"}


async def ask(cloud: Cloud, method: str, path: str, **options: Any) -> httpx.Response:
    return await cloud.ask(method, path, version=APIM_VERSION, **options)


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_gateway_is_made_changed_and_deleted(cloud: Cloud) -> None:
    """201, then 200; PATCH and DELETE with If-Match; 204 when it is gone."""
    made = await ask(cloud, "PUT", NEW, json={"properties": PROPERTIES})
    body = {
        "id": NEW,
        "type": "Microsoft.ApiManagement/service/gateways",
        "name": "cloud-edge",
        "properties": {
            "locationData": {"name": "Berlin", "city": "Berlin", "district": None, "countryOrRegion": None},
            "description": "second",
        },
    }
    assert (made.status_code, made.json()) == (201, body)
    head = await ask(cloud, "HEAD", NEW)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", made.headers["etag"])
    patched = await ask(
        cloud, "PATCH", NEW, json={"properties": {"description": "third"}}, headers={"if-match": "*"}
    )
    assert patched.json()["properties"] == body["properties"] | {"description": "third"}  # type: ignore[operator]
    assert (await ask(cloud, "DELETE", NEW, headers={"if-match": patched.headers["etag"]})).status_code == 200
    assert (await ask(cloud, "DELETE", NEW, headers={"if-match": "*"})).status_code == 204
    assert error(await ask(cloud, "GET", NEW)) == (404, "ResourceNotFound")
    assert [(event.type, event.change, event.by) for event in cloud.events(ResourceChanged)] == [
        ("gateway", "created", OPERATOR), ("gateway", "updated", OPERATOR), ("gateway", "deleted", OPERATOR),
    ]  # fmt: skip


async def test_if_match_guards_what_it_must(cloud: Cloud) -> None:
    """400 without it where it is required, 412 with a stale one; nothing changes."""
    stale = (await ask(cloud, "GET", GATEWAY)).headers["etag"]
    await ask(cloud, "PUT", GATEWAY, json={"properties": PROPERTIES})
    revision = cloud.apim.store.revision
    for method in ("PATCH", "DELETE"):
        assert error(await ask(cloud, method, GATEWAY, json={})) == (400, "MissingOrIncorrectIfMatchHeader")
        refused = await ask(cloud, method, GATEWAY, json={}, headers={"if-match": stale})
        assert error(refused) == (412, "PreconditionFailed")
    assert error(await ask(cloud, "PUT", GATEWAY, json={}, headers={"if-match": stale})) == (
        412, "PreconditionFailed",
    )  # fmt: skip
    assert cloud.apim.store.revision == revision


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{SERVICE}/gateways/managed", {}),
        (f"{SERVICE}/gateways/{'x' * 81}", {}),
        (NEW, {"properties": {"locationData": {}}}),
        (NEW, {"properties": 5}),
        (NEW, []),
        (f"{SERVICE}/apis/a*b", {"properties": {"displayName": "x", "path": "x"}}),
        (f"{SERVICE}/apis/second", {"properties": {"displayName": "Second", "path": "/echo/"}}),
        (f"{SERVICE}/apis/second", {"properties": {"displayName": "x", "path": "x", "protocols": ["ftp"]}}),
        (f"{GROUP}/providers/Microsoft.ApiManagement/service/1x", {"location": "x"}),
        (f"{GROUP}/providers/Microsoft.ApiManagement/service/x", {"location": "x", "sku": {"name": "Tiny"}}),
    ],
)
async def test_a_wrong_entity_is_refused(cloud: Cloud, path: str, body: Any) -> None:
    """ValidationError; nothing changes."""
    revision = cloud.apim.store.revision
    assert error(await ask(cloud, "PUT", path, json=body)) == (400, "ValidationError")
    assert cloud.apim.store.revision == revision


async def test_lists_are_paged(cloud: Cloud) -> None:
    """`$top`, `$skip` and a nextLink that leads on, by ARM's own name."""
    for name in ("b", "c"):
        await ask(cloud, "PUT", f"{SERVICE}/gateways/{name}", json={"properties": PROPERTIES})
    url, names = f"{SERVICE}/gateways", []
    page = (await ask(cloud, "GET", url, params={"$top": "2"})).json()
    names += [item["name"] for item in page["value"]]
    assert page["nextLink"].startswith("https://management.azure.com/subscriptions/")
    token = cloud.entra.issue(OPERATOR, "https://management.azure.com")
    page = (await cloud.http.get(page["nextLink"], headers={"authorization": f"Bearer {token}"})).json()
    names += [item["name"] for item in page["value"]]
    assert (names, "nextLink" in page) == (["on-prem", "b", "c"], False)
    assert error(await ask(cloud, "GET", url, params={"$top": "x"})) == (400, "ValidationError")


async def token(cloud: Cloud, key: str = "primary", seconds: float = 3600) -> httpx.Response:
    body = {"keyType": key, "expiry": rfc3339(NOW + seconds)}
    return await ask(cloud, "POST", f"{GATEWAY}/generateToken", json=body)


async def poll(cloud: Cloud, value: str) -> tuple[int, str]:
    answer = await cloud.http.get(
        f"https://{CONFIGURATION_HOST}/gateways/on-prem/snapshot",
        headers={"authorization": f"GatewayKey {value}"},
    )
    return answer.status_code, cloud.events(ConfigurationAnswered)[-1].cause


async def test_a_gateway_token_opens_the_configuration(cloud: Cloud) -> None:
    """Without any role; until it expires or its key is regenerated, and only with that key."""
    primary, secondary = (
        (await token(cloud)).json()["value"],
        (await token(cloud, "secondary")).json()["value"],
    )
    assert await poll(cloud, primary) == (200, "")
    regenerated = await ask(cloud, "POST", f"{GATEWAY}/regenerateKey", json={"keyType": "primary"})
    assert regenerated.status_code == 204
    assert await poll(cloud, primary) == (401, "gateway-token-signature")
    assert await poll(cloud, secondary) == (200, "")
    cloud.clock.moment += 3600
    assert await poll(cloud, secondary) == (401, "gateway-token-expired")


async def test_a_raw_key_is_no_token(cloud: Cloud) -> None:
    """A reported mistake: what listKeys gives, used as it is."""
    keys = (await ask(cloud, "POST", f"{GATEWAY}/listKeys")).json()
    assert sorted(keys) == ["primary", "secondary"]
    assert await poll(cloud, keys["primary"]) == (401, "gateway-token-malformed")


@pytest.mark.parametrize(("seconds", "status"), [(LONGEST, 200), (LONGEST + 1, 400), (0, 400), (-1, 400)])
async def test_a_token_lives_for_thirty_days_at_most(cloud: Cloud, seconds: float, status: int) -> None:
    """And ends in the future."""
    assert (await token(cloud, seconds=seconds)).status_code == status


async def test_an_api_is_made_and_given_to_a_gateway(cloud: Cloud) -> None:
    """Through ARM into the gateway's feed."""
    api = f"{SERVICE}/apis/users"
    body = {
        "properties": {"displayName": "Users", "path": "users", "serviceUrl": "https://echo.sandbox.test/u"}
    }
    assert (await ask(cloud, "PUT", api, json=body)).status_code == 201
    operation = {"properties": {"displayName": "Get", "method": "get", "urlTemplate": "/{id}"}}
    assert (await ask(cloud, "PUT", f"{api}/operations/get", json=operation)).status_code == 201
    assert error(await ask(cloud, "GET", f"{GATEWAY}/apis/users")) == (404, "ResourceNotFound")
    assert (await ask(cloud, "PUT", f"{GATEWAY}/apis/users")).status_code == 201
    assert (await ask(cloud, "PUT", f"{GATEWAY}/apis/users")).status_code == 200
    assert (await ask(cloud, "HEAD", f"{GATEWAY}/apis/users")).status_code == 200

    told = {item["entity"]: item["data"] for item in (await cloud.poll()).json()["entities"]}
    assert told["apis/users"]["operations"] == [
        {"name": "get", "method": "GET", "urlTemplate": "/{id}", "displayName": "Get"}
    ]
    assert (await ask(cloud, "DELETE", f"{GATEWAY}/apis/users")).status_code == 200
    assert (await ask(cloud, "DELETE", f"{GATEWAY}/apis/users")).status_code == 204
    assert error(await ask(cloud, "PUT", f"{GATEWAY}/apis/none")) == (404, "ResourceNotFound")


async def test_deleting_an_api_takes_it_from_its_gateways(cloud: Cloud) -> None:
    """The feed says so, and an API made again is not served before it is assigned again."""
    api = f"{SERVICE}/apis/echo-api"
    assert (await ask(cloud, "DELETE", api, headers={"if-match": "*"})).status_code == 200
    assert [item["entity"] for item in (await cloud.poll()).json()["entities"]] == ["gateway"]
    body = {"properties": {"displayName": "Echo", "path": "echo"}}
    assert (await ask(cloud, "PUT", api, json=body)).status_code == 201
    assert [item["entity"] for item in (await cloud.poll()).json()["entities"]] == ["gateway"]


def service_body(**more: Any) -> dict[str, Any]:
    return {
        "location": "westeurope",
        "sku": {"name": "Developer", "capacity": 1},
        "properties": {"publisherEmail": "a@b.example", "publisherName": "B"},
    } | more


async def test_a_service_gets_its_identity_in_entra(cloud: Cloud) -> None:
    """System-assigned: a principal while the identity lives, gone with it."""
    url = f"{GROUP}/providers/Microsoft.ApiManagement/service/fabrikam"
    made = await ask(cloud, "PUT", url, json=service_body(identity={"type": "SystemAssigned"}))
    principal = made.json()["identity"]["principalId"]
    assert (made.status_code, made.json()["identity"]) == (
        201, {"type": "SystemAssigned", "principalId": principal, "tenantId": TENANT},
    )  # fmt: skip
    assert cloud.entra.identities[principal]["resourceId"] == url
    again = await ask(cloud, "PUT", url, json=service_body(identity={"type": "SystemAssigned"}))
    assert (again.status_code, again.json()["identity"]["principalId"]) == (200, principal)
    without = await ask(cloud, "PUT", url, json=service_body())
    assert without.json()["identity"] is None
    assert principal not in cloud.entra.identities
    assert (await ask(cloud, "DELETE", url)).status_code == 200
    assert (await ask(cloud, "DELETE", url)).status_code == 204


async def test_services_are_listed_by_group_and_subscription(cloud: Cloud) -> None:
    """As `az apim list` asks."""
    for scope in (ROOT, GROUP):
        listed = await ask(cloud, "GET", f"{scope}/providers/Microsoft.ApiManagement/service")
        assert [item["id"] for item in listed.json()["value"]] == [SERVICE]
    shown = (await ask(cloud, "GET", SERVICE)).json()
    assert (shown["identity"]["principalId"], shown["properties"]["configurationApi"]) == (
        VALIDATOR, {"legacyApi": "Enabled"},
    )  # fmt: skip


async def test_a_tier_without_self_hosted_gateways_refuses_them(cloud: Cloud) -> None:
    """MethodNotAllowedInPricingTier."""
    url = f"{GROUP}/providers/Microsoft.ApiManagement/service/small"
    await ask(cloud, "PUT", url, json=service_body(sku={"name": "Basic", "capacity": 1}))
    refused = await ask(cloud, "PUT", f"{url}/gateways/g", json={"properties": PROPERTIES})
    assert error(refused) == (400, "MethodNotAllowedInPricingTier")


async def test_a_name_is_taken_once(cloud: Cloud) -> None:
    """It is part of a host name."""
    await cloud.ask("PUT", f"{ROOT}/resourceGroups/other", version="2021-04-01", json={"location": "x"})
    url = f"{ROOT}/resourceGroups/other/providers/Microsoft.ApiManagement/service/CONTOSO"
    refused = await ask(cloud, "PUT", url, json=service_body())
    assert "already in use" in refused.json()["error"]["message"]


async def test_what_the_provider_does_not_have_is_said(cloud: Cloud) -> None:
    """404 that names the request."""
    answer = await ask(cloud, "GET", f"{SERVICE}/workspaces/{derived_uuid('x')}")
    assert error(answer) == (404, "NotFound")


async def test_instances_are_shown_in_the_old_preview(cloud: Cloud) -> None:
    """`properties.heartbeat` in the preview's version; later versions have no such property."""
    cloud.apim.heartbeat(Instance("pod-1", GATEWAY, "2.11.1", "0000000a", NOW))
    old = await cloud.ask("GET", GATEWAY, version="2018-06-01-preview")
    assert old.json()["properties"]["heartbeat"] == [
        {"instanceId": "pod-1", "version": "2.11.1", "revision": "0000000a", "lastHeartbeat": rfc3339(NOW)}
    ]
    assert "heartbeat" not in (await ask(cloud, "GET", GATEWAY)).json()["properties"]
    cloud.clock.moment += 180
    old = await cloud.ask("GET", GATEWAY, version="2018-06-01-preview")
    assert old.json()["properties"]["heartbeat"] == []
