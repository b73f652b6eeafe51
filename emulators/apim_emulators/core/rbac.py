"""Azure RBAC evaluation: pure. (Microsoft's page "What is Azure role-based access control".)

Deny assignments are looked at first, then role assignments; both are inherited from parent scopes,
additive, and reach a principal directly or through groups (transitively, resolved by the caller).
Within one role, `NotActions` subtract from `Actions`; they are no denial, another role may grant.
Action strings match case-insensitively, `*` stands for any run of characters.
The decision carries the assignment that granted, or the nearest that did not and why.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

Kind = Literal["action", "dataAction"]
# How an assignment failed to grant.
Miss = Literal[
    "role-lacks-action", "excluded-by-not-action", "other-scope", "other-principal", "role-unknown"
]
EVERYONE = (
    "00000000-0000-0000-0000-000000000000"  # a deny assignment's SystemDefined principal; `*` is the same
)


class Permission(Struct, frozen=True):
    """One block of a role definition; strings as in Azure, wildcards allowed."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


class RoleDefinition(Struct, frozen=True):
    """`id` is the full resource id `…/roleDefinitions/{guid}`."""

    id: str
    role_name: str
    permissions: tuple[Permission, ...]
    assignable_scopes: tuple[str, ...] = ("/",)
    description: str = ""
    custom: bool = True


class RoleAssignment(Struct, frozen=True):
    """`id` is the full resource id; `scope` where it was made."""

    id: str
    scope: str
    role_definition_id: str
    principal_id: str
    principal_type: str = "ServicePrincipal"


class DenyAssignment(Struct, frozen=True):
    """`principals` are object ids, or `*` for everyone; `exclude_principals` are spared."""

    id: str
    name: str
    scope: str
    permissions: tuple[Permission, ...]
    principals: tuple[str, ...]
    exclude_principals: tuple[str, ...] = ()
    applies_to_children: bool = True


class Considered(Struct, frozen=True):
    """An assignment in a decision: who, which role, where."""

    assignment_id: str
    role_name: str
    scope: str
    principal_id: str
    miss: Miss | None = None


class Decision(Struct, frozen=True):
    """May `principal` do `action` at `scope`? `granted_by`, `denied_by` or `nearest` says why."""

    allowed: bool
    action: str
    scope: str
    principal: str
    granted_by: Considered | None = None
    denied_by: Considered | None = None
    nearest: Considered | None = None


def evaluate(
    *,
    principal: str,
    action: str,
    scope: str,
    kind: Kind,
    definitions: Mapping[str, RoleDefinition],
    assignments: Iterable[RoleAssignment],
    denials: Iterable[DenyAssignment] = (),
    groups: Sequence[str] = (),
    management_groups: Sequence[str] = (),
) -> Decision:
    """Decide whether `principal` (an object id) may do `action` at `scope` (a resource id).

    `groups` are the object ids of all groups that the principal is in, transitively. `definitions`
    maps a role's GUID in lower case (see `role_guid`) to its definition. `management_groups` are the
    resource ids of those above the scope's subscription, which its own id does not tell.
    """
    members = {identity.lower() for identity in (principal, *groups)}
    places = (scope, *management_groups)
    for denial in denials:
        if _denies(denial, members, action, places, kind):
            denied = Considered(denial.id, denial.name, denial.scope, principal)
            return Decision(False, action, scope, principal, denied_by=denied)
    nearest: Considered | None = None
    best = _FARTHEST
    for assignment in assignments:
        definition = definitions.get(role_guid(assignment.role_definition_id))
        reached = _reaches(assignment.scope, places)
        considered = _consider(assignment, definition, members, action, reached, kind)
        if considered is None:
            continue
        if considered.miss is None:
            return Decision(True, action, scope, principal, granted_by=considered)
        distance = (_ORDER.index(considered.miss), not reached)
        if distance < best:
            nearest, best = considered, distance
    return Decision(False, action, scope, principal, nearest=nearest)


def covers(assigned: str, scope: str) -> bool:
    """Whether an assignment at `assigned` reaches `scope`: the same scope or one above it."""
    parent, child = _normal(assigned), _normal(scope)
    return parent in ("", child) or child.startswith(parent + "/")


def matches(pattern: str, action: str) -> bool:
    """Whether an action string of a role covers `action`."""
    head, star, tail = pattern.lower().partition("*")
    text = action.lower()
    if not star:
        return head == text
    if not text.startswith(head):
        return False
    text = text[len(head) :]
    while "*" in tail:
        part, _, tail = tail.partition("*")
        found = text.find(part)
        if found < 0:
            return False
        text = text[found + len(part) :]
    return text.endswith(tail)


def grants(permissions: Iterable[Permission], action: str, kind: Kind) -> Miss | None:
    """None when `permissions` grant `action`, else how they miss it."""
    excluded = False
    for permission in permissions:
        if kind == "action":
            wanted, unwanted = permission.actions, permission.not_actions
        else:
            wanted, unwanted = permission.data_actions, permission.not_data_actions
        if any(matches(pattern, action) for pattern in wanted):
            if not any(matches(pattern, action) for pattern in unwanted):
                return None
            excluded = True
    return "excluded-by-not-action" if excluded else "role-lacks-action"


def role_guid(role_definition_id: str) -> str:
    """The role's GUID in lower case: the same role is named at different scopes by different ids."""
    return role_definition_id.rstrip("/").rpartition("/")[2].lower()


def _normal(scope: str) -> str:
    return "/" + scope.strip("/").lower() if scope.strip("/") else ""


def _reaches(assigned: str, places: tuple[str, ...]) -> bool:
    """Whether `assigned` reaches the first of `places`; the others are the management groups above it."""
    scope, *management_groups = places
    return covers(assigned, scope) or any(_normal(assigned) == _normal(group) for group in management_groups)


def _denies(
    denial: DenyAssignment, members: set[str], action: str, places: tuple[str, ...], kind: Kind
) -> bool:
    named = {identity.lower() for identity in denial.principals}
    spared = {identity.lower() for identity in denial.exclude_principals}
    if members & spared or not (named & {"*", EVERYONE} or members & named):
        return False
    if denial.applies_to_children:
        if not _reaches(denial.scope, places):
            return False
    elif _normal(denial.scope) != _normal(places[0]):
        return False
    return grants(denial.permissions, action, kind) is None


def _consider(
    assignment: RoleAssignment,
    definition: RoleDefinition | None,
    members: set[str],
    action: str,
    reached: bool,
    kind: Kind,
) -> Considered | None:
    """The assignment with how it missed, if it did; None when it has nothing to do with the question."""
    ours = assignment.principal_id.lower() in members
    miss = "role-unknown" if definition is None else grants(definition.permissions, action, kind)
    if miss is None and not ours:
        # That somebody else owns the place says nothing of what was meant here.
        if definition is None or not _meant_for(definition, action, kind):
            return None
        miss = "other-principal"
    elif not ours:
        return None
    elif miss is None and not reached:
        miss = "other-scope"
    name = definition.role_name if definition else ""
    return Considered(assignment.id, name, assignment.scope, assignment.principal_id, miss)


def _meant_for(definition: RoleDefinition, action: str, kind: Kind) -> bool:
    """Whether the role grants `action` by naming its provider, not by a wildcard over everything."""
    return any(
        matches(pattern, action) and not pattern.startswith("*")
        for permission in definition.permissions
        for pattern in (permission.actions if kind == "action" else permission.data_actions)
    )


# The nearest miss is the one that a person most likely meant: the right role for the right
# principal at the wrong place, then for the wrong principal, then a wrong role for the right one.
# Of equal misses the one that reaches the scope is nearer.
_ORDER: tuple[Miss, ...] = (
    "other-scope",
    "other-principal",
    "excluded-by-not-action",
    "role-lacks-action",
    "role-unknown",
)
_FARTHEST = (len(_ORDER), True)
