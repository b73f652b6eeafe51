"""Graph: app role assignments, by which an application is granted permissions of an API, Graph's own too."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from apim_emulators.core.ids import derived_uuid
from apim_emulators.entra.graph_errors import GraphError
from apim_emulators.entra.graph_principals import find_principal
from apim_emulators.entra.graph_session import READ, GraphRoute, Session
from apim_emulators.entra.graph_views import Json
from apim_emulators.entra.model import GRAPH_APP_ID, GRAPH_ROLES, RoleGrant, ServicePrincipal

ASSIGN = frozenset({"AppRoleAssignment.ReadWrite.All"})
DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"  # assigned without any role in particular


class AssignmentBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    principalId: str  # noqa: N815  Graph's spelling
    resourceId: str  # noqa: N815
    appRoleId: str = DEFAULT_ACCESS  # noqa: N815


async def list_held(session: Session) -> Response:
    """The roles that a service principal holds at others."""
    session.require(READ)
    found = find_principal(session)
    return session.listed(list(_held(session, found)), "appRoleAssignments")


async def list_given(session: Session) -> Response:
    """Who holds roles of a service principal's application."""
    session.require(READ)
    resource = find_principal(session)
    everybody = session.directory.list_service_principals(session.tenant.id)
    held = [
        one for each in everybody for one in _held(session, each) if one["resourceId"] == resource.object_id
    ]
    return session.listed(held, "appRoleAssignedTo")


async def assign(session: Session) -> Response:
    """Give a service principal a role: its next tokens for that API carry it."""
    session.require(ASSIGN)
    at = find_principal(session)
    body = await session.body(AssignmentBody)
    principal, resource = (_principal(session, one.lower()) for one in (body.principalId, body.resourceId))
    if at.object_id not in (principal.object_id, resource.object_id):
        detail = "The principalId or the resourceId must be that of the service principal in the address."
        raise GraphError("bad-request", detail=detail)
    roles = {DEFAULT_ACCESS: "", **_roles(session, resource)}
    role = roles.get(body.appRoleId.lower())
    if role is None:
        detail = f"Permission being assigned was not found on application '{resource.app_id}'."
        raise GraphError("bad-request", detail=detail)
    if any(one["id"] == _id(principal, resource, body.appRoleId) for one in _held(session, principal)):
        raise GraphError("bad-request", detail="Permission being assigned already exists on the object.")
    changed = _with(principal, resource, role, held=True)
    session.directory.put_service_principal(changed, visible_at=session.visible_at("servicePrincipal"))
    made = _view(changed, resource, body.appRoleId.lower())
    session.changed(
        "appRoleAssignment", made["id"], f"{principal.display_name}/{role}", "created", after=made
    )
    return session.answer(made, 201, "appRoleAssignments")


async def unassign(session: Session) -> Response:
    """Take a role back."""
    session.require(ASSIGN)
    at, wanted = find_principal(session), session.path("assignment").lower()
    for principal in session.directory.list_service_principals(session.tenant.id):
        for held in _held(session, principal):
            if held["id"] == wanted and at.object_id in (held["principalId"], held["resourceId"]):
                resource = _principal(session, held["resourceId"])
                role = _roles(session, resource).get(held["appRoleId"], "")
                session.directory.put_service_principal(
                    _with(principal, resource, role, held=False),
                    visible_at=session.visible_at("servicePrincipal"),
                )
                name = f"{principal.display_name}/{role}"
                session.changed("appRoleAssignment", wanted, name, "deleted", held)
                return Response(status_code=204)
    raise GraphError("not-found", id=wanted)


def _principal(session: Session, object_id: str) -> ServicePrincipal:
    found = session.directory.get_service_principal(object_id)
    if found is None:
        microsoft = session.directory.graph_principal(session.tenant)
        found = microsoft if microsoft.object_id == object_id else None
    if found is None or found.tenant != session.tenant.id:
        raise GraphError("not-found", id=object_id)
    return found


def _roles(session: Session, resource: ServicePrincipal) -> Mapping[str, str]:
    """The values of an API's roles by their ids."""
    if resource.app_id == GRAPH_APP_ID:
        return GRAPH_ROLES
    application = session.directory.find_application(resource.app_id)
    return {role.id.lower(): role.value for role in application.app_roles} if application is not None else {}


def _held(session: Session, principal: ServicePrincipal) -> Iterator[Json]:
    grants = [(GRAPH_APP_ID, role) for role in principal.graph_roles]
    grants += [(grant.resource, grant.role) for grant in principal.app_roles]
    for app_id, role in grants:
        resource = session.directory.find_service_principal(session.tenant.id, app_id)
        if resource is None and app_id == GRAPH_APP_ID:
            resource = session.directory.graph_principal(session.tenant)
        if resource is not None:
            ids = {value: role_id for role_id, value in _roles(session, resource).items()}
            yield _view(principal, resource, ids.get(role, DEFAULT_ACCESS))


def _with(
    principal: ServicePrincipal, resource: ServicePrincipal, role: str, *, held: bool
) -> ServicePrincipal:
    if resource.app_id == GRAPH_APP_ID:
        others = tuple(one for one in principal.graph_roles if one != role)
        return replace(principal, graph_roles=(*others, role) if held else others)
    grant = RoleGrant(resource.app_id, role)
    kept = tuple(one for one in principal.app_roles if one != grant)
    return replace(principal, app_roles=(*kept, grant) if held else kept)


def _id(principal: ServicePrincipal, resource: ServicePrincipal, role_id: str) -> str:
    return derived_uuid(principal.object_id, resource.object_id, role_id.lower())


def _view(principal: ServicePrincipal, resource: ServicePrincipal, role_id: str) -> Json:
    return {
        "id": _id(principal, resource, role_id),
        "deletedDateTime": None,
        "appRoleId": role_id,
        "createdDateTime": None,  # no grant keeps its moment
        "principalDisplayName": principal.display_name,
        "principalId": principal.object_id,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource.display_name,
        "resourceId": resource.object_id,
    }


ROUTES: tuple[GraphRoute, ...] = tuple(
    route
    for path in ("/servicePrincipals/{id}", "/servicePrincipals(appId='{app_id}')")
    for name, listing in (("appRoleAssignments", list_held), ("appRoleAssignedTo", list_given))
    for route in (
        GraphRoute("GET", f"{path}/{name}", listing),
        GraphRoute("POST", f"{path}/{name}", assign),
        GraphRoute("DELETE", f"{path}/{name}/{{assignment}}", unassign),
    )
)
