"""Role assignments, role definitions and deny assignments as their clients see them."""

from typing import Any

import httpx
import pytest
from tests.emulators.arm.cloud import (
    GATEWAY,
    GROUP,
    OPERATOR,
    READER_ROLE,
    ROOT,
    SECRET,
    SERVICE,
    STRANGER,
    SUBSCRIPTION,
    TENANT,
    VALIDATOR,
    VALIDATOR_ROLE,
    Cloud,
    assignment,
)
from tests.emulators.arm.cloud import (
    READER as GATEWAY_PRINCIPAL,
)

from apim_emulators.arm.builtin_roles import BUILTIN_ROLES, CONTRIBUTOR, READER
from apim_emulators.arm.model import Subscription
from apim_emulators.arm.settings import ArmSettings
from apim_emulators.core.events import ArmAnswered, ResourceChanged
from apim_emulators.core.ids import derived_uuid
from apim_emulators.core.rbac import DenyAssignment, Permission, role_guid
from apim_emulators.core.vocabulary import GET_CONFIGURATION

pytestmark = pytest.mark.anyio
NEW = derived_uuid("new assignment")
ASSIGNMENTS = "/providers/Microsoft.Authorization/roleAssignments"
DEFINITIONS = "/providers/Microsoft.Authorization/roleDefinitions"
DENIALS = "/providers/Microsoft.Authorization/denyAssignments"


def wanted(role: str = READER_ROLE, principal: str = GATEWAY_PRINCIPAL, **more: Any) -> dict[str, Any]:
    return {
        "properties": {"roleDefinitionId": f"{ROOT}{DEFINITIONS}/{role}", "principalId": principal} | more
    }


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_role_is_assigned_listed_and_removed(cloud: Cloud) -> None:
    """PUT 201, GET and list show it, DELETE 200 with the body, again 204."""
    url = f"{SERVICE}{ASSIGNMENTS}/{NEW}"
    made = await cloud.ask("PUT", url, json=wanted(principalType="ServicePrincipal"))
    assert made.status_code == 201
    assert made.json() == {
        "properties": {
            "roleDefinitionId": f"{ROOT}{DEFINITIONS}/{READER_ROLE}",
            "principalId": GATEWAY_PRINCIPAL,
            "principalType": "ServicePrincipal",
            "scope": SERVICE,
            "condition": None,
            "conditionVersion": None,
            "createdOn": "2026-01-01T00:00:00.0000000Z",
            "updatedOn": "2026-01-01T00:00:00.0000000Z",
            "createdBy": OPERATOR,
            "updatedBy": OPERATOR,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
        "id": url,
        "type": "Microsoft.Authorization/roleAssignments",
        "name": NEW,
    }
    assert (await cloud.ask("GET", url)).json() == made.json()
    listed = await cloud.ask("GET", f"{SERVICE}{ASSIGNMENTS}")
    assert made.json() in listed.json()["value"]

    gone = await cloud.ask("DELETE", url)
    assert (gone.status_code, gone.json()) == (200, made.json())
    assert (await cloud.ask("DELETE", url)).status_code == 204
    assert error(await cloud.ask("GET", url)) == (404, "RoleAssignmentNotFound")

    changes = [(event.type, event.change, event.by) for event in cloud.events(ResourceChanged)]
    assert changes == [("roleAssignment", "created", OPERATOR), ("roleAssignment", "deleted", OPERATOR)]


async def test_the_same_assignment_twice_is_fine_under_its_own_name_only(cloud: Cloud) -> None:
    """200 for the same name, RoleAssignmentExists for another one, no update of what was granted."""
    url = f"{SERVICE}{ASSIGNMENTS}/{NEW}"
    body = wanted(principalType="ServicePrincipal")
    await cloud.ask("PUT", url, json=body)

    assert (await cloud.ask("PUT", url, json=body)).status_code == 200
    other = f"{SERVICE}{ASSIGNMENTS}/{derived_uuid('another')}"
    refused = await cloud.ask("PUT", other, json=body)
    assert (refused.status_code, refused.json()["error"]) == (
        409,
        {
            "code": "RoleAssignmentExists",
            "message": "The role assignment already exists. The ID of the existing role assignment is "
            f"{NEW.replace('-', '')}.",
        },
    )
    changed = await cloud.ask("PUT", url, json=wanted(principal=STRANGER, principalType="ServicePrincipal"))
    assert error(changed) == (400, "RoleAssignmentUpdateNotPermitted")


async def test_a_principal_that_entra_does_not_know_needs_its_type(cloud: Cloud) -> None:
    """PrincipalNotFound without principalType; with it Entra is not asked (replication)."""
    url = f"{SERVICE}{ASSIGNMENTS}/{NEW}"
    refused = await cloud.ask("PUT", url, json=wanted(principal=STRANGER))
    assert error(refused) == (400, "PrincipalNotFound")
    assert refused.json()["error"]["message"].startswith(
        f"Principal {STRANGER.replace('-', '')} does not exist in the directory {TENANT}."
    )
    taken = await cloud.ask("PUT", url, json=wanted(principal=STRANGER, principalType="ServicePrincipal"))
    assert taken.status_code == 201


async def test_without_a_type_entra_tells_it(cloud: Cloud) -> None:
    """A group is a group, whatever the caller left out."""
    group = derived_uuid("group")
    cloud.entra.principals[group] = {"id": group, "type": "Group", "memberOf": []}
    made = await cloud.ask("PUT", f"{SERVICE}{ASSIGNMENTS}/{NEW}", json=wanted(principal=group))
    assert made.json()["properties"]["principalType"] == "Group"


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        (NEW, wanted(role=derived_uuid("no such role")), (400, "RoleDefinitionDoesNotExist")),
        ("not-a-guid", wanted(), (400, "InvalidRoleAssignmentId")),
        (NEW, {"properties": {}}, (400, "InvalidRequestContent")),
        (
            NEW,
            {"properties": {"roleDefinitionId": 5, "principalId": STRANGER}},
            (400, "InvalidRequestContent"),
        ),
        (NEW, wanted(principal="app-name"), (400, "InvalidRequestContent")),
        (NEW, wanted(condition="@Resource[x] StringEquals 'y'"), (400, "InvalidRequestContent")),
        (NEW, [], (400, "InvalidRequestContent")),
    ],
)
async def test_a_wrong_assignment_is_refused_and_changes_nothing(
    cloud: Cloud, name: str, body: Any, expected: tuple[int, str]
) -> None:
    """Each cause with its own code; no write happens."""
    revision = cloud.arm.store.revision
    refused = await cloud.ask("PUT", f"{SERVICE}{ASSIGNMENTS}/{name}", json=body)
    assert error(refused) == expected
    assert cloud.arm.store.revision == revision


async def test_an_old_api_version_knows_no_data_actions(cloud: Cloud) -> None:
    """UnsupportedApiVersionForRoleDefinitionHasDataActions (Azure/Avere#316)."""
    url = f"{SERVICE}{ASSIGNMENTS}/{NEW}"
    refused = await cloud.ask("PUT", url, json=wanted(principalType="ServicePrincipal"), version="2015-07-01")
    assert error(refused) == (400, "UnsupportedApiVersionForRoleDefinitionHasDataActions")


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("", {"reader", "validator", "operator", "below"}),
        ("atScope()", {"reader", "validator", "operator"}),
        (f"principalId eq '{VALIDATOR}'", {"validator"}),
        (f"assignedTo('{GATEWAY_PRINCIPAL}')", {"reader", "below"}),
        (f"atScope() and assignedTo('{GATEWAY_PRINCIPAL}')", {"reader"}),
        (f"ASSIGNEDTO('{GATEWAY_PRINCIPAL.upper()}')", {"reader", "below"}),
    ],
)
async def test_filters_choose_what_a_list_shows(cloud: Cloud, filter_: str, expected: set[str]) -> None:
    """At and above always, below unless atScope(); assignedTo follows groups, principalId does not."""
    group = derived_uuid("group")
    cloud.entra.principals[GATEWAY_PRINCIPAL]["memberOf"] = [group]
    cloud.arm.put_role_assignment(assignment("below", GATEWAY, READER_ROLE, group, "Group"))
    answer = await cloud.ask("GET", f"{SERVICE}{ASSIGNMENTS}", params={"$filter": filter_} if filter_ else {})
    names = {derived_uuid(guid): guid for guid in ("reader", "validator", "operator", "below")}
    assert {names[item["name"]] for item in answer.json()["value"]} == expected


async def test_a_filter_that_nobody_knows_is_refused(cloud: Cloud) -> None:
    """UnsupportedQuery names the position."""
    answer = await cloud.ask("GET", f"{SERVICE}{ASSIGNMENTS}", params={"$filter": "atScope() or x"})
    assert error(answer) == (400, "UnsupportedQuery")
    assert "position 10" in answer.json()["error"]["message"]


async def test_the_validator_role_reads_the_three_lists_at_the_service(cloud: Cloud) -> None:
    """`Microsoft.Authorization/*/read` at the resource group is enough, and for nothing else."""
    for suffix in (ASSIGNMENTS, DEFINITIONS, DENIALS):
        assert (await cloud.ask("GET", f"{SERVICE}{suffix}", by=VALIDATOR)).status_code == 200
    assert error(await cloud.ask("GET", GROUP, by=VALIDATOR, version="2021-04-01")) == (
        403,
        "AuthorizationFailed",
    )


async def test_who_may_not_is_told_so_in_azures_words(cloud: Cloud) -> None:
    """AuthorizationFailed to the letter; the journal has the decision."""
    refused = await cloud.ask("GET", f"{SERVICE}{ASSIGNMENTS}", by=STRANGER)
    client = derived_uuid("app", STRANGER)
    assert (refused.status_code, refused.json()) == (
        403,
        {
            "error": {
                "code": "AuthorizationFailed",
                "message": f"The client '{client}' with object id '{STRANGER}' does not have authorization "
                f"to perform action 'Microsoft.Authorization/roleAssignments/read' over scope '{SERVICE}' or "
                "the scope is invalid. If access was recently granted, please refresh your credentials.",
            }
        },
    )
    told: ArmAnswered = cloud.events(ArmAnswered)[-1]
    assert (told.status, told.caller, told.decision is not None and told.decision.allowed) == (
        403, STRANGER, False,
    )  # fmt: skip
    assert "x-sandbox-decision" not in refused.headers


async def test_a_contributor_assigns_no_roles(cloud: Cloud) -> None:
    """Excluded by Contributor's NotActions."""
    cloud.arm.put_role_assignment(assignment("contributor", ROOT, role_guid(CONTRIBUTOR.id), STRANGER))
    refused = await cloud.ask("PUT", f"{SERVICE}{ASSIGNMENTS}/{NEW}", json=wanted(), by=STRANGER)
    assert error(refused) == (403, "AuthorizationFailed")
    told: ArmAnswered = cloud.events(ArmAnswered)[-1]
    assert told.decision is not None
    assert told.decision.nearest is not None
    assert told.decision.nearest.miss == "excluded-by-not-action"


async def test_a_list_shows_a_write_at_once_and_authorization_later() -> None:
    """Propagation delays what a role does, not what a list says."""
    cloud = Cloud(arm_settings=ArmSettings(SECRET, role_propagation_seconds=600))
    async with cloud.http:
        body = wanted(role_guid(READER.id), STRANGER, principalType="ServicePrincipal")
        made = await cloud.ask("PUT", f"{ROOT}{ASSIGNMENTS}/{NEW}", json=body)
        assert made.json() in (await cloud.ask("GET", f"{ROOT}{ASSIGNMENTS}")).json()["value"]
        assert (await cloud.ask("GET", ROOT, by=STRANGER, version="2021-04-01")).status_code == 403
        cloud.clock.moment += 600
        assert (await cloud.ask("GET", ROOT, by=STRANGER, version="2021-04-01")).status_code == 200


# --- role definitions


def role(name: str = "My role", scopes: list[str] | None = None, **permissions: list[str]) -> dict[str, Any]:
    return {
        "properties": {
            "roleName": name,
            "description": "ours",
            "assignableScopes": scopes or [ROOT],
            "permissions": [permissions or {"dataActions": [GET_CONFIGURATION]}],
            "type": "CustomRole",
        }
    }


async def test_a_custom_role_is_made_changed_and_deleted(cloud: Cloud) -> None:
    """201 both times, as Azure's clients expect; 200 with the body on deletion, then 204."""
    url = f"{ROOT}{DEFINITIONS}/{NEW}"
    made = await cloud.ask("PUT", url, json=role())
    assert made.status_code == 201
    assert made.json()["properties"]["permissions"] == [
        {"actions": [], "notActions": [], "dataActions": [GET_CONFIGURATION], "notDataActions": []}
    ]
    assert (await cloud.ask("PUT", url, json=role("Renamed"))).status_code == 201
    found = await cloud.ask("GET", f"{ROOT}{DEFINITIONS}", params={"$filter": "roleName eq 'renamed'"})
    assert [item["name"] for item in found.json()["value"]] == [NEW]
    assert (await cloud.ask("DELETE", url)).status_code == 200
    assert (await cloud.ask("DELETE", url)).status_code == 204
    assert error(await cloud.ask("GET", url)) == (404, "RoleDefinitionDoesNotExist")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (role(actions=[GET_CONFIGURATION]), (400, "InvalidActionOrNotAction")),
        (role(dataActions=["Microsoft.ApiManagement/service/gateways/getConfigurations/action"]),
         (400, "InvalidDataActionOrNotDataAction")),
        (role(actions=["not an action"]), (400, "InvalidActionOrNotAction")),
        (role("API Management Gateway Configuration Reader Role"), (409, "RoleDefinitionWithSameNameExists")),
        (role(scopes=["/providers/Microsoft.Management/managementGroups/mg"]),
         (400, "InvalidDataActionsAssignableScope")),
        (role(scopes=["/"]), (400, "InvalidRequestContent")),
        (role(scopes=["/subscriptions"]), (400, "InvalidRequestContent")),
        (role(scopes=[f"/subscriptions/{NEW}"]), (400, "InvalidRequestContent")),
        ({"properties": {"roleName": "x"}}, (400, "InvalidRequestContent")),
    ],
)  # fmt: skip
async def test_a_wrong_role_is_refused(cloud: Cloud, body: dict[str, Any], expected: tuple[int, str]) -> None:
    """Actions that nobody has, taken names, data actions at a management group, scopes that are none."""
    assert error(await cloud.ask("PUT", f"{ROOT}{DEFINITIONS}/{NEW}", json=body)) == expected


async def test_a_role_in_use_is_not_deleted(cloud: Cloud) -> None:
    """RoleDefinitionHasAssignments; and built-in roles stay as they are."""
    assert error(await cloud.ask("DELETE", f"{ROOT}{DEFINITIONS}/{READER_ROLE}")) == (
        400, "RoleDefinitionHasAssignments",
    )  # fmt: skip
    builtin = f"{ROOT}{DEFINITIONS}/{role_guid(READER.id)}"
    assert error(await cloud.ask("DELETE", builtin)) == (400, "InvalidRoleDefinition")
    assert error(await cloud.ask("PUT", builtin, json=role())) == (400, "InvalidRoleDefinition")


async def test_a_role_needs_write_at_every_assignable_scope(cloud: Cloud) -> None:
    """LinkedAuthorizationFailed where the writer owns only the resource group."""
    owner = next(found for found in BUILTIN_ROLES if found.role_name == "Owner")
    cloud.arm.put_role_assignment(assignment("group owner", GROUP, role_guid(owner.id), STRANGER))
    refused = await cloud.ask("PUT", f"{GROUP}{DEFINITIONS}/{NEW}", json=role(), by=STRANGER)
    assert error(refused) == (403, "LinkedAuthorizationFailed")
    taken = await cloud.ask("PUT", f"{GROUP}{DEFINITIONS}/{NEW}", json=role(scopes=[GROUP]), by=STRANGER)
    assert taken.status_code == 201


async def test_a_custom_role_is_unknown_outside_its_assignable_scopes(cloud: Cloud) -> None:
    """It can't be assigned in another subscription."""
    other = "77777777-7777-4777-8777-777777777777"
    cloud.arm.put_subscription(Subscription(other, TENANT, "Other"))
    owner = next(found for found in BUILTIN_ROLES if found.role_name == "Owner")
    cloud.arm.put_role_assignment(
        assignment("owner of other", f"/subscriptions/{other}", role_guid(owner.id), OPERATOR)
    )
    body = wanted(principalType="ServicePrincipal")
    refused = await cloud.ask("PUT", f"/subscriptions/{other}{ASSIGNMENTS}/{NEW}", json=body)
    assert error(refused) == (400, "RoleDefinitionDoesNotExist")


async def test_lists_of_roles_tell_built_in_from_custom(cloud: Cloud) -> None:
    """Every built-in role has its well-known GUID; custom ones follow."""
    builtin = await cloud.ask("GET", f"{ROOT}{DEFINITIONS}", params={"$filter": "type eq 'BuiltInRole'"})
    assert {item["properties"]["roleName"]: item["name"] for item in builtin.json()["value"]}["Owner"] == (
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    )
    custom = await cloud.ask("GET", f"{ROOT}{DEFINITIONS}", params={"$filter": "type eq 'CustomRole'"})
    assert [item["name"] for item in custom.json()["value"]] == [READER_ROLE, VALIDATOR_ROLE]


async def test_a_management_group_above_the_subscription_grants(cloud: Cloud) -> None:
    """An assignment at the management group reaches what lies below, and lists show it there."""
    above = "/providers/Microsoft.Management/managementGroups/mg1"
    cloud.arm.put_subscription(Subscription(SUBSCRIPTION, TENANT, "Contoso", management_groups=(above,)))
    cloud.arm.put_role_assignment(assignment("above", above, role_guid(READER.id), STRANGER))
    assert (await cloud.ask("GET", f"{SERVICE}{ASSIGNMENTS}", by=STRANGER)).status_code == 200
    refused = await cloud.ask(
        "PUT", f"{above}{ASSIGNMENTS}/{NEW}", json=wanted(principalType="ServicePrincipal")
    )
    assert refused.status_code == 403


async def test_deny_assignments_are_listed_and_read(cloud: Cloud) -> None:
    """In Azure's shape: everyone is the SystemDefined principal."""
    denial = DenyAssignment(
        id=f"{SERVICE}{DENIALS}/{NEW}", name="lock", scope=SERVICE,
        permissions=(Permission(data_actions=("*",)),), principals=("*",), exclude_principals=(STRANGER,),
    )  # fmt: skip
    cloud.arm.put_deny_assignment(denial)
    everyone = {"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}
    found = (await cloud.ask("GET", denial.id)).json()
    assert found["properties"]["principals"] == [everyone]
    for filter_, expected in ((f"assignedTo('{VALIDATOR}')", [found]), (f"assignedTo('{STRANGER}')", [])):
        listed = await cloud.ask("GET", f"{SERVICE}{DENIALS}", params={"$filter": filter_})
        assert listed.json()["value"] == expected
    missing = f"{SERVICE}{DENIALS}/{derived_uuid('no')}"
    assert error(await cloud.ask("GET", missing)) == (404, "DenyAssignmentNotFound")
