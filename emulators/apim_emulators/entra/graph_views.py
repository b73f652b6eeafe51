"""The directory's objects as Graph shows them. Pure; no view holds a secret."""

from typing import Any

import msgspec

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.jose import unb64url
from apim_emulators.entra.model import (
    GRAPH_APP_ID,
    GRAPH_ROLES,
    Application,
    AppRole,
    FederatedIdentityCredential,
    Group,
    KeyCredential,
    PasswordCredential,
    ServicePrincipal,
    User,
)

Json = dict[str, Any]


def application(
    found: Application, passwords: tuple[PasswordCredential, ...], keys: tuple[KeyCredential, ...]
) -> Json:
    other: Json = msgspec.json.decode(found.other)
    api = {"requestedAccessTokenVersion": None, "oauth2PermissionScopes": [], **other.pop("api", {})}
    if found.access_token_version == 2:
        api["requestedAccessTokenVersion"] = 2
    return {
        "id": found.object_id,
        "appId": found.app_id,
        "displayName": found.display_name,
        "description": found.description or None,
        "createdDateTime": rfc3339(found.created),
        "deletedDateTime": None,
        "identifierUris": list(found.identifier_uris),
        "publisherDomain": None,
        "signInAudience": found.sign_in_audience,
        "isFallbackPublicClient": True if found.public_client else None,
        "tags": list(found.tags),
        "appRoles": [app_role(role) for role in found.app_roles],
        "api": api,
        "passwordCredentials": [password(each) for each in passwords],
        "keyCredentials": [key(each) for each in keys],
        **other,
    }


def service_principal(
    found: ServicePrincipal,
    of: Application | None,
    passwords: tuple[PasswordCredential, ...],
    keys: tuple[KeyCredential, ...],
) -> Json:
    uris = of.identifier_uris if of is not None else ()
    return {
        "id": found.object_id,
        "appId": found.app_id,
        "displayName": found.display_name,
        "appDisplayName": found.display_name if found.type == "Application" else None,
        "appOwnerOrganizationId": of.tenant if of is not None else None,
        "accountEnabled": found.enabled,
        "alternativeNames": list(found.alternative_names),
        "appRoleAssignmentRequired": found.assignment_required,
        "createdDateTime": rfc3339(found.created),
        "deletedDateTime": None,
        "servicePrincipalNames": [found.app_id, *uris],
        "servicePrincipalType": found.type,
        "signInAudience": of.sign_in_audience if of is not None else None,
        "tags": list(found.tags),
        "appRoles": [app_role(role) for role in _offered(found, of)],
        "passwordCredentials": [password(each) for each in passwords],
        "keyCredentials": [key(each) for each in keys],
        **msgspec.json.decode(found.other),
    }


def app_role(role: AppRole) -> Json:
    return {
        "id": role.id,
        "value": role.value,
        "displayName": role.display_name or role.value,
        "description": role.display_name or role.value,
        "allowedMemberTypes": ["Application"],
        "isEnabled": True,
        "origin": "Application",
    }


def _offered(found: ServicePrincipal, of: Application | None) -> tuple[AppRole, ...]:
    if found.app_id == GRAPH_APP_ID:
        return tuple(AppRole(role_id, value) for role_id, value in GRAPH_ROLES.items())
    return of.app_roles if of is not None else ()


def federated_credential(found: FederatedIdentityCredential, *, beta: bool = False) -> Json:
    shown: Json = {
        "id": found.id,
        "name": found.name,
        "issuer": found.issuer,
        "subject": found.subject or None,
        "description": found.description or None,
        "audiences": list(found.audiences),
    }
    if beta or found.expression:
        shown["claimsMatchingExpression"] = (
            {"value": found.expression, "languageVersion": found.expression_version}
            if found.expression
            else None
        )
    return shown


def password(found: PasswordCredential, secret: str | None = None) -> Json:
    """`secret` is shown once, when it is made."""
    return {
        "customKeyIdentifier": None,
        "displayName": found.display_name or None,
        "endDateTime": rfc3339(found.end),
        "hint": found.hint,
        "keyId": found.key_id,
        "secretText": secret,
        "startDateTime": rfc3339(found.start),
    }


def key(found: KeyCredential) -> Json:
    return {
        "customKeyIdentifier": unb64url(found.thumbprint).hex().upper(),
        "displayName": found.display_name,
        "endDateTime": rfc3339(found.end),
        "key": None,
        "keyId": found.key_id,
        "startDateTime": rfc3339(found.start),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def group(found: Group) -> Json:
    return {
        "id": found.object_id,
        "displayName": found.display_name,
        "description": found.description or None,
        "mailEnabled": False,
        "mailNickname": found.mail_nickname or found.display_name,
        "securityEnabled": True,
        "groupTypes": [],
    }


def user(found: User) -> Json:
    return {
        "id": found.object_id,
        "displayName": found.display_name,
        "userPrincipalName": found.user_principal_name,
        "mail": None,
    }
