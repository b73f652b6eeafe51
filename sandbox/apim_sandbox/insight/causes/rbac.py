"""The configuration API's 403: which of its two halves failed, and what came nearest."""

from collections.abc import Mapping

from msgspec import Struct

from apim_emulators.core.events import ArmAnswered, ConfigurationAnswered, Half, ResourceChanged
from apim_emulators.core.rbac import Considered, Decision, Permission, covers, grants, role_guid
from apim_emulators.core.vocabulary import GET_CONFIGURATION
from apim_sandbox.insight.causes.facts import Failure, az, by_whom, principal_name, prop, text_prop, when
from apim_sandbox.insight.explanation import Comparison, Explanation, Fact, Mend
from apim_sandbox.insight.hops import scope_name
from apim_sandbox.insight.trace import Seen, Trace

READER_ROLE = "API Management Gateway Configuration Reader Role"
VALIDATOR_ROLE = "API Management Configuration API Access Validator Service Role"
PROPAGATION = 600.0  # seconds; Microsoft's RBAC troubleshooting page: up to 10 minutes


class Side(Struct, frozen=True):
    """What is particular to one half."""

    name: str  # "reader"
    role: str
    holder: str  # who should hold the role, in words
    gap: str  # what is missing, in words


READER = Side(
    "reader", READER_ROLE, "the gateway's application", "the gateway may not read its configuration"
)
VALIDATOR = Side(
    "validator",
    VALIDATOR_ROLE,
    "the API Management service's system-assigned identity",
    "API Management may not read the role assignments that answer whether the gateway may",
)


def forbidden(failure: Failure, event: ConfigurationAnswered) -> Explanation:
    """403: the caller can't tell the halves apart, the journal can."""
    side, half = _failed_half(event)
    if half is None:
        return Explanation(
            cause=event.cause or "forbidden",
            hop=8,
            headline=f"The configuration API refused (hop 8): {event.cause or '403 Forbidden'}.",
        )
    decision = half.decision
    if decision is None:
        return _no_identity(event, side, half)
    other = _other_half(event, side)
    found = _why(failure.trace, failure.record.at, side, decision)
    return Explanation(
        cause=f"{side.name}-{found.cause}",
        hop=8,
        headline=f"The configuration API refused (hop 8): {found.text}.",
        facts=(
            Fact("missing half", f"{side.name}: {side.gap}"),
            Fact("action", decision.action),
            Fact("at", decision.scope),
            Fact("principal", principal_name(failure.trace, decision.principal)),
            *found.facts,
        ),
        comparisons=found.comparisons,
        would_fail_next=other,
        mends=found.mends,
        seen_in_the_field=found.seen,
    )


class Why(Struct, frozen=True):
    cause: str
    text: str
    facts: tuple[Fact, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    mends: tuple[Mend, ...] = ()
    seen: str = ""


def _why(trace: Trace, now: float, side: Side, decision: Decision) -> Why:
    assign = _assign(side, decision)
    if decision.denied_by is not None:
        denied = decision.denied_by
        return Why(
            "denied",
            f'deny assignment "{denied.role_name}" forbids it',
            (Fact("denied at", denied.scope),),
            mends=(
                Mend(
                    "cloud",
                    "remove the deny assignment or exclude this principal",
                    denied.assignment_id,
                    az("rest", url=f"{denied.assignment_id}?api-version=2022-04-01"),
                ),
            ),
            seen="deny assignments come with managed applications and blueprints, nobody writes "
            "them by hand.",
        )
    fresh = _fresh(trace, now, decision)
    if fresh is not None:
        age = now - fresh.record.at
        return Why(
            "not-yet-visible",
            f"the {side.name} role was assigned {round(age)} s ago and is not visible yet",
            (
                Fact(
                    "assigned",
                    f"{when(fresh.record.at)} by {by_whom(trace, fresh)}",
                ),
            ),
            mends=(
                Mend(
                    "clock",
                    "wait: a new assignment takes up to 10 minutes",
                    "",
                    "apim-sandbox clock advance 10m",
                ),
            ),
            seen="up to 10 minutes, by Microsoft's RBAC troubleshooting page.",
        )
    if decision.nearest is not None:
        told = _near(trace, side, decision, decision.nearest, assign)
        if told is not None:
            return told
    elsewhere = _elsewhere(trace, now, side, decision)
    if elsewhere:
        return Why(
            "other-scope",
            f"the {side.name} role is assigned at {scope_name(elsewhere)}, which does not cover the gateway",
            comparisons=(Comparison("scope", decision.scope, elsewhere),),
            mends=(assign,),
            seen="an assignment reaches its own scope and what lies below it, never a sibling.",
        )
    lost = _lost(trace, decision)
    if lost is not None:
        age = now - lost.record.at
        return Why(
            "not-assigned",
            f"the {side.name} role is not assigned any more",
            (
                Fact(
                    "removed",
                    f"{when(lost.record.at)}, {round(age)} s before, by {by_whom(trace, lost)}",
                ),
            ),
            mends=(assign,),
            seen=_SEEN[side.name],
        )
    return Why(
        "not-assigned", f"the {side.name} role is not assigned", mends=(assign,), seen=_SEEN[side.name]
    )


_SEEN = {
    "reader": (
        "a role taken away from a running gateway shows late: it serves on from memory and only dies at its "
        "next restart (Azure/api-management-self-hosted-gateway, pull request 371)."
    ),
    "validator": (
        "the second role is easily forgotten: it goes to the service's identity, not to the "
        "gateway's, and its "
        "absence looks the same from outside (the symptom is assumed: Microsoft documents none)."
    ),
}


def _near(trace: Trace, side: Side, decision: Decision, near: Considered, assign: Mend) -> Why | None:
    role = near.role_name or "an unknown role"
    where = Fact("nearest", f'"{role}" at {near.scope}')
    if near.miss == "other-scope":
        return Why(
            "other-scope",
            f"the {side.name} role is assigned at {scope_name(near.scope)}, which does not cover the gateway",
            (where,),
            (Comparison("scope", decision.scope, near.scope),),
            (assign,),
            "an assignment reaches its own scope and what lies below it, never a sibling.",
        )
    if near.miss == "other-principal":
        return _wrong_principal(trace, side, decision, near, assign)
    if near.miss == "role-lacks-action" and side.name == "reader":
        return Why(
            "role-lacks-data-action",
            f'the principal holds "{role}", which has no such data action',
            (where,),
            (),
            (assign,),
            "Owner, Contributor and every other role with Actions only give no data action "
            "(Azure/api-management-self-hosted-gateway#269).",
        )
    if near.miss == "role-lacks-action":
        return Why(
            "role-lacks-action",
            f'the service\'s identity holds "{role}", which does not contain the action',
            (where,),
            (),
            (assign,),
        )
    if near.miss == "excluded-by-not-action":
        return Why(
            "excluded",
            f'"{role}" excludes the action by its NotActions',
            (where,),
            (),
            (assign,),
            "NotActions only subtract within one role; a second role may still grant.",
        )
    return None


def _wrong_principal(trace: Trace, side: Side, decision: Decision, near: Considered, assign: Mend) -> Why:
    """Whose id it is that got the role: the reports are full of ids of the wrong object."""
    facts = (Fact("assigned to", principal_name(trace, near.principal_id)),)
    pair = (Comparison("principal", decision.principal, near.principal_id),)
    seen = trace.resource(near.principal_id)
    kind = seen.event.type if seen is not None else ""
    if kind == "application":
        return Why(
            "on-application-object",
            f"the {side.name} role is assigned to the application object, not to its service principal",
            facts,
            pair,
            (assign,),
            "an app has three ids: object id of the application, application (client) id, object id of the "
            "service principal; RBAC knows the last one alone.",
        )
    if _is_client_id(trace, near.principal_id):
        return Why(
            "on-client-id",
            f"the {side.name} role is assigned to the client id, not to the service principal's id",
            facts,
            pair,
            (assign,),
            "RBAC knows object ids of service principals, no client ids.",
        )
    if seen is not None and seen.event.change == "deleted":
        return Why(
            "on-deleted-principal",
            f"the {side.name} role is assigned to a principal that exists no more",
            facts,
            pair,
            (assign,),
            'a recreated identity has a new id; the portal shows "Identity not found" for the old one.',
        )
    if _user_assigned(kind, seen) and side is VALIDATOR:
        return Why(
            "on-user-assigned-identity",
            "the validator role is assigned to a user-assigned identity; only the system-assigned "
            "one is used",
            facts,
            pair,
            (assign,),
        )
    return Why(
        "other-principal",
        f"the {side.name} role is assigned to another principal",
        facts,
        pair,
        (assign,),
        f"it must be held by {side.holder}.",
    )


def _user_assigned(kind: str, seen: Seen[ResourceChanged] | None) -> bool:
    """ARM calls it a user-assigned identity; the directory, a service principal with this mark."""
    names = seen.event.after.get("alternative_names", ()) if seen is not None else ()
    return kind == "userAssignedIdentity" or "isExplicit=True" in names


def _is_client_id(trace: Trace, identity: str) -> bool:
    return any(
        text_prop(seen.event.after, name).lower() == identity.lower()
        for seen in trace.resources.values()
        for name in ("appId", "clientId")
    ) or any(seen.event.client_id.lower() == identity.lower() for seen in trace.exchanges)


def _assign(side: Side, decision: Decision) -> Mend:
    scope = decision.scope.partition("/gateways/")[0]
    command = az(
        "role assignment create",
        role=side.role,
        assignee_object_id=decision.principal,
        assignee_principal_type="ServicePrincipal",
        scope=scope,
    )
    return Mend("cloud", f"assign the {side.name} role to {side.holder}", scope_name(scope), command)


def _fresh(trace: Trace, now: float, decision: Decision) -> Seen[ResourceChanged] | None:
    """A granting assignment of the last minutes, made before the request, not seen by it."""
    for seen in trace.resources.values():
        event = seen.event
        if event.type != "roleAssignment" or event.change != "created" or not seen.record.at <= now:
            continue
        if now - seen.record.at > PROPAGATION or event.by in ("", "world"):
            continue
        same = text_prop(event.after, "principalId").lower() == decision.principal.lower()
        reaches = same and covers(_scope_of(event), decision.scope) and not _is_nearest(decision, event)
        if reaches and _would_grant(trace, event, decision):
            return seen
    return None


def _is_nearest(decision: Decision, event: ResourceChanged) -> bool:
    return decision.nearest is not None and decision.nearest.assignment_id.lower() == event.id.lower()


def _would_grant(trace: Trace, event: ResourceChanged, decision: Decision) -> bool:
    """Whether the assigned role contains the action; True when the role's definition is not known."""
    wanted = role_guid(text_prop(event.after, "roleDefinitionId"))
    for seen in trace.resources.values():
        if seen.event.type != "roleDefinition" or role_guid(seen.event.id) != wanted:
            continue
        blocks = prop(seen.event.after, "permissions")
        permissions = [
            Permission(
                *(
                    tuple(str(one) for one in prop(block, name) or ())
                    for name in ("actions", "notActions", "dataActions", "notDataActions")
                )
            )
            for block in blocks or ()
            if isinstance(block, Mapping)
        ]
        data = decision.action.lower() == GET_CONFIGURATION.lower()
        return grants(permissions, decision.action, "dataAction" if data else "action") is None
    return True


def _elsewhere(trace: Trace, now: float, side: Side, decision: Decision) -> str:
    """Where the principal holds the role, when that is beside the resource; the API never saw it."""
    for seen in trace.resources.values():
        event = seen.event
        if event.type != "roleAssignment" or event.change == "deleted" or seen.record.at > now:
            continue
        same = text_prop(event.after, "principalId").lower() == decision.principal.lower()
        if same and event.name == side.role and not covers(_scope_of(event), decision.scope):
            return _scope_of(event)
    return ""


def _lost(trace: Trace, decision: Decision) -> Seen[ResourceChanged] | None:
    """The removal of an assignment that reached this principal here."""
    for seen in reversed(list(trace.resources.values())):
        event = seen.event
        if event.type == "roleAssignment" and event.change == "deleted":
            same = text_prop(event.before, "principalId").lower() == decision.principal.lower()
            if same and covers(_scope_of(event), decision.scope):
                return seen
    return None


def _scope_of(event: ResourceChanged) -> str:
    scope = text_prop(event.after or event.before, "scope")
    return scope or event.id.rpartition("/providers/Microsoft.Authorization/")[0]


def _failed_half(event: ConfigurationAnswered) -> tuple[Side, Half | None]:
    for side, half in ((VALIDATOR, event.validator), (READER, event.reader)):
        if half is not None and half.verdict == "failed":
            return side, half
    for side, half in ((VALIDATOR, event.validator), (READER, event.reader)):
        if half is not None and half.verdict == "not-evaluable":
            return side, half
    return READER, None


def _other_half(event: ConfigurationAnswered, side: Side) -> tuple[str, ...]:
    other = event.reader if side is VALIDATOR else event.validator
    if other is None:
        return ()
    name = "reader" if side is VALIDATOR else "validator"
    if other.verdict == "failed":
        return (f"{name}: its role is not granted either",)
    if other.verdict == "not-evaluable" and side is VALIDATOR:
        return ("reader: not evaluable while the service can't read role assignments",)
    return ()


def _no_identity(event: ConfigurationAnswered, side: Side, half: Half) -> Explanation:
    problem = half.problem or "the check could not be made"
    name = (
        "validator-no-identity" if "no system-assigned identity" in problem else f"{side.name}-not-evaluable"
    )
    if event.cause == "identity-sign-in":
        name = "validator-identity-sign-in"
    enable = az(
        "apim update", name=event.service, resource_group="<resource-group>", enable_managed_identity="true"
    )
    return Explanation(
        cause=name,
        hop=8,
        headline=f"The configuration API refused (hop 8): {problem.rstrip('.')}.",
        facts=(Fact("missing half", f"{side.name}: {side.gap}"), Fact("service", event.service)),
        mends=(
            Mend(
                "cloud",
                "give the service a system-assigned identity and the validator role",
                event.service,
                enable,
            ),
        )
        if name == "validator-no-identity"
        else (),
        seen_in_the_field="user-assigned identities are not used for this check.",
    )


def arm_refused(_: Failure, event: ArmAnswered) -> Explanation:
    """A caller of ARM itself was refused."""
    decision = event.decision
    if decision is None:
        return Explanation(
            cause="arm-unauthenticated" if event.status == 401 else "arm-refused",
            hop=8,
            headline=f"ARM answered {event.status} to {event.method} {event.path}: "
            f"{event.error or 'no reason given'}.",
            facts=(Fact("caller", event.caller_name or event.caller or "unknown"),),
        )
    nearest = (
        (Fact("nearest", f'"{decision.nearest.role_name}" at {decision.nearest.scope}'),)
        if decision.nearest
        else ()
    )
    grant = az(
        "role assignment create", role="Owner", assignee_object_id=decision.principal, scope=decision.scope
    )
    return Explanation(
        cause="arm-not-authorized",
        hop=8,
        headline=f"ARM refused {event.caller_name or event.caller}: {decision.action} is not granted.",
        facts=(Fact("at", decision.scope), *nearest),
        mends=(Mend("cloud", "assign a role that contains the action", scope_name(decision.scope), grant),),
    )
