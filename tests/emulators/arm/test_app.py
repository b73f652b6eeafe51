"""The way through ARM: token, api-version, path, resources, on to the provider."""

import sys
from typing import Any

import httpx
import pytest
from tests.emulators.arm.cloud import (
    APIM_VERSION,
    CLUSTER,
    GROUP,
    NOW,
    OPERATOR,
    ROOT,
    SECRET,
    SERVICE,
    STRANGER,
    SUBSCRIPTION,
    TENANT,
    Cloud,
)

from apim_emulators.core.events import ArmAnswered
from apim_emulators.core.ids import derived_uuid
from apim_emulators.core.keys import signing_key
from apim_emulators.core.vocabulary import APIM_PROVIDER_HOST, ARM_HOST, ARM_RESOURCE

pytestmark = pytest.mark.anyio
RESOURCES = "2021-04-01"
OTHER_TENANT = "99999999-9999-4999-8999-999999999999"


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def with_token(cloud: Cloud, token: str | None, path: str = ROOT) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await cloud.http.get(f"https://{ARM_HOST}{path}?api-version={RESOURCES}", headers=headers)


async def test_without_a_token_arm_says_where_to_get_one(cloud: Cloud) -> None:
    """401 with Azure's challenge."""
    answer = await with_token(cloud, None)
    assert code(answer) == (401, "AuthenticationFailed")
    assert answer.headers["www-authenticate"] == (
        f'Bearer authorization_uri="https://login.microsoftonline.com/{TENANT}", error="invalid_token", '
        "error_description=\"The authentication failed because of missing 'Authorization' header.\""
    )


@pytest.mark.parametrize("audience", [
    "https://management.azure.com", "https://management.azure.com/",
    "https://management.core.windows.net", "https://management.core.windows.net/",
])  # fmt: skip
async def test_all_four_spellings_of_the_audience_are_taken(cloud: Cloud, audience: str) -> None:
    """Old and new resource, with and without the slash."""
    assert (await with_token(cloud, cloud.entra.issue(OPERATOR, audience))).status_code == 200


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aud": "https://graph.microsoft.com"}, "InvalidAuthenticationTokenAudience"),
        ({"exp": NOW - 301}, "ExpiredAuthenticationToken"),
        ({"nbf": NOW + 301}, "InvalidAuthenticationToken"),
        ({"iss": "https://sts.windows.net/other/"}, "InvalidAuthenticationToken"),
        ({"oid": None}, "InvalidAuthenticationToken"),
        ({"exp": None}, "InvalidAuthenticationToken"),
        ({"exp": True}, "InvalidAuthenticationToken"),
        ({"exp": 10**400}, "InvalidAuthenticationToken"),
        ({"tid": "../common", "iss": "https://sts.windows.net/../common/"}, "InvalidAuthenticationToken"),
    ],
)
async def test_a_wrong_token_is_refused(cloud: Cloud, changes: dict[str, Any], expected: str) -> None:
    """Each for its own reason, all 401."""
    assert code(await with_token(cloud, cloud.entra.issue(OPERATOR, ARM_RESOURCE, **changes))) == (
        401,
        expected,
    )


async def test_a_token_of_another_tenant_does_not_open_the_subscription(cloud: Cloud) -> None:
    """Before its keys are even asked for it names a tenant that Entra does not have."""
    issuer = f"https://sts.windows.net/{OTHER_TENANT}/"
    token = cloud.entra.issue(OPERATOR, ARM_RESOURCE, tid=OTHER_TENANT, iss=issuer)
    assert code(await with_token(cloud, token)) == (401, "InvalidAuthenticationToken")


async def test_a_token_signed_with_another_key_is_refused(cloud: Cloud) -> None:
    """The kid is Entra's, the signature is not."""
    own = cloud.entra.key
    cloud.entra.key = signing_key(cloud.keys.rsa("thief"), own.kid)
    forged = cloud.entra.issue(OPERATOR, ARM_RESOURCE)
    cloud.entra.key = own
    assert code(await with_token(cloud, forged)) == (401, "InvalidAuthenticationToken")


async def test_entras_new_key_is_fetched_when_a_token_names_it(cloud: Cloud) -> None:
    """Keys are cached by kid; an unknown kid fetches again."""
    assert (await with_token(cloud, cloud.entra.issue(OPERATOR, ARM_RESOURCE))).status_code == 200
    cloud.entra.key = signing_key(cloud.keys.rsa("entra/2"))
    assert (await with_token(cloud, cloud.entra.issue(OPERATOR, ARM_RESOURCE))).status_code == 200
    fetched = [request for request in cloud.entra.requests if request.endswith("/keys")]
    assert len(fetched) == 2


async def test_entra_away_is_an_outage_and_no_refusal(cloud: Cloud) -> None:
    """503, not 401: the token may be good."""
    cloud.entra.down = True
    assert code(await with_token(cloud, cloud.entra.issue(OPERATOR, ARM_RESOURCE))) == (
        503,
        "ServiceUnavailable",
    )


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        (ROOT, "", (400, "MissingApiVersionParameter")),
        (ROOT, "2099-01-01", (400, "InvalidApiVersionParameter")),
        (SERVICE, "2099-01-01", (400, "InvalidResourceType")),
        (CLUSTER, "soon", (400, "InvalidApiVersionParameter")),
        (f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions", "1", (400, "InvalidResourceType")),
        ("/subscriptions/00000000-0000-4000-8000-000000000000", RESOURCES, (404, "SubscriptionNotFound")),
        (f"{ROOT}/resourceGroups/none", RESOURCES, (404, "ResourceGroupNotFound")),
        (f"{ROOT}/resourceGroups/none/providers/Microsoft.ApiManagement/service/x", APIM_VERSION,
         (404, "ResourceGroupNotFound")),
        (f"{CLUSTER}x", "2025-01-01", (404, "ResourceNotFound")),
        (f"{GROUP}/providers/Microsoft.ApiManagement/service/none", APIM_VERSION, (404, "ResourceNotFound")),
        ("/nowhere", RESOURCES, (404, "NotFound")),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_refused_with_its_reason(
    cloud: Cloud, path: str, version: str, expected: tuple[int, str]
) -> None:
    """Versions, containers and resources."""
    assert code(await cloud.ask("GET", path, version=version)) == expected


@pytest.mark.parametrize(
    "path", [SERVICE, SERVICE.lower(), SERVICE.upper(), SERVICE.replace("/", "//"), f"{SERVICE}/"]
)
async def test_paths_are_read_in_any_case_and_with_any_slashes(cloud: Cloud, path: str) -> None:
    """As ARM reads them."""
    answer = await cloud.ask("GET", path, version=APIM_VERSION)
    assert (answer.status_code, answer.json()["id"]) == (200, SERVICE)


async def test_aks_show_prints_the_clusters_issuer(cloud: Cloud) -> None:
    """`az aks show --query oidcIssuerProfile.issuerUrl` reads `properties.oidcIssuerProfile.issuerURL`."""
    answer = await cloud.ask("GET", CLUSTER, version="2025-05-01")
    assert answer.json()["properties"]["oidcIssuerProfile"] == {
        "enabled": True,
        "issuerURL": "https://oidc.sandbox.test/contoso",
    }


async def test_a_caller_sees_the_subscriptions_that_it_may_read(cloud: Cloud) -> None:
    """The operator's one, the stranger's none: an empty list, no 403."""
    listed = await cloud.ask("GET", "/subscriptions", version="2022-12-01")
    assert [item["subscriptionId"] for item in listed.json()["value"]] == [SUBSCRIPTION]
    nothing = await cloud.ask("GET", "/subscriptions", version="2022-12-01", by=STRANGER)
    assert nothing.json()["value"] == []
    tenants = await cloud.ask("GET", "/tenants", version="2022-12-01")
    assert [item["tenantId"] for item in tenants.json()["value"]] == [TENANT]


async def test_a_resource_group_is_made_and_read(cloud: Cloud) -> None:
    """PUT 201, then 200; HEAD 204 or 404."""
    url = f"{ROOT}/resourceGroups/new"
    assert (await cloud.ask("HEAD", url, version=RESOURCES)).status_code == 404
    assert (await cloud.ask("PUT", url, version=RESOURCES, json={"location": "x"})).status_code == 201
    assert (await cloud.ask("PUT", url, version=RESOURCES, json={"location": "y"})).status_code == 200
    assert (await cloud.ask("HEAD", url, version=RESOURCES)).status_code == 204
    listed = await cloud.ask("GET", f"{ROOT}/resourceGroups", version=RESOURCES)
    assert [item["name"] for item in listed.json()["value"]] == ["contoso-rg", "new"]


async def test_a_user_assigned_identity_gets_its_principal_in_entra(cloud: Cloud) -> None:
    """Made, kept over a second PUT, deleted on both sides."""
    url = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway"
    made = await cloud.ask("PUT", url, version="2023-01-31", json={"location": "westeurope"})
    properties = made.json()["properties"]
    assert (made.status_code, cloud.entra.identities) == (
        201,
        {
            properties["principalId"]: {
                "tenantId": TENANT,
                "clientId": properties["clientId"],
                "name": "gateway",
                "resourceId": url,
                "type": "UserAssigned",
            }
        },
    )
    again = await cloud.ask("PUT", url, version="2023-01-31", json={"location": "westeurope"})
    assert (again.status_code, again.json()["properties"]) == (200, properties)
    listed = await cloud.ask("GET", url.rpartition("/")[0], version="2023-01-31")
    assert [item["name"] for item in listed.json()["value"]] == ["gateway"]
    assert (await cloud.ask("DELETE", url, version="2023-01-31")).status_code == 200
    assert (await cloud.ask("DELETE", url, version="2023-01-31")).status_code == 204
    assert cloud.entra.identities == {}


async def test_the_provider_answers_arm_only(cloud: Cloud) -> None:
    """A caller with the right token but not ARM's secret is refused."""
    answer = await cloud.http.get(
        f"https://{APIM_PROVIDER_HOST}{SERVICE}", headers={"authorization": "Bearer guess"}
    )
    assert code(answer) == (401, "Unauthorized")


async def test_the_provider_away_is_an_outage(cloud: Cloud) -> None:
    """503 with ARM's body, and journalled."""
    del cloud.routes.apps[APIM_PROVIDER_HOST]
    assert code(await cloud.ask("GET", SERVICE, version=APIM_VERSION)) == (503, "ResourceProviderUnavailable")
    told: ArmAnswered = cloud.events(ArmAnswered)[-1]
    assert (told.status, told.action) == (503, "Microsoft.ApiManagement/service/read")


async def test_the_decision_is_told_to_resource_providers_only(cloud: Cloud) -> None:
    """With the provider's secret; never without it."""
    for secret, told in ((SECRET, True), ("wrong", False)):
        answer = await cloud.ask(
            "GET", ROOT, version=RESOURCES, headers={"x-sandbox-provider-secret": secret}
        )
        assert ("x-sandbox-decision" in answer.headers) is told


async def test_clients_find_the_clouds_endpoints_without_a_token(cloud: Cloud) -> None:
    """`/metadata/endpoints`."""
    answer = await cloud.http.get(f"https://{ARM_HOST}/metadata/endpoints?api-version=2022-09-01")
    assert answer.json()[0]["authentication"]["loginEndpoint"] == "https://login.microsoftonline.com/"


async def test_a_long_body_is_refused(cloud: Cloud) -> None:
    """413 before it is kept."""
    url = f"{ROOT}/resourceGroups/new"
    answer = await cloud.ask("PUT", url, version=RESOURCES, content=b"{" + b" " * 1024 * 1024 + b"}")
    assert code(answer) == (413, "RequestContentTooLarge")


async def test_the_correlation_id_is_the_callers_own(cloud: Cloud) -> None:
    """Joined in the journal by what travelled."""
    mine = derived_uuid("correlation")
    answer = await cloud.ask("GET", ROOT, version=RESOURCES, headers={"x-ms-correlation-request-id": mine})
    assert answer.headers["x-ms-correlation-request-id"] == mine
    assert cloud.events(ArmAnswered)[-1].correlation_id == mine


def test_importing_the_application_does_not_import_fastapi() -> None:
    """FastAPI's import would be paid at every start, also where ARM is never asked."""
    import subprocess

    program = (
        "import sys, apim_emulators.arm.app, apim_emulators.apim.app, apim_emulators.apim.resources; "
        "raise SystemExit('fastapi' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
