"""Microsoft.Authorization/roleDefinitions: built-in roles to read, custom ones to make."""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from apim_emulators.arm.call import Arm, Call, call_of, read_model
from apim_emulators.arm.errors import (
    BUILTIN_ROLE_READ_ONLY,
    INVALID_ACTION,
    INVALID_DATA_ACTION,
    INVALID_REQUEST_CONTENT,
    LINKED_AUTHORIZATION_FAILED,
    MANAGEMENT_GROUP_DATA_ACTIONS,
    ROLE_DEFINITION_HAS_ASSIGNMENTS,
    ROLE_DEFINITION_NAME_EXISTS,
    ROLE_DEFINITION_NOT_FOUND,
    ArmRefusedError,
)
from apim_emulators.arm.model import Audit, DefinitionRecord
from apim_emulators.arm.operations import supported
from apim_emulators.arm.render import role_definition_id, role_definition_json
from apim_emulators.arm.routes_authorization import GUID, CamelModel, at_any_scope, read_filter
from apim_emulators.arm.scopes import (
    ROLE_DEFINITIONS,
    ScopeError,
    is_management_group,
    parse,
    split_extension,
)
from apim_emulators.core.http import json_response
from apim_emulators.core.rbac import Permission, RoleDefinition, role_guid


class PermissionBody(CamelModel):
    actions: list[str] = Field(default_factory=list, max_length=2048)
    not_actions: list[str] = Field(default_factory=list, max_length=2048)
    data_actions: list[str] = Field(default_factory=list, max_length=2048)
    not_data_actions: list[str] = Field(default_factory=list, max_length=2048)

    def value(self) -> Permission:
        return Permission(
            tuple(self.actions),
            tuple(self.not_actions),
            tuple(self.data_actions),
            tuple(self.not_data_actions),
        )


class RoleDefinitionProperties(CamelModel):
    role_name: str = Field(min_length=1, max_length=512)
    description: str | None = Field(default="", max_length=2048)
    assignable_scopes: list[str] = Field(min_length=1, max_length=2000)
    permissions: list[PermissionBody] = Field(min_length=1, max_length=64)


class RoleDefinitionBody(CamelModel):
    properties: RoleDefinitionProperties


def router(arm: Arm) -> APIRouter:
    routes = APIRouter(route_class=arm.route_class(), tags=["Microsoft.Authorization"])

    @at_any_scope(routes, "GET", ROLE_DEFINITIONS.rstrip("/"), summary="List role definitions")
    async def list_role_definitions(request: Request, scope: str = "") -> Response:
        call = call_of(request)
        await arm.authorize(call)
        place = f"/{scope}"
        wanted = read_filter(request)
        value = [
            role_definition_json(record, place)
            for record in arm.state.role_definitions()
            if any(
                arm.state.listed_at(place, assignable, below=wanted.at_scope_and_below)
                for assignable in record.definition.assignable_scopes
            )
            and wanted.role_name.lower() in ("", record.definition.role_name.lower())
            and wanted.role_type.lower() in ("", "customrole" if record.definition.custom else "builtinrole")
        ]
        return json_response({"value": value})

    @at_any_scope(routes, "GET", ROLE_DEFINITIONS + "{name}", summary="Read a role definition")
    async def get_role_definition(request: Request, name: str, scope: str = "") -> Response:
        await arm.authorize(call_of(request))
        record = arm.state.role_definition(name)
        if record is None:
            raise ArmRefusedError(ROLE_DEFINITION_NOT_FOUND, guid=name)
        return json_response(role_definition_json(record, f"/{scope}"))

    @at_any_scope(routes, "PUT", ROLE_DEFINITIONS + "{name}", summary="Make or change a custom role")
    async def put_role_definition(request: Request, name: str, scope: str = "") -> Response:
        call = call_of(request)
        await arm.authorize(call)
        before = arm.state.role_definition(name)
        if before is not None and not before.definition.custom:
            raise ArmRefusedError(BUILTIN_ROLE_READ_ONLY, name=before.definition.role_name)
        body = (await read_model(request, RoleDefinitionBody)).properties
        definition = _checked_definition(arm, call, body)
        await _authorize_linked(arm, call, definition)
        now = arm.context.clock.now()
        created = before.audit if before else Audit(created_on=now, created_by=call.by)
        record = arm.state.put_role_definition(
            definition,
            audit=Audit(created.created_on, created.created_by, now, call.by),
            by=call.by,
        )
        return json_response(role_definition_json(record, f"/{scope}"), 201)

    @at_any_scope(routes, "DELETE", ROLE_DEFINITIONS + "{name}", summary="Delete a custom role")
    async def delete_role_definition(request: Request, name: str, scope: str = "") -> Response:
        call = call_of(request)
        await arm.authorize(call)
        record = arm.state.role_definition(name)
        if record is None:
            return Response(status_code=204)
        _refuse_used(arm, record)
        arm.state.delete_role_definition(name, by=call.by)
        return json_response(role_definition_json(record, f"/{scope}"))

    return routes


def _checked_definition(arm: Arm, call: Call, body: RoleDefinitionProperties) -> RoleDefinition:
    """The role that a PUT asks for, once nothing speaks against it; raises `ArmRefusedError`."""
    scope, guid = split_extension(call.resource.text, ROLE_DEFINITIONS)
    if not GUID.fullmatch(guid):
        raise ArmRefusedError(INVALID_REQUEST_CONTENT, problem=f"name: {guid!r} is not a GUID")
    for assignable in body.assignable_scopes:
        _check_assignable(arm, assignable)
    permissions = tuple(permission.value() for permission in body.permissions)
    has_data_actions = any(
        permission.data_actions or permission.not_data_actions for permission in permissions
    )
    if has_data_actions and any(is_management_group(assignable) for assignable in body.assignable_scopes):
        raise ArmRefusedError(MANAGEMENT_GROUP_DATA_ACTIONS)
    for permission in permissions:
        for action in (*permission.actions, *permission.not_actions):
            if not supported(action, "action"):
                raise ArmRefusedError(INVALID_ACTION, action=action)
        for action in (*permission.data_actions, *permission.not_data_actions):
            if not supported(action, "dataAction"):
                raise ArmRefusedError(INVALID_DATA_ACTION, action=action)
    for record in arm.state.role_definitions():
        other = record.definition
        if other.role_name.lower() == body.role_name.lower() and role_guid(other.id) != guid.lower():
            raise ArmRefusedError(ROLE_DEFINITION_NAME_EXISTS)
    return RoleDefinition(
        id=role_definition_id(guid.lower(), scope),
        role_name=body.role_name,
        permissions=permissions,
        assignable_scopes=tuple(body.assignable_scopes),
        description=body.description or "",
        custom=True,
    )


def _check_assignable(arm: Arm, assignable: str) -> None:
    try:
        resource = parse(assignable)
    except ScopeError as error:
        raise ArmRefusedError(INVALID_REQUEST_CONTENT, problem=f"assignableScopes: {error}") from None
    known = resource.subscription and arm.state.subscription(resource.subscription) is not None
    if not known and not resource.management_group:
        raise ArmRefusedError(
            INVALID_REQUEST_CONTENT,
            problem=f"assignableScopes: {assignable!r} lies in no known subscription or management group",
        )


async def _authorize_linked(arm: Arm, call: Call, definition: RoleDefinition) -> None:
    """The writer must hold `roleDefinitions/write` at every assignable scope, not only at the URL's."""
    assert call.caller is not None
    for assignable in definition.assignable_scopes:
        decision = await arm.authorization.decide(call.caller.object_id, call.action, assignable)
        if not decision.allowed:
            call.decision = decision
            raise ArmRefusedError(
                LINKED_AUTHORIZATION_FAILED,
                client=call.caller.app_id or call.caller.object_id,
                object_id=call.caller.object_id,
                action=call.action,
                scope=call.resource.text,
                linked=assignable,
            )


def _refuse_used(arm: Arm, record: DefinitionRecord) -> None:
    role = record.definition
    if not role.custom:
        raise ArmRefusedError(BUILTIN_ROLE_READ_ONLY, name=role.role_name)
    guid = role_guid(role.id)
    if any(role_guid(used.assignment.role_definition_id) == guid for used in arm.state.role_assignments()):
        raise ArmRefusedError(ROLE_DEFINITION_HAS_ASSIGNMENTS)
