"""Microsoft Graph as its clients see it."""

import pytest

from .conftest import APP, APP_OBJECT, CALLER, Graph

pytestmark = pytest.mark.anyio


async def test_an_application_is_made_read_changed_and_deleted(graph: Graph) -> None:
    """The life of an application, each write told to the journal with its caller."""
    made = await graph.call("POST", "/applications", {"displayName": "second"})
    assert made.status_code == 201
    body = made.json()
    path = f"/applications/{body['id']}"
    assert (await graph.call("PATCH", path, {"displayName": "renamed"})).status_code == 204
    by_app_id = await graph.call("GET", f"/applications(appId='{body['appId']}')?$select=displayName")
    assert by_app_id.json()["displayName"] == "renamed"
    assert (await graph.call("DELETE", path)).status_code == 204
    assert (await graph.call("GET", path)).status_code == 404
    changes = [
        (event.type, event.change, event.name, event.by) for event in graph.entra.events("resource.changed")
    ]
    assert changes == [
        ("application", "created", "second", CALLER),
        ("application", "updated", "renamed", CALLER),
        ("application", "deleted", "renamed", CALLER),
    ]
    assert [(event.method, event.status, event.caller) for event in graph.entra.events("graph.request")] == [
        ("POST", 201, CALLER), ("PATCH", 204, CALLER), ("GET", 200, CALLER), ("DELETE", 204, CALLER),
        ("GET", 404, CALLER),
    ]  # fmt: skip


async def test_a_federated_credential_is_reached_by_id_and_by_name(graph: Graph) -> None:
    """Both keys lead to one object, and PATCH changes what the token endpoint compares with."""
    base = f"/applications(appId='{APP}')/federatedIdentityCredentials"
    listed = await graph.call("GET", base)
    credential = listed.json()["value"][0]
    assert credential["name"] == "kubernetes"
    by_name = await graph.call(
        "GET", f"/applications/{APP_OBJECT}/federatedIdentityCredentials(name='kubernetes')"
    )
    by_id = await graph.call("GET", f"{base}/{credential['id']}")
    assert by_name.json()["id"] == by_id.json()["id"] == credential["id"]
    assert (await graph.entra.ask()).status_code == 200
    assert (await graph.call("PATCH", f"{base}/kubernetes", {"subject": "somebody-else"})).status_code == 204
    refused = await graph.entra.ask()
    assert (refused.status_code, refused.json()["error_codes"]) == (401, [700213])
    assert (await graph.call("DELETE", f"{base}/kubernetes")).status_code == 204
    assert (await graph.entra.ask()).json()["error_codes"] == [70025]
