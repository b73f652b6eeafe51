"""Microsoft Graph as its clients see it."""

# ruff: noqa: E501  a case stays a line

from typing import Any

import pytest

from apim_emulators.core import jose
from apim_emulators.entra.certificates import self_signed

from .causes import client_key
from .conftest import (
    APP,
    APP_OBJECT,
    AUDIENCE,
    CALLER,
    ISSUER,
    PRINCIPAL,
    SUBJECT,
    Graph,
    graph_token,
)

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


async def test_repeated_slashes_count_as_one(graph: Graph) -> None:
    """msgraph-sdk for Python joins its base address and a path so; the journal keeps what was sent."""
    assert (await graph.call("GET", "//applications")).status_code == 200
    assert [event.path for event in graph.entra.events("graph.request")] == ["/v1.0//applications"]


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


FEDERATED = f"/applications/{APP_OBJECT}/federatedIdentityCredentials"


def credential(**changes: Any) -> dict[str, Any]:
    return {
        "name": "second", "issuer": ISSUER, "subject": "somebody", "audiences": [AUDIENCE], **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status", "code", "message"),
    [
        ({"name": "kubernetes"}, 409, "Request_MultipleObjectsWithSameKeyValue",
         "FederatedIdentityCredential with name kubernetes already exists."),
        ({"subject": SUBJECT}, 400, "InvalidFederatedIdentityCredentialValue",
         f"The combination of issuer and subject must be unique for the application. Issuer {ISSUER} and Subject: "
         f"{SUBJECT} already exist. paramName: FederatedIdentityCredential.Subject, paramValue: {SUBJECT}, objectType: "
         "Microsoft.Online.DirectoryServices.Application"),
        ({"audiences": []}, 400, "InvalidFederatedIdentityCredentialValue", "exactly 1 audience"),
        ({"audiences": ["a", "b"]}, 400, "InvalidFederatedIdentityCredentialValue", "exactly 1 audience"),
        ({"audiences": "a"}, 400, "Request_BadRequest", "'audiences'"),
        ({"subject": None}, 400, "InvalidFederatedIdentityCredentialValue", "Subject is required."),
        ({"issuer": "http://plain.test"}, 400, "InvalidFederatedIdentityCredentialValue", "https URL"),
        ({"issuer": ""}, 400, "InvalidFederatedIdentityCredentialValue", "Issuer is required."),
        ({"subject": "s" * 601}, 400, "InvalidFederatedIdentityCredentialValue", "600 characters"),
        ({"name": "with space"}, 400, "Request_BadRequest", "valid URI segment"),
        ({"name": "ab"}, 400, "Request_BadRequest", "valid URI segment"),
        ({"name": None}, 400, "Request_BadRequest", "'name'"),
        ({"nam": "x"}, 400, "Request_BadRequest", "Invalid property 'nam'."),
        ({"claimsMatchingExpression": {"value": "x"}}, 400, "InvalidFederatedIdentityCredentialValue", "must be null"),
        ({"subject": None, "claimsMatchingExpression": {"value": "claims['sub'] is 'x'"}}, 400,
         "InvalidFederatedIdentityCredentialValue", "at position 1"),
        ({"subject": None, "claimsMatchingExpression": {"value": "x", "languageVersion": 2}}, 400,
         "InvalidFederatedIdentityCredentialValue", "version must be 1"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
async def test_a_wrong_credential_is_refused_and_changes_nothing(
    graph: Graph, changes: dict[str, Any], status: int, code: str, message: str
) -> None:
    """Each rule with its own error in Graph's envelope."""
    revision = graph.entra.directory.store.revision
    answer = await graph.call("POST", FEDERATED, credential(**changes))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert message in error["message"]
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
    assert graph.entra.directory.store.revision == revision


async def test_an_application_has_at_most_twenty_credentials(graph: Graph) -> None:
    """The twenty-first is refused with 403."""
    for number in range(19):
        body = credential(name=f"credential-{number}", subject=f"s{number}")
        assert (await graph.call("POST", FEDERATED, body)).status_code == 201
    answer = await graph.call("POST", FEDERATED, credential())
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Directory_ResourceSizeExceeded")


async def test_a_name_never_changes_and_upsert_makes_what_is_missing(graph: Graph) -> None:
    """`Prefer: create-if-missing` on the name's key."""
    assert (await graph.call("PATCH", f"{FEDERATED}/kubernetes", {"name": "other"})).status_code == 400
    body = {name: value for name, value in credential().items() if name != "name"}
    path = f"{FEDERATED}(name='upserted')"
    assert (await graph.call("PATCH", path, body)).status_code == 404
    made = await graph.call("PATCH", path, body, prefer="create-if-missing")
    assert (made.status_code, made.json()["name"]) == (201, "upserted")
    again = {**body, "subject": "else"}
    assert (await graph.call("PATCH", path, again, prefer="create-if-missing")).status_code == 204
    assert (await graph.call("GET", path)).json()["subject"] == "else"


async def test_an_application_made_here_can_federate_once_it_has_a_service_principal(graph: Graph) -> None:
    """Graph makes the two separately: between them the token endpoint says 7000229."""
    made = (await graph.call("POST", "/applications", {"displayName": "new"})).json()
    await graph.call(
        "POST", f"/applications/{made['id']}/federatedIdentityCredentials", credential(subject=SUBJECT)
    )
    assert (await graph.entra.ask(client_id=made["appId"])).json()["error_codes"] == [7000229]
    principal = await graph.call("POST", "/servicePrincipals", {"appId": made["appId"]})
    assert (principal.status_code, principal.json()["servicePrincipalType"]) == (201, "Application")
    assert (await graph.entra.ask(client_id=made["appId"])).status_code == 200
    assert (await graph.call("POST", "/servicePrincipals", {"appId": made["appId"]})).status_code == 409
    assert (await graph.call("POST", "/servicePrincipals", {"appId": "nobody"})).status_code == 400
    path = f"/servicePrincipals/{principal.json()['id']}"
    assert (await graph.call("PATCH", path, {"accountEnabled": False})).status_code == 204
    assert (await graph.entra.ask(client_id=made["appId"])).json()["error_codes"] == [7000112]


async def test_a_secret_is_shown_once_and_signs_in(graph: Graph) -> None:
    """addPassword, use, removePassword."""
    path = f"/applications/{APP_OBJECT}"
    made = (
        await graph.call("POST", f"{path}/addPassword", {"passwordCredential": {"displayName": "ci"}})
    ).json()
    secret = made["secretText"]
    assert (await graph.entra.ask(client_secret=secret, client_assertion=None)).status_code == 200
    shown = (await graph.call("GET", path)).json()["passwordCredentials"]
    assert [(each["keyId"], each["secretText"], each["hint"]) for each in shown] == [
        (made["keyId"], None, secret[:3])
    ]
    assert (await graph.call("POST", f"{path}/removePassword", {"keyId": made["keyId"]})).status_code == 204
    assert (await graph.entra.ask(client_secret=secret, client_assertion=None)).json()["error_codes"] == [
        7000215
    ]
    assert secret not in repr([record.event for record in graph.entra.journal.since()])


async def test_a_certificate_comes_with_a_patch(graph: Graph) -> None:
    """As `az ad app credential reset --cert` sends it; the list is replaced, keys without `key` stay."""
    pem = self_signed(client_key(graph.entra).private, "client")
    key = {"key": "".join(pem.splitlines()[1:-1]), "type": "AsymmetricX509Cert", "usage": "Verify"}
    path = f"/applications/{APP_OBJECT}"
    assert (await graph.call("PATCH", path, {"keyCredentials": [key]})).status_code == 204
    shown = (await graph.call("GET", path)).json()["keyCredentials"]
    assert (
        await graph.call("PATCH", path, {"keyCredentials": [{"keyId": shown[0]["keyId"]}]})
    ).status_code == 204
    assert (await graph.call("GET", path)).json()["keyCredentials"] == shown
    assert (await graph.call("PATCH", path, {"keyCredentials": [{"key": "AAAA"}]})).status_code == 400


async def test_permissions_decide(graph: Graph) -> None:
    """Nothing without one, its own applications with OwnedBy, nothing of groups with Application's."""
    nothing = await graph_token(graph.entra)
    assert (await graph.call("GET", "/applications", token=nothing)).status_code == 403
    owner = await graph_token(graph.entra, "Application.ReadWrite.OwnedBy")
    assert (
        await graph.call("PATCH", f"{FEDERATED}/kubernetes", {"subject": "x"}, token=owner)
    ).status_code == 403
    made = (await graph.call("POST", "/applications", {"displayName": "mine"}, token=owner)).json()
    path = f"/applications/{made['id']}"
    assert (await graph.call("PATCH", path, {"displayName": "still mine"}, token=owner)).status_code == 204
    assert (await graph.call("POST", "/groups", {"displayName": "g"}, token=owner)).status_code == 403


@pytest.mark.parametrize("token", ["", "not-a-token", "a.b.c"])
async def test_who_has_no_good_token_is_nobody(graph: Graph, token: str) -> None:
    """401 with a challenge; a token for another resource is no better."""
    answer = await graph.http.get("/v1.0/applications", headers={"authorization": f"Bearer {token}"})
    other = (await graph.entra.ask()).json()["access_token"]
    for each in (answer, await graph.call("GET", "/applications", token=other)):
        assert (each.status_code, each.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
        assert each.headers["www-authenticate"].startswith("Bearer ")


async def test_groups_have_members_by_reference(graph: Graph) -> None:
    """As far as role assignments through groups need them."""
    group = (await graph.call("POST", "/groups", {"displayName": "gateways"})).json()["id"]
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{PRINCIPAL}"}
    assert (await graph.call("POST", f"/groups/{group}/members/$ref", reference)).status_code == 204
    assert (await graph.call("POST", f"/groups/{group}/members/$ref", reference)).status_code == 400
    broken = await graph.call("POST", f"/groups/{group}/members/$ref", {"@odata.id": "https://[x"})
    assert broken.status_code == 404
    assert graph.entra.directory.groups_of(PRINCIPAL) == [group]
    listed = (await graph.call("GET", f"/servicePrincipals/{PRINCIPAL}/transitiveMemberOf")).json()["value"]
    assert [each["id"] for each in listed] == [group]
    objects = await graph.call(
        "POST", "/directoryObjects/getByIds", {"ids": [PRINCIPAL, group, "x"], "types": ["group"]}
    )
    assert [each["id"] for each in objects.json()["value"]] == [group]
    assert (await graph.call("DELETE", f"/groups/{group}/members/{PRINCIPAL}/$ref")).status_code == 204
    assert (await graph.call("GET", f"/groups/{group}/members")).json()["value"] == []
    assert (await graph.call("DELETE", f"/groups/{group}")).status_code == 204


async def test_lists_are_filtered_and_paged(graph: Graph) -> None:
    """`$filter`, `$top` and the link to the next page."""
    for number in range(5):
        await graph.call("POST", "/applications", {"displayName": f"app-{number}"})
    found, path = [], "/applications?$filter=startswith(displayName,'app-')&$top=2&$select=displayName"
    while path:
        body = (await graph.call("GET", path)).json()
        found += [each["displayName"] for each in body["value"]]
        path = body.get("@odata.nextLink", "").partition("/v1.0")[2]
    assert found == [f"app-{number}" for number in range(5)]
    one = await graph.call("GET", f"/servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{APP}')")
    assert [each["id"] for each in one.json()["value"]] == [PRINCIPAL]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nothing", b"", 400), ("PUT", "/applications", b"", 405), ("POST", "/applications", b"{", 400),
        ("POST", "/applications", b"[]", 400), ("POST", "/applications", b"\xff", 400),
        ("POST", "/applications", b'{"displayName":5}', 400), ("POST", "/applications", b"{}", 400),
        ("POST", "/applications", b'{"displayName":"x","api":5}', 400), ("GET", "/me", b"", 400),
        ("POST", "/applications", b'{"displayName":"x","api":{"requestedAccessTokenVersion":"2"}}', 400),
        ("GET", "/applications?$filter=displayName eq", b"", 400), ("GET", "/applications?$top=0", b"", 400),
        ("GET", "/applications?$filter=" + "(" * 200, b"", 400), ("GET", "/applications?$top=x", b"", 400),
        ("PATCH", f"/applications/{APP_OBJECT}", b'{"appId":"other"}', 400),
        ("POST", "/groups/x/members/$ref", b'{"@odata.id":"x"}', 404),
    ],
)  # fmt: skip
async def test_bad_requests_get_graphs_error(
    graph: Graph, method: str, path: str, content: bytes, status: int
) -> None:
    """Never a 5xx."""
    headers = {"authorization": f"Bearer {graph.token}"}
    answer = await graph.http.request(method, f"/v1.0{path}", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"]


GRAPH_API = "00000003-0000-0000-c000-000000000000"
READ_ALL = "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"  # Application.Read.All


async def test_a_role_assignment_reaches_the_next_token(graph: Graph) -> None:
    """What scripts do for a permission of Graph: find its principal and the role, assign, take back."""
    admin = await graph_token(graph.entra, "AppRoleAssignment.ReadWrite.All", "Application.Read.All")
    api = (await graph.call("GET", f"/servicePrincipals(appId='{GRAPH_API}')", token=admin)).json()
    offered = {role["value"]: role["id"] for role in api["appRoles"]}
    assert offered["Application.Read.All"] == READ_ALL
    path = f"/servicePrincipals/{PRINCIPAL}/appRoleAssignments"
    body = {"principalId": PRINCIPAL, "resourceId": api["id"], "appRoleId": READ_ALL}

    made = await graph.call("POST", path, body, token=admin)

    assert made.status_code == 201, made.text
    assert (made.json()["appRoleId"], made.json()["resourceDisplayName"]) == (READ_ALL, "Microsoft Graph")
    wanted = {"scope": "https://graph.microsoft.com/.default"}
    holder = (await graph.entra.ask(**wanted)).json()["access_token"]
    assert jose.parse(holder).claims["roles"] == ["Application.Read.All"]
    assert (await graph.call("GET", "/applications", token=holder)).status_code == 200
    given = (await graph.call("GET", f"/servicePrincipals/{api['id']}/appRoleAssignedTo", token=admin)).json()
    assert made.json()["id"] in [one["id"] for one in given["value"]]
    twice = await graph.call("POST", path, body, token=admin)
    assert twice.json()["error"]["message"] == "Permission being assigned already exists on the object."
    gone = await graph.call("DELETE", f"{path}/{made.json()['id']}", token=admin)
    assert gone.status_code == 204
    assert "roles" not in jose.parse((await graph.entra.ask(**wanted)).json()["access_token"]).claims
    changes = [(event.type, event.change) for event in graph.entra.events("resource.changed")]
    assert changes == [("appRoleAssignment", "created"), ("appRoleAssignment", "deleted")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"appRoleId": APP}, (400, "Request_BadRequest")),
        ({"resourceId": APP}, (404, "Request_ResourceNotFound")),
        ({"principalId": CALLER}, (400, "Request_BadRequest")),
        ({"principalId": 1}, (400, "Request_BadRequest")),
    ],
)
async def test_a_wrong_role_assignment_changes_nothing(
    graph: Graph, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    """A role that the API does not offer, an API that is not there, somebody else's address."""
    admin = await graph_token(graph.entra, "AppRoleAssignment.ReadWrite.All", "Application.Read.All")
    directory = graph.entra.directory
    tenant = directory.find_tenant("11111111-1111-4111-8111-111111111111") or directory.list_tenants()[0]
    path = f"/servicePrincipals/{PRINCIPAL}/appRoleAssignments"
    body = {
        "principalId": PRINCIPAL,
        "resourceId": directory.graph_principal(tenant).object_id,
        "appRoleId": READ_ALL,
    }

    answer = await graph.call("POST", path, {**body, **change}, token=admin)

    assert (answer.status_code, answer.json()["error"]["code"]) == expected
    assert (await graph.call("GET", path, token=admin)).json()["value"] == []


async def test_assigning_roles_needs_a_permission_of_its_own(graph: Graph) -> None:
    """Application.ReadWrite.All alone can't hand out permissions."""
    path = f"/servicePrincipals/{PRINCIPAL}/appRoleAssignments"
    refused = await graph.call("POST", path, {"principalId": PRINCIPAL, "resourceId": PRINCIPAL})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Authorization_RequestDenied")


async def test_an_api_that_demands_an_assignment_is_open_after_one(graph: Graph) -> None:
    """AADSTS501051 before; default access will do, and carries no role."""
    made = (
        await graph.call(
            "POST", "/applications", {"displayName": "orders", "identifierUris": ["api://orders"]}
        )
    ).json()
    api = (
        await graph.call(
            "POST", "/servicePrincipals", {"appId": made["appId"], "appRoleAssignmentRequired": True}
        )
    ).json()
    wanted = {"scope": "api://orders/.default"}
    assert (await graph.entra.ask(**wanted)).json()["error_codes"] == [501051]
    admin = await graph_token(graph.entra, "AppRoleAssignment.ReadWrite.All")

    body = {
        "principalId": PRINCIPAL,
        "resourceId": api["id"],
        "appRoleId": "00000000-0000-0000-0000-000000000000",
    }
    await graph.call("POST", f"/servicePrincipals/{api['id']}/appRoleAssignedTo", body, token=admin)

    answer = await graph.entra.ask(**wanted)
    assert answer.status_code == 200, answer.text
    assert "roles" not in jose.parse(answer.json()["access_token"]).claims
