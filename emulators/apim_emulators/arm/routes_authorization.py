"""Microsoft.Authorization at any scope: role assignments and deny assignments."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from apim_emulators.arm.call import Arm, Call, call_of, read_model
from apim_emulators.arm.errors import (
    DATA_ACTIONS_API_VERSION,
    DENY_ASSIGNMENT_NOT_FOUND,
    INVALID_FILTER,
    INVALID_REQUEST_CONTENT,
    INVALID_ROLE_ASSIGNMENT_ID,
    MANAGEMENT_GROUP_DATA_ACTIONS,
    PRINCIPAL_NOT_FOUND,
    ROLE_ASSIGNMENT_EXISTS,
    ROLE_ASSIGNMENT_NOT_FOUND,
    ROLE_ASSIGNMENT_UPDATE_NOT_PERMITTED,
    ROLE_DEFINITION_UNUSABLE,
    ROLE_NOT_ASSIGNABLE_HERE,
    UNMATCHED_PRINCIPAL_TYPE,
    ArmRefusedError,
)
from apim_emulators.arm.filters import SUPPORTED, Filter, FilterError, parse_filter
from apim_emulators.arm.model import AssignmentRecord, Audit
from apim_emulators.arm.render import deny_assignment_json, role_assignment_json
from apim_emulators.arm.scopes import (
    DENY_ASSIGNMENTS,
    ROLE_ASSIGNMENTS,
    is_management_group,
    same,
    split_extension,
)
from apim_emulators.core.http import json_response
from apim_emulators.core.rbac import EVERYONE, RoleAssignment, role_guid
from apim_emulators.core.store import ALWAYS

GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class CamelModel(BaseModel):
    """A request body: camelCase members, unknown ones ignored as ARM does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class RoleAssignmentProperties(CamelModel):
    role_definition_id: str = Field(max_length=2048)
    principal_id: str = Field(pattern=GUID.pattern.replace("a-f", "a-fA-F"), max_length=36)
    principal_type: Literal["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"] | None = None
    description: str | None = Field(default=None, max_length=4096)
    condition: str | None = None


class RoleAssignmentBody(CamelModel):
    properties: RoleAssignmentProperties


def read_filter(request: Request) -> Filter:
    """The request's `$filter`; raises `ArmRefusedError` (400)."""
    try:
        return parse_filter(request.query_params.get("$filter", ""))
    except FilterError as error:
        raise ArmRefusedError(INVALID_FILTER, filter=error, supported=SUPPORTED) from None


def at_any_scope(
    router: APIRouter, method: str, suffix: str, **options: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register an endpoint below every scope and at the tenant's root."""

    def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
        router.add_api_route("/{scope:path}" + suffix, endpoint, methods=[method], **options)
        router.add_api_route(
            suffix, endpoint, methods=[method], name=f"{endpoint.__name__}_at_root", **options
        )
        return endpoint

    return register


def router(arm: Arm) -> APIRouter:
    routes = APIRouter(route_class=arm.route_class(), tags=["Microsoft.Authorization"])

    @at_any_scope(routes, "GET", ROLE_ASSIGNMENTS.rstrip("/"), summary="List role assignments")
    async def list_role_assignments(request: Request, scope: str = "") -> Response:
        call = call_of(request)
        await arm.authorize(call)
        place = f"/{scope}"
        wanted = read_filter(request)
        # Lists show writes at once; a resource provider reads what authorization counts with.
        now = arm.context.clock.now()
        known = arm.authorization.counted(now) if call.from_provider else arm.state.role_assignments()
        records = [
            record
            for record in known
            if arm.state.listed_at(place, record.assignment.scope, below=not wanted.at_scope)
        ]
        principals = await _principals(arm, wanted, [record.assignment for record in records])
        if principals is not None:
            records = [record for record in records if record.assignment.principal_id.lower() in principals]
        return json_response({"value": [role_assignment_json(record) for record in records]})

    @at_any_scope(routes, "GET", ROLE_ASSIGNMENTS + "{name}", summary="Read a role assignment")
    async def get_role_assignment(request: Request, name: str) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        record = arm.state.role_assignment(call.resource.text)
        if record is None:
            raise ArmRefusedError(ROLE_ASSIGNMENT_NOT_FOUND, name=name)
        return json_response(role_assignment_json(record))

    @at_any_scope(routes, "PUT", ROLE_ASSIGNMENTS + "{name}", summary="Assign a role")
    async def put_role_assignment(request: Request, name: str) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        arm.need_group(call.resource.text)
        if not GUID.fullmatch(name):
            raise ArmRefusedError(INVALID_ROLE_ASSIGNMENT_ID, name=name)
        body = await read_model(request, RoleAssignmentBody)
        assignment = await _checked_assignment(arm, call, body.properties)
        before = arm.state.role_assignment(assignment.id)
        if before is not None:
            if not _same_grant(before.assignment, assignment):
                raise ArmRefusedError(ROLE_ASSIGNMENT_UPDATE_NOT_PERMITTED)
            assignment = before.assignment
        else:
            _refuse_duplicate(arm, assignment)
        record = arm.state.put_role_assignment(
            assignment,
            description=body.properties.description,
            audit=_audit(arm, call, before),
            visible_at=arm.visible_at() if before is None else 0.0,
            by=call.by,
        )
        return json_response(role_assignment_json(record), 201 if before is None else 200)

    @at_any_scope(routes, "DELETE", ROLE_ASSIGNMENTS + "{name}", summary="Remove a role assignment")
    async def delete_role_assignment(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        gone = arm.state.delete_role_assignment(call.resource.text, visible_at=arm.visible_at(), by=call.by)
        return Response(status_code=204) if gone is None else json_response(role_assignment_json(gone))

    @at_any_scope(routes, "GET", DENY_ASSIGNMENTS.rstrip("/"), summary="List deny assignments")
    async def list_deny_assignments(request: Request, scope: str = "") -> Response:
        call = call_of(request)
        await arm.authorize(call)
        place = f"/{scope}"
        wanted = read_filter(request)
        at = arm.context.clock.now() if call.from_provider else ALWAYS
        denials = [
            denial
            for denial in arm.state.deny_assignments(at=at)
            if arm.state.listed_at(place, denial.scope, below=not wanted.at_scope)
            and wanted.deny_assignment_name.lower() in ("", denial.name.lower())
        ]
        principal = wanted.assigned_to or wanted.principal_id
        if principal:
            groups = await arm.authorization.groups(principal, (), denials) if wanted.assigned_to else ()
            members = {principal.lower(), *(group.lower() for group in groups), EVERYONE, "*"}
            denials = [
                denial
                for denial in denials
                if members & {identity.lower() for identity in denial.principals}
                and not members & {identity.lower() for identity in denial.exclude_principals}
            ]
        return json_response({"value": [deny_assignment_json(denial) for denial in denials]})

    @at_any_scope(routes, "GET", DENY_ASSIGNMENTS + "{name}", summary="Read a deny assignment")
    async def get_deny_assignment(request: Request, name: str) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        for denial in arm.state.deny_assignments():
            if same(denial.id, call.resource.text):
                return json_response(deny_assignment_json(denial))
        raise ArmRefusedError(DENY_ASSIGNMENT_NOT_FOUND, name=name)

    return routes


async def _principals(arm: Arm, wanted: Filter, assignments: Iterable[RoleAssignment]) -> set[str] | None:
    """The object ids whose assignments a filter asks for; None for everybody's."""
    if wanted.assigned_to:
        groups = await arm.authorization.groups(wanted.assigned_to, assignments, ())
        return {wanted.assigned_to.lower(), *(group.lower() for group in groups)}
    return {wanted.principal_id.lower()} if wanted.principal_id else None


async def _checked_assignment(arm: Arm, call: Call, wanted: RoleAssignmentProperties) -> RoleAssignment:
    """The assignment that a PUT asks for, once nothing speaks against it; raises `ArmRefusedError`."""
    scope, name = split_extension(call.resource.text, ROLE_ASSIGNMENTS)
    if wanted.condition:
        raise ArmRefusedError(
            INVALID_REQUEST_CONTENT, problem="properties.condition: the sandbox evaluates no conditions"
        )
    known = arm.state.role_definition(wanted.role_definition_id)
    guid = role_guid(wanted.role_definition_id)
    if known is None:
        raise ArmRefusedError(ROLE_DEFINITION_UNUSABLE, guid=guid.replace("-", ""))
    role = known.definition
    if any(permission.data_actions for permission in role.permissions):
        if is_management_group(scope) and role.custom:
            raise ArmRefusedError(MANAGEMENT_GROUP_DATA_ACTIONS)
        if call.api_version < "2018":
            raise ArmRefusedError(DATA_ACTIONS_API_VERSION, version=call.api_version)
    if not any(arm.state.listed_at(scope, place, below=False) for place in role.assignable_scopes):
        raise ArmRefusedError(ROLE_NOT_ASSIGNABLE_HERE, guid=guid.replace("-", ""))
    principal_type = wanted.principal_type
    if principal_type is None:
        principal_type = await _principal_type(arm, call, wanted.principal_id)
    return RoleAssignment(
        id=f"{scope.rstrip('/')}{ROLE_ASSIGNMENTS}{name}",
        scope=scope,
        role_definition_id=role.id,
        principal_id=wanted.principal_id.lower(),
        principal_type=principal_type,
    )


async def _principal_type(
    arm: Arm, call: Call, principal_id: str
) -> Literal["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"]:
    """What Entra says the principal is; raises `ArmRefusedError` where Entra does not know it."""
    found = await arm.authorization.principal(principal_id.lower())
    if found is None:
        raise ArmRefusedError(
            PRINCIPAL_NOT_FOUND,
            principal=principal_id.lower().replace("-", ""),
            tenant=call.caller.tenant_id if call.caller else "",
        )
    match found.get("type"):
        case "User":
            return "User"
        case "Group":
            return "Group"
        case "ServicePrincipal":
            return "ServicePrincipal"
        case other:
            raise ArmRefusedError(
                UNMATCHED_PRINCIPAL_TYPE, principal=principal_id, actual=other, given="ServicePrincipal"
            )


def _same_grant(before: RoleAssignment, after: RoleAssignment) -> bool:
    return (
        same(before.scope, after.scope)
        and before.principal_id.lower() == after.principal_id.lower()
        and role_guid(before.role_definition_id) == role_guid(after.role_definition_id)
    )


def _refuse_duplicate(arm: Arm, assignment: RoleAssignment) -> None:
    for record in arm.state.role_assignments():
        if _same_grant(record.assignment, assignment):
            existing = record.assignment.id.rpartition("/")[2].replace("-", "")
            raise ArmRefusedError(ROLE_ASSIGNMENT_EXISTS, existing=existing)


def _audit(arm: Arm, call: Call, before: AssignmentRecord | None) -> Audit:
    now = arm.context.clock.now()
    created = before.audit if before else Audit(created_on=now, created_by=call.by)
    return Audit(created.created_on, created.created_by, updated_on=now, updated_by=call.by)
