"""Discovery documents as clients need them."""

import pytest

from .conftest import TENANT, Entra

pytestmark = pytest.mark.anyio
AUTHORITY = f"https://login.microsoftonline.com/{TENANT}"


async def test_the_v2_configuration_has_the_observed_members(entra: Entra) -> None:
    """The four that all clients need, and the issuer with the tenant's id; a bare `?` does no harm."""
    answer = await entra.http.get(f"/{TENANT}/v2.0/.well-known/openid-configuration?")
    body = answer.json()
    assert {
        name: body[name] for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    } == {
        "issuer": f"{AUTHORITY}/v2.0",
        "authorization_endpoint": f"{AUTHORITY}/oauth2/v2.0/authorize",
        "token_endpoint": f"{AUTHORITY}/oauth2/v2.0/token",
        "jwks_uri": f"{AUTHORITY}/discovery/v2.0/keys",
    }
    assert set(body) == {
        "token_endpoint", "token_endpoint_auth_methods_supported", "jwks_uri", "response_modes_supported",
        "subject_types_supported", "id_token_signing_alg_values_supported", "response_types_supported",
        "scopes_supported", "issuer", "request_uri_parameter_supported", "userinfo_endpoint",
        "authorization_endpoint", "device_authorization_endpoint", "http_logout_supported",
        "frontchannel_logout_supported", "end_session_endpoint", "claims_supported", "kerberos_endpoint",
        "tenant_region_scope", "cloud_instance_name", "cloud_graph_host_name", "msgraph_host", "rbac_url",
    }  # fmt: skip


async def test_the_v1_configuration_names_the_old_issuer(entra: Entra) -> None:
    """With its trailing slash."""
    body = (await entra.http.get("/contoso.onmicrosoft.com/.well-known/openid-configuration")).json()
    assert (body["issuer"], body["token_endpoint"], body["jwks_uri"]) == (
        f"https://sts.windows.net/{TENANT}/", f"{AUTHORITY}/oauth2/token", f"{AUTHORITY}/discovery/keys",
    )  # fmt: skip


async def test_endpoints_are_on_the_host_by_which_we_are_known(entra: Entra) -> None:
    """Port included; a host header that is no host is not repeated."""
    path = f"/{TENANT}/v2.0/.well-known/openid-configuration"
    body = (await entra.http.get(path, headers={"host": "localhost:8443"})).json()
    assert body["token_endpoint"] == f"https://localhost:8443/{TENANT}/oauth2/v2.0/token"
    body = (await entra.http.get(path, headers={"host": "evil/?x="})).json()
    assert body["token_endpoint"] == f"{AUTHORITY}/oauth2/v2.0/token"


async def test_common_has_a_placeholder_for_the_tenant(entra: Entra) -> None:
    """Literally `{tenantid}`."""
    body = (await entra.http.get("/common/v2.0/.well-known/openid-configuration")).json()
    assert body["issuer"] == "https://login.microsoftonline.com/{tenantid}/v2.0"
    keys = (await entra.http.get("/organizations/discovery/v2.0/keys")).json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "use", "kid", "x5t", "n", "e", "x5c", "issuer"}]


@pytest.mark.parametrize(
    "path", ["/fabrikam.com/v2.0/.well-known/openid-configuration", "/fabrikam.com/discovery/keys"]
)
async def test_an_unknown_tenant_is_an_invalid_tenant_here(entra: Entra, path: str) -> None:
    """`invalid_tenant`, where the token endpoint says `invalid_request`."""
    answer = await entra.http.get(path)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (400, "invalid_tenant", [90002])


@pytest.mark.parametrize(
    ("host", "endpoint", "expected"),
    [
        ("login.microsoftonline.com", f"{AUTHORITY}/oauth2/v2.0/authorize", f"{AUTHORITY}/v2.0"),
        ("localhost:8443", f"https://localhost/{TENANT}/oauth2/v2.0/authorize", f"https://localhost:8443/{TENANT}/v2.0"),
        ("login.microsoftonline.com", f"https://localhost:8443/{TENANT}/oauth2/v2.0/authorize",
         f"https://localhost:8443/{TENANT}/v2.0"),
        ("login.microsoftonline.com", "https://login.windows.net/common/oauth2/authorize", "https://login.windows.net/common"),
    ],
)  # fmt: skip
async def test_instance_discovery_leads_to_the_tenants_configuration(
    entra: Entra, host: str, endpoint: str, expected: str
) -> None:
    """The port that MSAL Python drops is put back; a sandbox host is its own preferred network."""
    answer = await entra.http.get(
        "/common/discovery/instance",
        params={"api-version": "1.1", "authorization_endpoint": endpoint},
        headers={"host": host},
    )
    body = answer.json()
    assert body["tenant_discovery_endpoint"] == f"{expected}/.well-known/openid-configuration"
    networks = [entry["preferred_network"] for entry in body["metadata"]]
    assert networks == ["login.microsoftonline.com", *(["localhost:8443"] if "8443" in expected else [])]


@pytest.mark.parametrize(
    "endpoint", ["", "http://login.microsoftonline.com/x", "https://[", "https://a:b/c", "https://evil.test/"]
)
async def test_an_instance_that_nobody_knows_is_refused(entra: Entra, endpoint: str) -> None:
    """All MSALs stop hard on it."""
    answer = await entra.http.get("/common/discovery/instance", params={"authorization_endpoint": endpoint})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_instance")


async def test_a_path_that_is_not_here_is_not_found(entra: Entra) -> None:
    """Neither found nor an error of ours."""
    assert (await entra.http.get("/nothing")).status_code == 404
    assert (await entra.http.options(f"/{TENANT}/oauth2/v2.0/token")).status_code == 200
