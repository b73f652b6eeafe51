"""Names mean principals, scopes and roles; what points at nothing says what there is."""

import pytest

from apim_sandbox.world import resolve
from apim_sandbox.world.load import loads
from apim_sandbox.world.model import World
from apim_sandbox.world.resolve import Principal, UnknownNameError

TEXT = """
tenants:
- name: t.example
  applications: [{name: app, servicePrincipal: {objectId: 00000000-0000-4000-8000-000000000001}}]
  groups:
  - {name: team, objectId: 00000000-0000-4000-8000-000000000002, members: [app, "user:ada", "group:inner"]}
  - {name: inner, objectId: 00000000-0000-4000-8000-000000000003}
  users: [{name: ada, objectId: 00000000-0000-4000-8000-000000000004}]
subscriptions:
- name: s
  id: 00000000-0000-4000-8000-000000000009
  resourceGroups:
  - name: rg
    apiManagementServices:
    - {name: apim, identity: {type: SystemAssigned, principalId: 00000000-0000-4000-8000-000000000005}}
    - {name: bare, identity: {type: None}}
    userAssignedIdentities: [{name: uami, principalId: 00000000-0000-4000-8000-000000000006}]
"""


@pytest.fixture(scope="module")
def world() -> World:
    return loads(TEXT)


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-00000000000{number}"


@pytest.mark.parametrize(
    ("name", "principal"),
    [
        ("app", Principal(_id(1), "ServicePrincipal", "app")),
        ("group:team", Principal(_id(2), "Group", "team")),
        ("user:ada", Principal(_id(4), "User", "ada")),
        ("service:apim", Principal(_id(5), "ServicePrincipal", "apim")),
        ("identity:uami", Principal(_id(6), "ServicePrincipal", "uami")),
        (_id(7), Principal(_id(7), "ServicePrincipal")),
    ],
)
def test_every_form_of_a_principal(world: World, name: str, principal: Principal) -> None:
    """An application means its service principal; a bare object id is taken as it is."""
    assert resolve.principal_for(world, world.subscriptions[0], name) == principal


@pytest.mark.parametrize(
    ("name", "message", "fix"),
    [
        (
            "appp",
            'principal "appp" does not exist; tenant "t.example" has "app", "service:apim"',
            'write "app"',
        ),
        ("group:teem", 'group "teem" does not exist; tenants[].groups has "team", "inner"', 'write "team"'),
        (
            "user:zoe",
            'user "zoe" does not exist',
            "declare it under tenants[].users, or name one that is there",
        ),
        (
            "service:bare",
            'system-assigned identity of service "bare" does not exist',
            "declare it under identity of",
        ),
        ("service:apin", 'API Management service "apin" does not exist', 'write "apim"'),
        ("identity:uamy", 'user-assigned identity "uamy" does not exist', 'write "uami"'),
    ],
)
def test_a_principal_that_is_not_there(world: World, name: str, message: str, fix: str) -> None:
    """Each kind looks in its own place."""
    with pytest.raises(UnknownNameError) as caught:
        resolve.principal_for(world, world.subscriptions[0], name)

    assert str(caught.value).startswith(message)
    assert caught.value.fix.startswith(fix)


def test_scopes_and_roles(world: World) -> None:
    """Short forms become resource ids, built-in roles have theirs from ARM."""
    (subscription,) = world.subscriptions
    root = f"/subscriptions/{_id(9)}"

    assert resolve.scope(subscription, "subscription") == root
    assert resolve.scope(subscription, "resourceGroup:RG") == f"{root}/resourceGroups/rg"
    assert resolve.scope(subscription, "identity:uami") == (
        f"{root}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uami"
    )
    assert resolve.role(subscription, "Owner") == (
        "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    )
    assert resolve.role(subscription, _id(8)).endswith(_id(8))
    for scope in ("resourceGroup:x", "service:x", "gateway:apim/x", "gateway:x/y", "identity:x", "somewhere"):
        with pytest.raises(UnknownNameError):
            resolve.scope(subscription, scope)
