"""Graph: applications, their secrets and certificates."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from apim_emulators.core.jose import JoseError
from apim_emulators.core.vocabulary import ClientId, ObjectId
from apim_emulators.entra import graph_views as views
from apim_emulators.entra.certificates import read_certificate
from apim_emulators.entra.graph_errors import GraphError
from apim_emulators.entra.graph_session import READ, GraphRoute, Session
from apim_emulators.entra.model import GUID, Application, AppRole, KeyCredential

YEAR = 365.25 * 86400
# Properties of Graph's application that are kept for readers and not acted on.
_KEPT = frozenset(
    {
        "addIns", "api", "applicationTemplateId", "authenticationBehaviors", "certification",
        "defaultRedirectUri", "groupMembershipClaims", "info", "isDeviceOnlyAuthSupported",
        "nativeAuthenticationApisEnabled", "notes", "oauth2RequirePostResponse", "optionalClaims",
        "parentalControlSettings", "publicClient", "requestSignatureVerification", "requiredResourceAccess",
        "samlMetadataUrl", "serviceManagementReference", "servicePrincipalLockConfiguration", "spa",
        "tokenEncryptionKeyId", "uniqueName", "verifiedPublisher", "web",
    }
)  # fmt: skip


class KeyBody(BaseModel):
    """A certificate as clients send it: `key` is base64 of the DER; without it, a present one is meant."""

    model_config = ConfigDict(extra="ignore")

    key: str | None = None
    keyId: str | None = None  # noqa: N815  Graph's spelling
    displayName: str | None = None  # noqa: N815


class AppRoleBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    value: str | None = None
    displayName: str = ""  # noqa: N815


class ApplicationBody(BaseModel):
    """An application as clients send it; what is absent stays as it is."""

    model_config = ConfigDict(extra="allow")

    displayName: str | None = Field(default=None, max_length=256)  # noqa: N815
    description: str | None = None
    signInAudience: str | None = None  # noqa: N815
    identifierUris: list[str] | None = None  # noqa: N815
    isFallbackPublicClient: bool | None = None  # noqa: N815
    tags: list[str] | None = None
    appRoles: list[AppRoleBody] | None = None  # noqa: N815
    keyCredentials: list[KeyBody] | None = None  # noqa: N815
    passwordCredentials: list[dict[str, Any]] | None = None  # noqa: N815


class PasswordBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    displayName: str | None = None  # noqa: N815
    startDateTime: datetime | None = None  # noqa: N815
    endDateTime: datetime | None = None  # noqa: N815


class AddPasswordBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    passwordCredential: PasswordBody | None = None  # noqa: N815


class RemovePasswordBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    keyId: str  # noqa: N815


_AUDIENCES = (
    "AzureADMyOrg",
    "AzureADMultipleOrgs",
    "AzureADandPersonalMicrosoftAccount",
    "PersonalMicrosoftAccount",
)


def find(session: Session) -> Application:
    """The application that the path names, by object id or by `appId`, in the caller's tenant."""
    object_id, app_id = session.path("id"), session.path("app_id")
    found = (
        session.directory.find_application(app_id)
        if app_id
        else session.directory.get_application(object_id.lower())
    )
    if found is None or found.tenant != session.tenant.id:
        raise GraphError("not-found", id=app_id or object_id)
    return found


def view(session: Session, found: Application) -> dict[str, Any]:
    directory = session.directory
    return views.application(
        found, directory.list_passwords(found.object_id), directory.list_certificates(found.object_id)
    )


async def list_applications(session: Session) -> Response:
    """Applications of the tenant; `$filter`, `$select`, `$top`."""
    session.require(READ)
    found = session.directory.list_applications(session.tenant.id)
    return session.listed([view(session, each) for each in found], "applications")


async def create_application(session: Session) -> Response:
    """Register an application. Its service principal is made separately, as in Graph."""
    session.require_change(None)
    body = await session.body(ApplicationBody)
    if not body.displayName:
        raise GraphError(
            "bad-request", detail="A value is required for property 'displayName' of resource 'Application'."
        )
    ids = session.context.ids
    blank = Application(
        ObjectId(ids.uuid()), ClientId(ids.uuid()), session.tenant.id, body.displayName,
        owners=(ObjectId(session.caller.object_id),), created=session.now,
    )  # fmt: skip
    made = _changed(session, blank, body)
    keys = _keys(session, made.object_id, body.keyCredentials)
    if body.passwordCredentials:
        raise GraphError(
            "bad-request", detail="New password credentials must be generated with service actions."
        )
    session.directory.put_application(made, visible_at=session.visible_at("application"))
    if keys is not None:
        session.directory.put_certificates(
            made.object_id, keys, visible_at=session.visible_at("keyCredential")
        )
    shown = view(session, made)
    session.changed("application", made.object_id, made.display_name, "created", after=shown)
    return session.answer(shown, 201, "applications")


async def get_application(session: Session) -> Response:
    """One application, by object id or `appId`."""
    session.require(READ)
    return session.answer(view(session, find(session)), entity="applications")


async def update_application(session: Session) -> Response:
    """Change the properties that the body names."""
    found = find(session)
    session.require_change(found)
    body = await session.body(ApplicationBody)
    changed = _changed(session, found, body)
    keys = _keys(session, found.object_id, body.keyCredentials)
    before = view(session, found)
    if body.passwordCredentials is not None:
        _keep_passwords(session, found.object_id, body.passwordCredentials)
    session.directory.put_application(changed, visible_at=session.visible_at("application"))
    if keys is not None:
        session.directory.put_certificates(
            found.object_id, keys, visible_at=session.visible_at("keyCredential")
        )
    session.changed(
        "application", found.object_id, changed.display_name, "updated", before, view(session, changed)
    )
    return Response(status_code=204)


async def delete_application(session: Session) -> Response:
    """Delete the application and its service principal in this tenant."""
    found = find(session)
    session.require_change(found)
    before = view(session, found)
    principal = session.directory.find_service_principal(session.tenant.id, found.app_id)
    session.directory.delete_application(found.object_id, visible_at=session.visible_at("application"))
    session.changed("application", found.object_id, found.display_name, "deleted", before)
    if principal is not None:
        session.directory.delete_service_principal(
            principal.object_id, visible_at=session.visible_at("servicePrincipal")
        )
        session.changed("servicePrincipal", principal.object_id, principal.display_name, "deleted")
    return Response(status_code=204)


async def list_owners(session: Session) -> Response:
    """The service principals that may change the application with `Application.ReadWrite.OwnedBy`."""
    session.require(READ)
    owners = [session.directory.get_service_principal(owner) for owner in find(session).owners]
    shown = [
        {"@odata.type": "#microsoft.graph.servicePrincipal", **views.service_principal(each, None, (), ())}
        for each in owners
        if each is not None
    ]
    return session.listed(shown, "directoryObjects")


async def add_password(session: Session) -> Response:
    """Make a client secret; it is shown this once and kept as a hash."""
    owner = find(session)
    session.require_change(owner)
    body = (await session.body(AddPasswordBody)).passwordCredential or PasswordBody()
    start = _moment(body.startDateTime) or session.now
    end = _moment(body.endDateTime) or start + 2 * YEAR
    if end <= start:
        raise GraphError("bad-request", detail="endDateTime must be later than startDateTime.")
    ids = session.context.ids
    secret = f"{ids.secret(3)}8Q~{ids.secret(34)}"  # Entra's look: 40 characters, 8Q~ in the fourth place
    made = session.directory.add_password(
        owner.object_id, secret, key_id=ids.uuid(), salt=ids.secret(16), display_name=body.displayName or "",
        start=start, end=end, visible_at=session.visible_at("passwordCredential"),
    )  # fmt: skip
    session.changed(
        "passwordCredential", made.key_id, f"{owner.display_name}/{made.display_name}", "created",
        after=views.password(made),
    )  # fmt: skip
    return session.answer(views.password(made, secret), entity="passwordCredential")


async def remove_password(session: Session) -> Response:
    """Delete a client secret by its key id."""
    owner = find(session)
    session.require_change(owner)
    key_id = (await session.body(RemovePasswordBody)).keyId
    visible_at = session.visible_at("passwordCredential")
    if not session.directory.delete_password(owner.object_id, key_id, visible_at=visible_at):
        raise GraphError("bad-request", detail=f"No password credential found with keyId '{key_id}'.")
    session.changed("passwordCredential", key_id, owner.display_name, "deleted")
    return Response(status_code=204)


def _changed(session: Session, found: Application, body: ApplicationBody) -> Application:
    """`found` with what `body` names; nothing is written here."""
    named = body.model_fields_set
    extra = dict(body.model_extra or {})
    for name in list(extra):
        if name.startswith("@odata.") or name in ("id", "appId", "createdDateTime", "publisherDomain"):
            value = extra.pop(name)
            current = {"id": found.object_id, "appId": found.app_id}.get(name, value)
            if value != current:
                raise GraphError("immutable", property=name)
        elif name not in _KEPT:
            raise GraphError("bad-request", detail=f"Invalid property '{name}'.")
    if body.signInAudience is not None and body.signInAudience not in _AUDIENCES:
        raise GraphError(
            "bad-request",
            detail="Invalid value specified for property 'signInAudience' of resource 'Application'.",
        )
    if "displayName" in named and not body.displayName:
        raise GraphError(
            "bad-request",
            detail="Invalid value specified for property 'displayName' of resource 'Application'.",
        )
    if body.identifierUris is not None:
        _check_uris(session, found, body.identifierUris)
    other = {**msgspec.json.decode(found.other), **extra}
    version = (
        other.get("api", {}).get("requestedAccessTokenVersion")
        if isinstance(other.get("api"), dict)
        else None
    )
    if "api" in other and not isinstance(other["api"], dict):
        raise GraphError(
            "bad-request", detail="Invalid value specified for property 'api' of resource 'Application'."
        )
    if version not in (None, 1, 2):
        raise GraphError(
            "bad-request", detail="Invalid value specified for property 'requestedAccessTokenVersion'."
        )
    return replace(
        found,
        display_name=body.displayName or found.display_name,
        description=body.description or "" if "description" in named else found.description,
        sign_in_audience=body.signInAudience or found.sign_in_audience,
        identifier_uris=found.identifier_uris if body.identifierUris is None else tuple(body.identifierUris),
        public_client=bool(body.isFallbackPublicClient)
        if "isFallbackPublicClient" in named
        else found.public_client,
        tags=found.tags if body.tags is None else tuple(body.tags),
        app_roles=found.app_roles
        if body.appRoles is None
        else tuple(AppRole(each.id, each.value or "", each.displayName) for each in body.appRoles),
        access_token_version=(2 if version == 2 else 1) if "api" in extra else found.access_token_version,
        other=msgspec.json.encode(other).decode(),
    )


def _check_uris(session: Session, found: Application, uris: list[str]) -> None:
    for uri in uris:
        if "://" not in uri and not uri.startswith("urn:"):
            raise GraphError(
                "bad-request", detail=f"Invalid value specified for property 'identifierUris': {uri}."
            )
        for other in session.directory.list_applications(session.tenant.id):
            taken = any(uri.lower() == each.lower() for each in other.identifier_uris)
            if other.object_id != found.object_id and taken:
                raise GraphError(
                    "same-key",
                    detail="Another object with the same value for property identifierUris already exists.",
                )


def _keys(
    session: Session, owner: ObjectId, bodies: list[KeyBody] | None
) -> tuple[KeyCredential, ...] | None:
    """The whole new list of certificates; entries without `key` keep the one with their id."""
    if bodies is None:
        return None
    existing = {each.key_id: each for each in session.directory.list_certificates(owner)}
    found: list[KeyCredential] = []
    for body in bodies:
        if body.key is None:
            if body.keyId not in existing:
                raise GraphError("bad-request", detail="Key credential without a key names none that exists.")
            found.append(existing[body.keyId])
            continue
        try:
            facts = read_certificate(body.key)
        except JoseError:
            raise GraphError("bad-request", detail="Key value is invalid certificate") from None
        pem = f"-----BEGIN CERTIFICATE-----\n{b64encode(facts.der).decode()}\n-----END CERTIFICATE-----\n"
        found.append(
            KeyCredential(
                body.keyId if body.keyId and GUID.fullmatch(body.keyId) else session.context.ids.uuid(),
                owner, body.displayName or facts.subject, pem, facts.thumbprint, facts.thumbprint_sha256,
                facts.start, facts.end,
            )
        )  # fmt: skip
    return tuple(found)


def _keep_passwords(session: Session, owner: ObjectId, kept: list[dict[str, Any]]) -> None:
    """A PATCH may drop secrets by leaving them out, never add one."""
    wanted = {each.get("keyId") for each in kept}
    existing = session.directory.list_passwords(owner)
    if wanted - {each.key_id for each in existing}:
        raise GraphError(
            "bad-request", detail="New password credentials must be generated with service actions."
        )
    for each in existing:
        if each.key_id not in wanted:
            session.directory.delete_password(
                owner, each.key_id, visible_at=session.visible_at("passwordCredential")
            )


def _moment(value: datetime | None) -> float | None:
    if value is None:
        return None
    return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()


_PATHS = ("/applications/{id}", "/applications(appId='{app_id}')")
ROUTES: tuple[GraphRoute, ...] = (
    GraphRoute("GET", "/applications", list_applications),
    GraphRoute("POST", "/applications", create_application),
    *(
        route
        for path in _PATHS
        for route in (
            GraphRoute("GET", path, get_application),
            GraphRoute("PATCH", path, update_application),
            GraphRoute("DELETE", path, delete_application),
            GraphRoute("GET", f"{path}/owners", list_owners),
            GraphRoute("POST", f"{path}/addPassword", add_password),
            GraphRoute("POST", f"{path}/removePassword", remove_password),
        )
    ),
)
