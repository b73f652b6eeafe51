"""The sandbox's own routes for resource providers."""

from typing import Any

import httpx
import pytest

from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.vocabulary import ObjectId
from apim_emulators.entra.certificates import read_certificate, self_signed
from apim_emulators.entra.model import Group, User

from .causes import Ask, client_key
from .conftest import AUDIENCE, ISSUER, PRINCIPAL, SECRET, SUBJECT, TENANT, TOKEN_PATH, Entra

pytestmark = pytest.mark.anyio
IDENTITY = "dddddddd-dddd-4ddd-8ddd-dddddddddddd"
CLIENT = "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee"
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/contoso"
PATH = f"/_sandbox/identities/{IDENTITY}"
VIEW = {
    "id": IDENTITY, "tenantId": TENANT, "clientId": CLIENT, "name": "contoso", "resourceId": RESOURCE,
    "type": "SystemAssigned",
}  # fmt: skip
RENAMED = {**VIEW, "name": "renamed"}


async def call(
    entra: Entra, method: str, path: str, body: Any = None, secret: str = SECRET
) -> httpx.Response:
    return await entra.http.request(method, path, json=body, headers={"authorization": f"Bearer {secret}"})


def identity(entra: Entra, **changes: Any) -> dict[str, Any]:
    pem = self_signed(client_key(entra).private, "identity")
    body = {**VIEW, "certificate": pem, **changes}
    return {name: value for name, value in body.items() if name != "id"}


async def test_a_provider_makes_an_identity_that_can_sign_in(entra: Entra) -> None:
    """Made, changed, used for a token of a day that names its resource, and deleted."""
    made = await call(entra, "PUT", PATH, identity(entra))
    assert (made.status_code, made.json()) == (201, VIEW)
    renamed = await call(entra, "PUT", PATH, identity(entra, name="renamed"))
    assert (renamed.status_code, renamed.json()) == (200, RENAMED)
    for _ in range(2):  # the second tells nothing new, so the journal doesn't either
        assert (await call(entra, "PUT", PATH, identity(entra))).status_code == 200
    assert (await call(entra, "GET", PATH)).json() == VIEW
    ask = Ask(entra, "certificate")
    pem = self_signed(client_key(entra).private, "identity")
    ask.header.update(x5t=read_certificate(pem).thumbprint)
    ask.claims.update(iss=CLIENT, sub=CLIENT, aud=f"https://login.microsoftonline.com{TOKEN_PATH}")
    ask.form.update(client_id=CLIENT, scope="https://management.azure.com/.default")
    answer = await ask.send()
    assert (answer.status_code, answer.json()["expires_in"], answer.json()["refresh_in"]) == (
        200,
        86399,
        43199,
    )
    issued = entra.events("entra.token")[-1].issued
    assert (issued.claims["oid"], issued.claims["xms_mirid"]) == (IDENTITY, RESOURCE)
    assert (await call(entra, "DELETE", PATH)).status_code == 204
    assert (await call(entra, "DELETE", PATH)).status_code == 204
    assert (await ask.send()).json()["error_codes"] == [700016]
    assert entra.events("resource.changed") == [
        ResourceChanged("servicePrincipal", IDENTITY, "contoso", "created", "resource provider", {}, VIEW),
        ResourceChanged(
            "servicePrincipal", IDENTITY, "renamed", "updated", "resource provider", VIEW, RENAMED
        ),
        ResourceChanged(
            "servicePrincipal", IDENTITY, "contoso", "updated", "resource provider", RENAMED, VIEW
        ),
        ResourceChanged("servicePrincipal", IDENTITY, "contoso", "deleted", "resource provider", VIEW, {}),
    ]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"tenantId": "nobody"}, 404), ({"clientId": "no-guid"}, 400), ({"type": "Both"}, 400),
        ({"certificate": "no certificate"}, 400), ({"name": 5}, 400), ({"unknown": 1}, 400),
    ],
)  # fmt: skip
async def test_a_wrong_identity_changes_nothing(entra: Entra, changes: dict[str, Any], status: int) -> None:
    """Each is refused before anything is written."""
    revision = entra.directory.store.revision
    assert (await call(entra, "PUT", PATH, identity(entra, **changes))).status_code == status
    assert entra.directory.store.revision == revision


async def test_nobody_gets_in_without_the_secret(entra: Entra) -> None:
    """Not with a wrong one either, nor where no secret is set."""
    assert (await call(entra, "GET", PATH, secret="wrong")).status_code == 401
    assert (await entra.http.get(PATH)).status_code == 401
    entra.configure(provider_secret="")
    assert (await call(entra, "GET", PATH, secret="")).status_code == 401


async def test_a_principal_is_read_with_its_groups_transitively(entra: Entra) -> None:
    """Service principals, users and groups; 404 for nobody."""
    directory = entra.directory
    inner, outer, user = ObjectId("inner"), ObjectId("outer"), ObjectId("user")
    directory.put_group(Group(inner, TENANT, "gateways", (PRINCIPAL, outer)))
    directory.put_group(Group(outer, TENANT, "everything", (inner,)))
    directory.put_user(User(user, TENANT, "Ada", "ada@contoso.onmicrosoft.com"))
    read = {
        each: (await call(entra, "GET", f"/_sandbox/principals/{each}")).json()
        for each in (PRINCIPAL, user, inner)
    }
    assert read == {
        PRINCIPAL: {"id": PRINCIPAL, "type": "ServicePrincipal", "displayName": "apim-gateway",
                    "appId": "22222222-2222-4222-8222-222222222222", "memberOf": [inner, outer]},
        user: {"id": user, "type": "User", "displayName": "Ada", "appId": "", "memberOf": []},
        inner: {"id": inner, "type": "Group", "displayName": "gateways", "appId": "", "memberOf": [outer]},
    }  # fmt: skip
    assert (await call(entra, "GET", "/_sandbox/principals/nobody")).status_code == 404


async def test_a_user_assigned_identity_federates_too(entra: Entra) -> None:
    """Its credentials come from ARM over these routes."""
    await call(entra, "PUT", PATH, identity(entra, type="UserAssigned"))
    body = {"issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE]}
    path = f"{PATH}/federatedIdentityCredentials"
    assert (await call(entra, "PUT", f"{path}/kubernetes", body)).status_code == 201
    assert [each["name"] for each in (await call(entra, "GET", path)).json()["value"]] == ["kubernetes"]
    answer = await entra.ask(client_id=CLIENT)
    assert (answer.status_code, answer.json()["expires_in"]) == (200, 86399)
    assert (await call(entra, "DELETE", f"{path}/kubernetes")).status_code == 204
    assert (await entra.ask(client_id=CLIENT)).json()["error_codes"] == [70025]
    bad = {"issuer": ISSUER, "audiences": [AUDIENCE], "claimsMatchingExpression": "claims["}
    assert (await call(entra, "PUT", f"{path}/flexible", bad)).status_code == 400
