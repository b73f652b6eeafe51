"""Discovery: OpenID configuration (v1 and v2), key sets, instance discovery. Pure.

Endpoints are on the host by which the client knows us; issuers always have Microsoft's names, which
all clients accept beside their own authority.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from apim_emulators.core.jose import public_jwk
from apim_emulators.core.vocabulary import LOGIN_HOST
from apim_emulators.entra.model import Tenant

MICROSOFT_HOSTS = (LOGIN_HOST, "login.windows.net", "login.microsoft.com", "sts.windows.net")
SHARED = frozenset({"common", "organizations", "consumers"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCOPES = ["openid", "profile", "email", "offline_access"]
_CLAIMS = [
    "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
    "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash",
    "c_hash", "email",
]  # fmt: skip


def configuration(name: str, tenant: Tenant | None, host: str, version: int) -> dict[str, Any]:
    """The OpenID configuration of tenant `name`; `tenant` None means common or organizations.

    v2 is at `/{name}/v2.0/.well-known/…`, v1 at `/{name}/.well-known/…`.
    """
    base = f"https://{host}/{name}"
    tenant_id = tenant.id if tenant is not None else "{tenantid}"
    infix = "/v2.0" if version == 2 else ""
    document: dict[str, Any] = {
        "token_endpoint": f"{base}/oauth2{infix}/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{base}/discovery{infix}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": _SCOPES,
        "issuer": (
            f"https://{LOGIN_HOST}/{tenant_id}/v2.0"
            if version == 2
            else f"https://sts.windows.net/{tenant_id}/"
        ),
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": (
            "https://graph.microsoft.com/oidc/userinfo" if version == 2 else f"{base}/openid/userinfo"
        ),
        "authorization_endpoint": f"{base}/oauth2{infix}/authorize",
        "device_authorization_endpoint": f"{base}/oauth2{infix}/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{base}/oauth2{infix}/logout",
        "claims_supported": _CLAIMS,
        "kerberos_endpoint": f"{base}/kerberos",
        "tenant_region_scope": tenant.region_scope if tenant is not None else None,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }
    if version == 1:
        document["check_session_iframe"] = f"{base}/oauth2/checksession"
    return document


def key_set(
    keys: Iterable[tuple[str, RSAPublicKey, str]], tenant: Tenant | None, version: int
) -> dict[str, list[dict[str, Any]]]:
    """Entra's JWKS out of kid, public key and x5c; v2 keys name their issuer. There is no `alg` member."""
    tenant_id = tenant.id if tenant is not None else "{tenantid}"
    found: list[dict[str, Any]] = []
    for kid, public, x5c in keys:
        jwk = public_jwk(public)
        entry: dict[str, Any] = {
            "kty": "RSA", "use": "sig", "kid": kid, "x5t": kid, "n": jwk["n"], "e": jwk["e"], "x5c": [x5c],
        }  # fmt: skip
        if version == 2:
            entry["issuer"] = f"https://{LOGIN_HOST}/{tenant_id}/v2.0"
        found.append(entry)
    return {"keys": found}


def instance_discovery(
    authorization_endpoint: str, own_host: str, known: tuple[str, ...], api_version: str
) -> dict[str, Any] | None:
    """The answer for an authority, or None for an instance that nobody knows (AADSTS50049).

    A sandbox host is listed with itself as `preferred_network`: MSAL .NET sends its token request
    there. MSAL Python leaves the port away from its question, so our own host's port is put back.
    """
    try:
        parts = urlsplit(authorization_endpoint)
        host, name, port = parts.netloc, parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme != "https" or not name:
        return None
    own_name = urlsplit(f"//{own_host}").hostname
    if name == own_name and port is None:
        host = own_host
    if name not in (*MICROSOFT_HOSTS, *_LOOPBACK, *known) and host not in known and name != own_name:
        return None
    segments = parts.path.strip("/").split("/")
    tenant = segments[0] or "common"
    infix = "/v2.0" if "v2.0" in segments else ""
    metadata = [_entry(MICROSOFT_HOSTS[0], "login.windows.net", list(MICROSOFT_HOSTS))]
    metadata.extend(
        _entry(other, other, list(dict.fromkeys((other, urlsplit(f"//{other}").hostname or other))))
        for other in dict.fromkeys((host, own_host))
        if other not in MICROSOFT_HOSTS
    )
    return {
        "tenant_discovery_endpoint": f"https://{host}/{tenant}{infix}/.well-known/openid-configuration",
        "api-version": api_version,
        "metadata": metadata,
    }


def _entry(network: str, cache: str, aliases: list[str]) -> dict[str, Any]:
    return {"preferred_network": network, "preferred_cache": cache, "aliases": aliases}
