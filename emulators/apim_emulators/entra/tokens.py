"""Access tokens: claims in the v1 and v2 shapes, lifetimes, and the answer that carries them.

Shapes follow public samples of app-only tokens: `iat` equals `nbf` and lies five
minutes back; v1 has `appid`, `appidacr`, `idp` and `idtyp`, v2 `azp` and `azpacr`; `oid` and `sub`
are the service principal. `roles` is absent where none is granted.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from apim_emulators.core.ids import Ids
from apim_emulators.core.jose import JoseError, SigningKey, b64url, sign, unb64url
from apim_emulators.entra.attempt import Grant
from apim_emulators.entra.model import GRAPH_APP_ID, Resource, ServicePrincipal, Tenant
from apim_emulators.entra.scopes import audience
from apim_emulators.entra.settings import Settings

BACKDATED = 300  # seconds by which iat and nbf lie before the issue
# How the client proved itself: 1 a secret, 2 a certificate or another assertion.
_ACR: Mapping[Grant, str] = {
    "client-secret": "1",
    "certificate": "2",
    "federated-assertion": "2",
    "none": "0",
}
# The directory role that app-only tokens for Graph were seen to carry.
_GRAPH_WIDS = ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"]


class Issued(Struct, frozen=True):
    """An access token; `expires_in` and `refresh_in` in seconds, `refresh_in` only for long ones."""

    compact: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    uti: str
    expires_in: int
    refresh_in: int | None


def issuer_of(tenant: Tenant, version: int) -> str:
    """`iss` of a tenant's tokens."""
    if version == 2:
        return f"https://login.microsoftonline.com/{tenant.id}/v2.0"
    return f"https://sts.windows.net/{tenant.id}/"


def lifetime(settings: Settings, principal: ServicePrincipal, ids: Ids, *, continuous: bool) -> int:
    """Seconds that a token lives: long for managed identities and clients that take CAE challenges."""
    if continuous or principal.type == "ManagedIdentity":
        return settings.long_lifetime
    if settings.random_lifetime:
        return int(ids.uniform(3600, 5400))
    return settings.token_lifetime


def wants_continuous_access(claims: str) -> bool:
    """Whether the `claims` parameter says that the client is CAE-capable (`xms_cc` with `CP1`)."""
    if "CP1" not in claims.upper():
        return False
    try:
        values = msgspec.json.decode(claims)["access_token"]["xms_cc"]["values"]
        return any(value.upper() == "CP1" for value in values)
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError, RecursionError, ValueError):
        return False


def issue(
    *,
    tenant: Tenant,
    principal: ServicePrincipal,
    app_name: str,
    resource: Resource,
    asked_for: str,
    grant: Grant,
    expires_in: int,
    key: SigningKey,
    now: float,
    ids: Ids,
    continuous: bool = False,
) -> Issued:
    """Sign an access token for `resource`, which the client called `asked_for`."""
    uti = b64url(bytes.fromhex(ids.uuid().replace("-", "")))
    issued_at = int(now) - BACKDATED
    claims: dict[str, Any] = {
        "aud": audience(asked_for, resource.app_id, resource.token_version),
        "iss": issuer_of(tenant, resource.token_version),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": int(now) + expires_in + 1,
        "aio": b64url(f"{grant}|{uti}".encode()),
    }
    acr = _ACR[grant]
    roles = _roles(principal, resource)
    if resource.token_version == 1:
        claims["appid"] = principal.app_id
        if resource.app_id == GRAPH_APP_ID:
            claims["app_displayname"] = app_name
        claims["appidacr"] = acr
        claims["idp"] = issuer_of(tenant, 1)
        claims["idtyp"] = "app"
    else:
        claims["azp"] = principal.app_id
        claims["azpacr"] = acr
    claims["oid"] = principal.object_id
    claims["rh"] = f"1.{tenant.id.replace('-', '')}."
    if roles:
        claims["roles"] = roles
    claims["sub"] = principal.object_id
    claims["tid"] = tenant.id
    claims["uti"] = uti
    claims["ver"] = f"{resource.token_version}.0"
    if resource.app_id == GRAPH_APP_ID:
        claims["wids"] = _GRAPH_WIDS
    if continuous:
        claims["xms_cc"] = ["CP1"]
    if principal.resource_id:
        claims["xms_mirid"] = principal.resource_id
    header = {"typ": "JWT", "alg": "RS256", "kid": key.kid}
    if resource.token_version == 1:
        header = {"typ": "JWT", "alg": "RS256", "x5t": key.kid, "kid": key.kid}
    refresh_in = expires_in // 2 if expires_in >= 7200 else None
    return Issued(sign(claims, key, header), header, claims, uti, expires_in, refresh_in)


def grant_of(claims: Mapping[str, Any]) -> str:
    """How the holder of one of our own tokens had proved itself; "" for foreign claims.

    Real Entra knows; here the opaque `aio` carries it.
    """
    aio = claims.get("aio")
    try:
        return unb64url(aio).decode().partition("|")[0] if isinstance(aio, str) else ""
    except (JoseError, UnicodeDecodeError):
        return ""


def answer(issued: Issued, *, version: int, resource: str) -> dict[str, Any]:
    """The token endpoint's body; the v1 endpoint gives strings and absolute times as well."""
    if version == 2:
        body: dict[str, Any] = {
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            "ext_expires_in": issued.expires_in,
        }
        if issued.refresh_in is not None:
            body["refresh_in"] = issued.refresh_in
        body["access_token"] = issued.compact
        return body
    body = {
        "token_type": "Bearer",
        "expires_in": str(issued.expires_in),
        "ext_expires_in": str(issued.expires_in),
        "expires_on": str(issued.claims["exp"]),
        "not_before": str(issued.claims["nbf"]),
        "resource": resource,
        "access_token": issued.compact,
    }
    if issued.refresh_in is not None:
        body["refresh_in"] = str(issued.refresh_in)
    return body


def _roles(principal: ServicePrincipal, resource: Resource) -> list[str]:
    if resource.app_id == GRAPH_APP_ID:
        return list(principal.graph_roles)
    return [grant.role for grant in principal.app_roles if grant.resource == resource.app_id and grant.role]
