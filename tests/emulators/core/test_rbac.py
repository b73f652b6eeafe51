"""RBAC evaluation against a slow, obvious second implementation, and rule by rule."""

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apim_emulators.core.rbac import (
    EVERYONE,
    Considered,
    Decision,
    DenyAssignment,
    Kind,
    Permission,
    RoleAssignment,
    RoleDefinition,
    covers,
    evaluate,
    matches,
    role_guid,
)
from apim_emulators.core.vocabulary import GET_CONFIGURATION

ME, OTHER, TEAM = "11111111-aaaa", "22222222-bbbb", "33333333-cccc"
SUB = "/subscriptions/s1"
RG = f"{SUB}/resourceGroups/rg"
SERVICE = f"{RG}/providers/Microsoft.ApiManagement/service/contoso"
GATEWAY = f"{SERVICE}/gateways/on-prem"
SIBLING = f"{SUB}/resourceGroups/rg2"
MANAGEMENT_GROUP = "/providers/Microsoft.Management/managementGroups/mg1"

READER = RoleDefinition(
    f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/READER",
    "Gateway Configuration Reader",
    (Permission(data_actions=(GET_CONFIGURATION,)),),
)
OWNER = RoleDefinition(
    "/providers/Microsoft.Authorization/roleDefinitions/owner",
    "Owner",
    (Permission(actions=("*",)),),
    custom=False,
)
DEFINITIONS = {role_guid(role.id): role for role in (READER, OWNER)}


def assigned(role: RoleDefinition, scope: str, principal: str = ME) -> RoleAssignment:
    return RoleAssignment(f"{scope}/assignments/{role.role_name}-{principal}", scope, role.id, principal)


def read_configuration(*assignments: RoleAssignment, **more: Any) -> Decision:
    return evaluate(
        principal=ME,
        action=GET_CONFIGURATION,
        scope=GATEWAY,
        kind="dataAction",
        definitions=DEFINITIONS,
        assignments=assignments,
        **more,
    )


@pytest.mark.parametrize("scope", ["/", SUB, RG, SERVICE, GATEWAY, GATEWAY.upper(), f"{RG}/"])
def test_an_assignment_reaches_its_scope_and_what_is_below(scope: str) -> None:
    """From the root to the gateway itself, whatever the case and the slash at the end."""
    granting = assigned(READER, scope)
    assert read_configuration(granting) == Decision(
        True, GET_CONFIGURATION, GATEWAY, ME, granted_by=Considered(granting.id, READER.role_name, scope, ME)
    )


@pytest.mark.parametrize("scope", [SIBLING, f"{GATEWAY}/apis/echo", f"{SERVICE}/gateways/on-pre", f"{RG}2"])
def test_an_assignment_beside_or_below_does_not_reach(scope: str) -> None:
    """A sibling, a child, and names that only begin alike: the nearest miss says other scope."""
    missing = assigned(READER, scope)
    assert read_configuration(missing) == Decision(
        False, GET_CONFIGURATION, GATEWAY, ME,
        nearest=Considered(missing.id, READER.role_name, scope, ME, "other-scope"),
    )  # fmt: skip


def test_control_plane_actions_grant_no_data_action() -> None:
    """`Actions: *` of the Owner is no data action."""
    owner = assigned(OWNER, SUB)
    assert read_configuration(owner).nearest == Considered(owner.id, "Owner", SUB, ME, "role-lacks-action")


def test_not_actions_subtract_within_one_role_only() -> None:
    """What one role excludes another may grant."""
    excluding = RoleDefinition(
        "x/excluding", "Excluding", (Permission(data_actions=("*",), not_data_actions=("*/action",)),)
    )
    definitions = DEFINITIONS | {"excluding": excluding}
    first = assigned(excluding, SUB)
    refused = evaluate(
        principal=ME, action=GET_CONFIGURATION, scope=GATEWAY, kind="dataAction",
        definitions=definitions, assignments=[first],
    )  # fmt: skip
    assert refused.nearest == Considered(first.id, "Excluding", SUB, ME, "excluded-by-not-action")
    granted = evaluate(
        principal=ME, action=GET_CONFIGURATION, scope=GATEWAY, kind="dataAction",
        definitions=definitions, assignments=[first, assigned(READER, SUB)],
    )  # fmt: skip
    assert granted.allowed


def test_a_group_grants_what_it_was_assigned() -> None:
    """Through the caller's groups, which the evaluation is told."""
    by_group = assigned(READER, RG, TEAM)
    assert not read_configuration(by_group).allowed
    assert read_configuration(by_group, groups=[TEAM.upper()]).allowed


def test_a_management_group_reaches_the_subscriptions_below_it() -> None:
    """Its id is no prefix of theirs, so the evaluation is told what is above."""
    above = assigned(READER, MANAGEMENT_GROUP)
    assert read_configuration(above).nearest == Considered(
        above.id, READER.role_name, MANAGEMENT_GROUP, ME, "other-scope"
    )
    assert read_configuration(above, management_groups=[MANAGEMENT_GROUP.lower()]).allowed


@pytest.mark.parametrize("everyone", ["*", EVERYONE])
def test_a_deny_assignment_beats_every_role(everyone: str) -> None:
    """It is looked at first, and spares those it excludes."""
    denial = DenyAssignment("deny/1", "lock", SUB, (Permission(data_actions=("*",)),), (everyone,))
    granting = assigned(READER, GATEWAY)
    assert read_configuration(granting, denials=[denial]) == Decision(
        False, GET_CONFIGURATION, GATEWAY, ME, denied_by=Considered("deny/1", "lock", SUB, ME)
    )
    spared = DenyAssignment(
        "deny/1", "lock", SUB, denial.permissions, (everyone,), exclude_principals=(ME.upper(),)
    )
    assert read_configuration(granting, denials=[spared]).allowed


def test_a_deny_assignment_may_spare_child_scopes() -> None:
    """Without its children it acts only where it was made."""
    here = DenyAssignment(
        "d", "lock", SERVICE, (Permission(data_actions=("*",)),), (ME,), applies_to_children=False
    )
    there = DenyAssignment(
        "d", "lock", GATEWAY, (Permission(data_actions=("*",)),), (ME,), applies_to_children=False
    )
    assert read_configuration(assigned(READER, RG), denials=[here]).allowed
    assert not read_configuration(assigned(READER, RG), denials=[there]).allowed


def test_the_nearest_miss_is_what_was_most_likely_meant() -> None:
    """The right role at the wrong place, before the right role for somebody else, before a wrong role."""
    elsewhere, others, wrong = assigned(READER, SIBLING), assigned(READER, RG, OTHER), assigned(OWNER, RG)
    unknown = RoleAssignment("gone", RG, "x/deleted-role", ME)
    for expected, assignments in (
        ("other-scope", [unknown, wrong, others, elsewhere]),
        ("other-principal", [unknown, wrong, others]),
        ("role-lacks-action", [unknown, wrong]),
        ("role-unknown", [unknown]),
    ):
        nearest = read_configuration(*assignments).nearest
        assert nearest is not None
        assert nearest.miss == expected


def test_of_equal_misses_the_one_that_reaches_is_nearer() -> None:
    """Somebody else's role at this resource group says more than one at a sibling."""
    near, far = assigned(READER, RG, OTHER), assigned(READER, SIBLING, OTHER)
    nearest = read_configuration(far, near).nearest
    assert nearest is not None
    assert nearest.scope == RG


def test_what_has_nothing_to_do_with_the_question_is_no_miss() -> None:
    """Somebody else's role that grants something else, or everything."""
    everything = RoleDefinition("x/all", "All data", (Permission(data_actions=("*",)),))
    decision = evaluate(
        principal=ME, action=GET_CONFIGURATION, scope=GATEWAY, kind="dataAction",
        definitions=DEFINITIONS | {"all": everything},
        assignments=[assigned(OWNER, SUB, OTHER), assigned(everything, SUB, OTHER)],
    )  # fmt: skip
    assert decision.nearest is None


# --- the second implementation: sets, regular expressions and every parent spelled out


def obvious_match(pattern: str, action: str) -> bool:
    return bool(
        re.fullmatch(".*".join(map(re.escape, pattern.lower().split("*"))), action.lower(), re.DOTALL)
    )


def obvious_parents(scope: str) -> set[str]:
    parts = [part for part in scope.lower().split("/") if part]
    return {"/".join(parts[:length]) for length in range(len(parts) + 1)}


def obvious_covers(assigned_at: str, scope: str) -> bool:
    return "/".join(part for part in assigned_at.lower().split("/") if part) in obvious_parents(scope)


def obvious_grants(permissions: tuple[Permission, ...], action: str, kind: Kind) -> bool:
    for permission in permissions:
        yes, no = (
            (permission.actions, permission.not_actions)
            if kind == "action"
            else (permission.data_actions, permission.not_data_actions)
        )
        if [p for p in yes if obvious_match(p, action)] and not [p for p in no if obvious_match(p, action)]:
            return True
    return False


def obvious(
    action: str, scope: str, kind: Kind, definitions: dict[str, RoleDefinition],
    assignments: list[RoleAssignment], denials: list[DenyAssignment], groups: list[str], above: list[str],
) -> bool:  # fmt: skip
    mine = {ME, *groups}
    for denial in denials:
        everyone = "*" in denial.principals or EVERYONE in denial.principals
        named = bool(mine & set(denial.principals)) or everyone
        at = obvious_covers(denial.scope, scope) or denial.scope in above
        if not denial.applies_to_children:
            at = denial.scope.lower().strip("/") == scope.lower().strip("/")
        spared = bool(mine & set(denial.exclude_principals))
        if named and not spared and at and obvious_grants(denial.permissions, action, kind):
            return False
    return any(
        assignment.principal_id in mine
        and (obvious_covers(assignment.scope, scope) or assignment.scope in above)
        and (role := definitions.get(assignment.role_definition_id)) is not None
        and obvious_grants(role.permissions, action, kind)
        for assignment in assignments
    )


words = st.sampled_from(["Microsoft.A", "service", "Gateways", "read", "Write", "a"])
actions = st.lists(words, min_size=1, max_size=4).map("/".join)
patterns = st.lists(
    st.one_of(words, st.just("*"), st.just("*a"), st.just("g*s")), min_size=1, max_size=4
).map("/".join) | st.just("*")
pattern_sets = st.lists(patterns, max_size=3).map(tuple)
permissions = st.lists(
    st.builds(Permission, pattern_sets, pattern_sets, pattern_sets, pattern_sets), max_size=3
).map(tuple)
places = st.sampled_from(
    ["/", SUB, RG, SERVICE, GATEWAY, SIBLING, MANAGEMENT_GROUP, RG.upper(), f"{SERVICE}/"]
)
principals = st.sampled_from([ME, OTHER, TEAM])
roles = st.builds(
    RoleDefinition, id=st.sampled_from(["r1", "r2"]), role_name=st.just("role"), permissions=permissions
)
assignment_lists = st.lists(
    st.builds(
        RoleAssignment,
        id=st.just("a"), scope=places, role_definition_id=st.sampled_from(["r1", "r2", "r3"]),
        principal_id=principals,
    ),
    max_size=5,
)  # fmt: skip
denial_lists = st.lists(
    st.builds(
        DenyAssignment,
        id=st.just("d"), name=st.just("d"), scope=places, permissions=permissions,
        principals=st.lists(st.sampled_from([ME, OTHER, TEAM, "*", EVERYONE]), max_size=2).map(tuple),
        exclude_principals=st.lists(principals, max_size=1).map(tuple),
        applies_to_children=st.booleans(),
    ),
    max_size=2,
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(
    actions, places, st.sampled_from(["action", "dataAction"]), st.lists(roles, max_size=2),
    assignment_lists, denial_lists, st.lists(st.just(TEAM), max_size=1),
    st.lists(st.just(MANAGEMENT_GROUP), max_size=1),
)  # fmt: skip
def test_evaluation_agrees_with_the_obvious_one(
    action: str, scope: str, kind: Kind, made: list[RoleDefinition],
    assignments: list[RoleAssignment], denials: list[DenyAssignment], groups: list[str], above: list[str],
) -> None:  # fmt: skip
    """The same verdict for any world; and it always says why."""
    definitions = {role.id: role for role in made}
    decision = evaluate(
        principal=ME, action=action, scope=scope, kind=kind, definitions=definitions,
        assignments=assignments, denials=denials, groups=groups, management_groups=above,
    )  # fmt: skip
    assert decision.allowed == obvious(action, scope, kind, definitions, assignments, denials, groups, above)
    assert decision.allowed == (decision.granted_by is not None)
    assert not (decision.denied_by and decision.nearest)


@settings(max_examples=500, deadline=None)
@given(st.text("aB*/", max_size=8), st.text("ab/", max_size=10))
@example("a*a", "a")
@example("*", "")
def test_wildcards_agree_with_the_obvious_ones(pattern: str, action: str) -> None:
    """Each star stands for any run of characters, none included."""
    assert matches(pattern, action) == obvious_match(pattern, action)


@given(
    st.lists(st.sampled_from("ab"), max_size=4), st.lists(st.sampled_from("aB"), max_size=4), st.booleans()
)
def test_scopes_agree_with_the_obvious_ones(parent: list[str], child: list[str], slash: bool) -> None:
    """A scope covers itself and whatever has it among its parents."""
    assigned_at, scope = "/" + "/".join(parent) + ("/" if slash else ""), "/" + "/".join(child)
    assert covers(assigned_at, scope) == obvious_covers(assigned_at, scope)
