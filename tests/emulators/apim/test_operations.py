"""Long-running writes of a service, followed through ARM on the sandbox's clock."""

from typing import Any

import httpx
import pytest
from tests.emulators.arm.cloud import APIM_VERSION, GROUP, SECRET, Cloud

from apim_emulators.apim.settings import ApimSettings
from apim_emulators.core.clock import rfc3339

pytestmark = pytest.mark.anyio
SERVICE = f"{GROUP}/providers/Microsoft.ApiManagement/service/fabrikam"
BODY = {
    "location": "West Europe",
    "sku": {"name": "Developer", "capacity": 1},
    "properties": {"publisherEmail": "a@b.example", "publisherName": "B"},
}


async def ask(cloud: Cloud, method: str, path: str, **options: Any) -> httpx.Response:
    return await cloud.ask(method, path, version=APIM_VERSION, **options)


def path_of(url: str) -> str:
    return httpx.URL(url).path


async def test_a_service_is_made_followed_and_deleted() -> None:
    """201 while it activates, 202 for changes, each with where to follow it and when to ask again."""
    cloud = Cloud(apim_settings=ApimSettings(SECRET, provisioning_seconds=20))
    async with cloud.http:
        begun = cloud.clock.now()
        made = await ask(cloud, "PUT", SERVICE, json=BODY)
        assert (made.status_code, made.json()["properties"]["provisioningState"]) == (201, "Activating")
        assert made.headers["retry-after"] == "15"
        status, result = path_of(made.headers["azure-asyncoperation"]), path_of(made.headers["location"])
        assert "/locations/westeurope/operationStatuses/" in status
        told = await ask(cloud, "GET", status)
        name = status.rpartition("/")[2]
        expected = {"id": status, "name": name, "status": "InProgress", "startTime": rfc3339(begun)}
        assert (told.status_code, told.json(), told.headers["retry-after"]) == (200, expected, "15")
        assert (await ask(cloud, "GET", result)).status_code == 202

        cloud.clock.moment += 20
        told = await ask(cloud, "GET", status)
        ended = expected | {"status": "Succeeded", "endTime": rfc3339(begun + 20)}
        assert (told.json(), "retry-after" in told.headers) == (ended, False)
        shown = await ask(cloud, "GET", SERVICE)
        assert shown.json()["properties"]["provisioningState"] == "Succeeded"
        assert (await ask(cloud, "GET", result)).json() == shown.json()

        gone = await ask(cloud, "DELETE", SERVICE)
        assert gone.status_code == 202
        cloud.clock.moment += 20
        told = await ask(cloud, "GET", path_of(gone.headers["azure-asyncoperation"]))
        assert told.json()["status"] == "Succeeded"
        assert (await ask(cloud, "GET", path_of(gone.headers["location"]))).status_code == 204


async def test_an_operation_that_never_was_is_not_found(cloud: Cloud) -> None:
    """404, as for any resource."""
    subscription = GROUP.partition("/resourceGroups")[0]
    path = f"{subscription}/providers/Microsoft.ApiManagement/locations/westeurope/operationStatuses/none"
    answer = await ask(cloud, "GET", path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


async def test_a_patch_changes_what_it_names(cloud: Cloud) -> None:
    """The rest stays; without a provisioning time there is nothing to follow."""
    await ask(cloud, "PUT", SERVICE, json=BODY | {"identity": {"type": "SystemAssigned"}})
    before = (await ask(cloud, "GET", SERVICE)).json()
    patch = {"tags": {"team": "api"}, "properties": {"publisherName": "C"}}
    patched = await ask(cloud, "PATCH", SERVICE, json=patch)
    after = before | {"tags": {"team": "api"}, "properties": before["properties"] | {"publisherName": "C"}}
    assert (patched.status_code, patched.json()) == (200, after)
    assert "azure-asyncoperation" not in patched.headers
    assert (await ask(cloud, "GET", SERVICE)).json() == after


async def test_a_patch_that_is_refused_changes_nothing(cloud: Cloud) -> None:
    """400 naming the place."""
    await ask(cloud, "PUT", SERVICE, json=BODY)
    before = (await ask(cloud, "GET", SERVICE)).json()
    refused = await ask(cloud, "PATCH", SERVICE, json={"properties": {"publisherName": ""}})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "ValidationError")
    assert "properties.publisherName" in refused.json()["error"]["message"]
    assert (await ask(cloud, "GET", SERVICE)).json() == before
