"""Access tokens: claims, lifetimes, audiences."""

import pytest

from apim_emulators.core.ids import SeededIds
from apim_emulators.core.vocabulary import ObjectId
from apim_emulators.entra.model import Application, ServicePrincipal
from apim_emulators.entra.settings import Settings
from apim_emulators.entra.tokens import lifetime

from .causes import OTHER_APP
from .conftest import APP, CALLER, PRINCIPAL, TENANT, Entra, decoded, graph_token

pytestmark = pytest.mark.anyio


async def test_a_v1_token_has_the_claims_of_public_samples(entra: Entra) -> None:
    """Issued five minutes back, valid for an hour; the object id is the service principal's."""
    header, claims = decoded((await entra.ask()).json()["access_token"])
    kid = entra.directory.signing_key.kid
    assert header == {"typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid}
    assert claims == {
        "aud": "https://azure-api.net/configuration",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": 1_767_225_300,
        "nbf": 1_767_225_300,
        "exp": 1_767_229_200,
        "aio": claims["aio"],
        "appid": APP,
        "appidacr": "2",
        "idp": f"https://sts.windows.net/{TENANT}/",
        "idtyp": "app",
        "oid": PRINCIPAL,
        "rh": claims["rh"],
        "sub": PRINCIPAL,
        "tid": TENANT,
        "uti": claims["uti"],
        "ver": "1.0",
    }


async def test_a_v2_resource_gets_a_v2_token_for_its_client_id(entra: Entra) -> None:
    """The resource decides the version, not the endpoint; no x5t, appid, idtyp or roles."""
    object_id = ObjectId("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    entra.directory.put_application(
        Application(
            object_id, OTHER_APP, TENANT, "orders", access_token_version=2, identifier_uris=("api://orders",)
        )
    )
    entra.directory.put_service_principal(ServicePrincipal(object_id, OTHER_APP, TENANT, "orders"))
    header, claims = decoded((await entra.ask(scope="api://orders/.default")).json()["access_token"])
    assert header == {"typ": "JWT", "alg": "RS256", "kid": entra.directory.signing_key.kid}
    assert set(claims) == {
        "aio", "aud", "azp", "azpacr", "exp", "iat", "iss", "nbf", "oid", "rh", "sub", "tid", "uti", "ver",
    }  # fmt: skip
    assert (claims["aud"], claims["iss"], claims["ver"]) == (
        OTHER_APP, f"https://login.microsoftonline.com/{TENANT}/v2.0", "2.0",
    )  # fmt: skip


async def test_a_token_for_graph_carries_the_granted_permissions(entra: Entra) -> None:
    """`roles` lists them."""
    claims = decoded(await graph_token(entra, "Application.ReadWrite.All"))[1]
    assert (claims["roles"], claims["oid"], claims["app_displayname"]) == (
        ["Application.ReadWrite.All"],
        CALLER,
        "caller",
    )


def test_lifetimes_follow_the_settings_and_the_kind_of_client() -> None:
    """An hour for applications or 60 to 90 minutes, a day for managed identities and CAE clients."""
    ids, settings = SeededIds("x"), Settings()
    application = ServicePrincipal(PRINCIPAL, APP, TENANT, "app")
    identity = ServicePrincipal(PRINCIPAL, APP, TENANT, "app", "ManagedIdentity")
    assert lifetime(settings, application, ids, continuous=False) == 3599
    assert lifetime(settings, application, ids, continuous=True) == 86399
    assert lifetime(settings, identity, ids, continuous=False) == 86399
    lives = [lifetime(Settings(random_lifetime=True), application, ids, continuous=False) for _ in range(50)]
    assert 3600 <= min(lives) < max(lives) < 5400
