"""Graph: service principals, users, groups, and directory objects by id."""

from typing import Any

from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from apim_emulators.core.http import json_response
from apim_emulators.core.vocabulary import ObjectId
from apim_emulators.entra import behaviours
from apim_emulators.entra import graph_views as views
from apim_emulators.entra.graph_errors import GraphError
from apim_emulators.entra.graph_session import (
    GROUPS_READ,
    GROUPS_WRITE,
    READ,
    GraphRoute,
    Session,
)
from apim_emulators.entra.model import GRAPH_APP_ID, Group, ServicePrincipal


class PrincipalBody(BaseModel):
    """A service principal as clients send it. What is not named here is not acted on."""

    model_config = ConfigDict(extra="ignore")

    appId: str | None = None  # noqa: N815  Graph's spelling
    accountEnabled: bool | None = None  # noqa: N815
    displayName: str | None = None  # noqa: N815
    appRoleAssignmentRequired: bool | None = None  # noqa: N815
    tags: list[str] | None = None


class GroupBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    displayName: str | None = Field(default=None, max_length=256)  # noqa: N815
    description: str | None = None
    mailNickname: str | None = None  # noqa: N815


class ReferenceBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    odata_id: str = Field(alias="@odata.id")


class IdsBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    ids: list[str] = Field(max_length=1000)
    types: list[str] | None = None


async def list_principals(session: Session) -> Response:
    """Service principals of the tenant."""
    session.require(READ)
    found = session.directory.list_service_principals(session.tenant.id)
    microsoft = session.directory.graph_principal(session.tenant)
    if all(each.app_id != microsoft.app_id for each in found):
        found = [*found, microsoft]
    return session.listed([_view(session, each) for each in found], "servicePrincipals")


async def create_principal(session: Session) -> Response:
    """Give an application its presence in the tenant, without which it can't sign in."""
    body = await session.body(PrincipalBody)
    directory = session.directory
    application = directory.find_application(body.appId or "")
    multi_tenant = application is not None and application.sign_in_audience != "AzureADMyOrg"
    if application is None or not (application.tenant == session.tenant.id or multi_tenant):
        session.require_change(None)
        raise GraphError(
            "bad-request",
            detail=(
                f"The appId '{body.appId or ''}' of the service principal does not reference a valid "
                "application object."
            ),
        )
    session.require_change(application)
    if directory.find_service_principal(session.tenant.id, application.app_id) is not None:
        raise GraphError(
            "same-key",
            detail=(
                "The service principal cannot be created, updated, or restored because the service principal "
                f"name {application.app_id} is already in use."
            ),
        )
    made = ServicePrincipal(
        ObjectId(session.context.ids.uuid()), application.app_id, session.tenant.id, application.display_name,
        enabled=body.accountEnabled is not False, assignment_required=bool(body.appRoleAssignmentRequired),
        tags=tuple(body.tags or ()), created=session.now,
    )  # fmt: skip
    directory.put_service_principal(made, visible_at=session.visible_at("servicePrincipal"))
    shown = _view(session, made)
    session.changed("servicePrincipal", made.object_id, made.display_name, "created", after=shown)
    return session.answer(shown, 201, "servicePrincipals")


async def get_principal(session: Session) -> Response:
    """One service principal, by object id or `appId`."""
    session.require(READ)
    return session.answer(_view(session, find_principal(session)), entity="servicePrincipals")


async def update_principal(session: Session) -> Response:
    """Change it: `accountEnabled` false stops it from signing in."""
    found = find_principal(session)
    session.require_change(session.directory.find_application(found.app_id))
    body = await session.body(PrincipalBody)
    if body.appId is not None and body.appId.lower() != found.app_id.lower():
        raise GraphError("immutable", property="appId")
    changed = replace(
        found,
        enabled=found.enabled if body.accountEnabled is None else body.accountEnabled,
        display_name=body.displayName or found.display_name,
        assignment_required=found.assignment_required
        if body.appRoleAssignmentRequired is None
        else body.appRoleAssignmentRequired,
        tags=found.tags if body.tags is None else tuple(body.tags),
    )
    before = _view(session, found)
    session.directory.put_service_principal(changed, visible_at=session.visible_at("servicePrincipal"))
    session.changed(
        "servicePrincipal", found.object_id, changed.display_name, "updated", before, _view(session, changed)
    )
    return Response(status_code=204)


async def delete_principal(session: Session) -> Response:
    """Delete it; role assignments that name it stay behind as unknown principals."""
    found = find_principal(session)
    if found.type == "ManagedIdentity":
        raise GraphError("bad-request", detail="Managed identities are deleted with their resource.")
    if found.app_id == GRAPH_APP_ID:
        raise GraphError("bad-request", detail="Microsoft Graph's service principal can't be deleted.")
    session.require_change(session.directory.find_application(found.app_id))
    before = _view(session, found)
    session.directory.delete_service_principal(
        found.object_id, visible_at=session.visible_at("servicePrincipal")
    )
    session.changed("servicePrincipal", found.object_id, found.display_name, "deleted", before)
    return Response(status_code=204)


async def list_memberships(session: Session) -> Response:
    """The groups a principal is in, directly (`memberOf`) or through groups (`transitiveMemberOf`)."""
    session.require(GROUPS_READ)
    found = find_principal(session)
    transitive = session.request.url.path.endswith("/transitiveMemberOf")
    groups = (session.directory.get_group(each) for each in session.directory.groups_of(found.object_id))
    shown = [
        {"@odata.type": "#microsoft.graph.group", **views.group(each)}
        for each in groups
        if each is not None and (transitive or found.object_id in each.members)
    ]
    return session.listed(shown, "directoryObjects")


async def list_users(session: Session) -> Response:
    session.require(GROUPS_READ)
    return session.listed(
        [views.user(each) for each in session.directory.list_users(session.tenant.id)], "users"
    )


async def get_user(session: Session) -> Response:
    """One user, by object id or principal name."""
    session.require(GROUPS_READ)
    wanted = session.path("id").lower()
    for each in session.directory.list_users(session.tenant.id):
        if wanted in (each.object_id.lower(), each.user_principal_name.lower()):
            return session.answer(views.user(each), entity="users")
    raise GraphError("not-found", id=session.path("id"))


async def list_groups(session: Session) -> Response:
    session.require(GROUPS_READ)
    found = session.directory.list_groups(session.tenant.id)
    return session.listed([views.group(each) for each in found], "groups")


async def create_group(session: Session) -> Response:
    """Make a security group."""
    session.require(GROUPS_WRITE)
    body = await session.body(GroupBody)
    if not body.displayName:
        raise GraphError(
            "bad-request", detail="A value is required for property 'displayName' of resource 'Group'."
        )
    made = Group(
        ObjectId(session.context.ids.uuid()), session.tenant.id, body.displayName,
        description=body.description or "", mail_nickname=body.mailNickname or "",
    )  # fmt: skip
    session.directory.put_group(made, visible_at=session.visible_at("group"))
    session.changed("group", made.object_id, made.display_name, "created", after=views.group(made))
    return session.answer(views.group(made), 201, "groups")


async def get_group(session: Session) -> Response:
    session.require(GROUPS_READ)
    return session.answer(views.group(_group(session)), entity="groups")


async def delete_group(session: Session) -> Response:
    session.require(GROUPS_WRITE)
    found = _group(session)
    session.directory.delete_group(found.object_id, visible_at=session.visible_at("group"))
    session.changed("group", found.object_id, found.display_name, "deleted", views.group(found))
    return Response(status_code=204)


async def list_members(session: Session) -> Response:
    session.require(GROUPS_READ)
    shown = [_object(session, member) for member in _group(session).members]
    return session.listed([each for each in shown if each is not None], "directoryObjects")


async def add_member(session: Session) -> Response:
    """Put a principal or a group into a group, by reference."""
    session.require(GROUPS_WRITE)
    found = _group(session)
    member = ObjectId((await session.body(ReferenceBody)).odata_id.rstrip("/").rpartition("/")[2])
    if _object(session, member) is None or member == found.object_id:
        raise GraphError("not-found", id=member)
    if member in found.members:
        raise GraphError(
            "bad-request",
            detail=(
                "One or more added object references already exist for the following modified properties: "
                "'members'."
            ),
        )
    _members(session, found, (*found.members, member))
    return Response(status_code=204)


async def remove_member(session: Session) -> Response:
    session.require(GROUPS_WRITE)
    found, member = _group(session), session.path("member")
    if member not in found.members:
        raise GraphError("not-found", id=member)
    _members(session, found, tuple(each for each in found.members if each != member))
    return Response(status_code=204)


async def get_object(session: Session) -> Response:
    """A directory object of any kind."""
    session.require(GROUPS_READ)
    found = _object(session, session.path("id"))
    if found is None:
        raise GraphError("not-found", id=session.path("id"))
    return session.answer(found, entity="directoryObjects")


async def get_objects(session: Session) -> Response:
    """Several directory objects at once; unknown ids are left out."""
    session.require(GROUPS_READ)
    body = await session.body(IdsBody)
    found = [_object(session, each) for each in dict.fromkeys(body.ids)]
    kinds = {each.casefold() for each in body.types or ("directoryObject",)}
    shown = [
        each
        for each in found
        if each is not None
        and ("directoryobject" in kinds or each["@odata.type"].rpartition(".")[2].casefold() in kinds)
    ]
    return json_response({"value": shown}, behaviour=behaviours.GRAPH)


async def get_organization(session: Session) -> Response:
    """The tenant itself."""
    tenant = session.tenant
    domain = {
        "name": tenant.name,
        "isDefault": True,
        "isInitial": True,
        "type": "Managed",
        "capabilities": "",
    }
    shown = {"id": tenant.id, "displayName": tenant.display_name or tenant.name, "verifiedDomains": [domain]}
    return session.listed([shown], "organization")


async def get_me(_: Session) -> Response:
    """Nobody is signed in: all callers are applications."""
    raise GraphError("me")


def _view(session: Session, found: ServicePrincipal) -> dict[str, Any]:
    directory = session.directory
    return views.service_principal(
        found,
        directory.find_application(found.app_id),
        directory.list_passwords(found.object_id),
        directory.list_certificates(found.object_id),
    )


def find_principal(session: Session) -> ServicePrincipal:
    """The service principal in the address, by object id or client id. Raises `GraphError`."""
    object_id, app_id = session.path("id"), session.path("app_id")
    found = (
        session.directory.find_service_principal(session.tenant.id, app_id)
        if app_id
        else session.directory.get_service_principal(object_id.lower())
    )
    microsoft = session.directory.graph_principal(session.tenant)
    if found is None and (app_id or object_id).lower() in (microsoft.app_id, microsoft.object_id):
        found = microsoft
    if found is None or found.tenant != session.tenant.id:
        raise GraphError("not-found", id=app_id or object_id)
    return found


def _group(session: Session) -> Group:
    found = session.directory.get_group(session.path("id").lower())
    if found is None or found.tenant != session.tenant.id:
        raise GraphError("not-found", id=session.path("id"))
    return found


def _members(session: Session, group: Group, members: tuple[ObjectId, ...]) -> None:
    session.directory.put_group(replace(group, members=members), visible_at=session.visible_at("group"))
    session.changed(
        "group", group.object_id, group.display_name, "updated",
        {"members": list(group.members)}, {"members": list(members)},
    )  # fmt: skip


def _object(session: Session, object_id: str) -> dict[str, Any] | None:
    directory, tenant = session.directory, session.tenant.id
    principal = directory.get_service_principal(object_id)
    if principal is not None and principal.tenant == tenant:
        return {"@odata.type": "#microsoft.graph.servicePrincipal", **_view(session, principal)}
    user = directory.get_user(object_id)
    if user is not None and user.tenant == tenant:
        return {"@odata.type": "#microsoft.graph.user", **views.user(user)}
    group = directory.get_group(object_id)
    if group is not None and group.tenant == tenant:
        return {"@odata.type": "#microsoft.graph.group", **views.group(group)}
    return None


ROUTES: tuple[GraphRoute, ...] = (
    GraphRoute("GET", "/servicePrincipals", list_principals),
    GraphRoute("POST", "/servicePrincipals", create_principal),
    *(
        route
        for path in ("/servicePrincipals/{id}", "/servicePrincipals(appId='{app_id}')")
        for route in (
            GraphRoute("GET", path, get_principal),
            GraphRoute("PATCH", path, update_principal),
            GraphRoute("DELETE", path, delete_principal),
            GraphRoute("GET", f"{path}/memberOf", list_memberships),
            GraphRoute("GET", f"{path}/transitiveMemberOf", list_memberships),
        )
    ),
    GraphRoute("GET", "/users", list_users),
    GraphRoute("GET", "/users/{id}", get_user),
    GraphRoute("GET", "/groups", list_groups),
    GraphRoute("POST", "/groups", create_group),
    GraphRoute("GET", "/groups/{id}", get_group),
    GraphRoute("DELETE", "/groups/{id}", delete_group),
    GraphRoute("GET", "/groups/{id}/members", list_members),
    GraphRoute("POST", "/groups/{id}/members/$ref", add_member),
    GraphRoute("DELETE", "/groups/{id}/members/{member}/$ref", remove_member),
    GraphRoute("POST", "/directoryObjects/getByIds", get_objects),
    GraphRoute("GET", "/directoryObjects/{id}", get_object),
    GraphRoute("GET", "/organization", get_organization),
    GraphRoute("GET", "/me", get_me),
)
