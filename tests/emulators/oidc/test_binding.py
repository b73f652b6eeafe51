"""The token proxy of identity bindings: whose tokens it takes, what Entra gets for them."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from apim_emulators.core import jose
from apim_emulators.core.clock import MasterClock
from apim_emulators.core.context import Context
from apim_emulators.core.events import TokenProxied
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.oidc.app import create_app
from apim_emulators.oidc.model import Cluster, IdentityBinding
from apim_emulators.oidc.state import IssuerState

pytestmark = pytest.mark.anyio

ADMIN = {"authorization": "Bearer admin-token"}
CLIENT = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
TENANT = "11111111-1111-4111-8111-111111111111"
ISSUER = f"https://ib.oic.prod-aks.azure.com/{TENANT}/{CLIENT}"
API = "https://kubernetes.default.svc"
PROXY = f"https://contoso.ests.sandbox.test/{TENANT}/oauth2/v2.0/token"
AUDIENCE = "api://AKSIdentityBinding"
ACCOUNT = {"kind": "ServiceAccount", "name": "orders", "namespace": "shop"}


class Cloud:
    """An API server with a token proxy, and an Entra that keeps what it was sent."""

    def __init__(self, http: httpx.AsyncClient, journal: MemoryJournal, sent: list[httpx.Request]) -> None:
        self.http = http
        self.sent = sent
        self._journal = journal

    async def grant(self, subject: dict[str, str], **rule: list[str]) -> None:
        """A ClusterRole with the one rule that lets use the identity, and a binding to `subject`."""
        whole = {
            "verbs": ["use-managed-identity"],
            "apiGroups": ["cid.wi.aks.azure.com"],
            "resources": [CLIENT],
        }
        rbac = f"{API}/apis/rbac.authorization.k8s.io/v1"
        role: dict[str, Any] = {"rules": [{**whole, **rule}]}
        binding = {"roleRef": {"kind": "ClusterRole", "name": "use"}, "subjects": [subject]}
        for path, body in (("clusterroles/use", role), ("clusterrolebindings/use", binding)):
            answer = await self.http.put(f"{rbac}/{path}", json=body, headers=ADMIN)
            assert answer.status_code in (200, 201), answer.text

    async def token(self, audience: str = AUDIENCE) -> str:
        """A token of a pod of shop/orders."""
        place = f"{API}/api/v1/namespaces/shop"
        await self.http.put(f"{place}/serviceaccounts/orders", json={}, headers=ADMIN)
        pod = {"spec": {"serviceAccountName": "orders"}}
        await self.http.put(f"{place}/pods/orders-1", json=pod, headers=ADMIN)
        bound = {"kind": "Pod", "apiVersion": "v1", "name": "orders-1"}
        body = {"spec": {"audiences": [audience], "expirationSeconds": 3600, "boundObjectRef": bound}}
        answer = await self.http.post(f"{place}/serviceaccounts/orders/token", json=body, headers=ADMIN)
        return str(answer.json()["status"]["token"])

    async def ask(self, token: str, client_id: str = CLIENT, url: str = PROXY) -> httpx.Response:
        form = {
            "grant_type": "client_credentials", "client_id": client_id, "client_assertion": token,
            "scope": "https://management.azure.com/.default",
        }  # fmt: skip
        return await self.http.post(url, data=form, headers={"client-request-id": TENANT})

    def last(self) -> TokenProxied:
        """The newest event, which must be the proxy's."""
        event = self._journal.since()[-1].event
        assert isinstance(event, TokenProxied)
        return event


@pytest.fixture
async def cloud(clock: MasterClock, journal: MemoryJournal, state: IssuerState) -> AsyncIterator[Cloud]:
    sent: list[httpx.Request] = []

    def entra(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(400, json={"error": "whatever Entra says"}, headers={"x-ms-request-id": "r"})

    state.put_identity_binding(IdentityBinding("contoso", "orders", CLIENT, TENANT))
    outside = httpx.AsyncClient(transport=httpx.MockTransport(entra))
    context = Context(clock, SeededIds("oidc"), ActorJournal(journal, "oidc", clock), outside)
    async with (
        outside,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(context, state))) as http,
    ):
        yield Cloud(http, journal, sent)


async def test_a_pods_token_becomes_an_assertion_of_the_identitys_issuer(cloud: Cloud) -> None:
    """Entra gets the same request with an assertion whose issuer publishes its key; its answer passes."""
    await cloud.grant(ACCOUNT)
    token = await cloud.token()

    answer = await cloud.ask(token)

    assert (answer.status_code, answer.json(), answer.headers["x-ms-request-id"]) == (
        400,
        {"error": "whatever Entra says"},
        "r",
    )
    (request,) = cloud.sent
    form = dict(parse_qsl(request.content.decode()))
    assertion = jose.parse(form.pop("client_assertion"))
    assert (str(request.url), request.headers["client-request-id"], form) == (
        f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token",
        TENANT,
        {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "scope": "https://management.azure.com/.default",
        },
    )
    jti = assertion.claims["jti"]
    assert assertion.claims == {
        "aud": ["api://AzureADTokenExchange"], "exp": 1_767_226_200, "iat": 1_767_225_600, "iss": ISSUER,
        "jti": jti, "nbf": 1_767_225_600, "sub": CLIENT,
    }  # fmt: skip
    discovery = (await cloud.http.get(f"{ISSUER}/.well-known/openid-configuration")).json()
    (key,) = (await cloud.http.get(discovery["jwks_uri"])).json()["keys"]
    assert key["kid"] == assertion.header["kid"]
    assert jose.verify(assertion, jose.public_key(key), "RS256")
    await cloud.ask(token)
    presented = jose.parse(token)
    assert cloud.last() == TokenProxied(
        "contoso", CLIENT, presented.shown(), presented.claims["jti"], cloud.last().forwarded_jti, 400
    )


async def refused(cloud: Cloud, answer: httpx.Response) -> tuple[int, str, str]:
    """Status, error and cause of a refusal, of which Entra must not hear."""
    assert cloud.sent == []
    assert answer.headers["x-sandbox-provenance"].startswith("assumed")
    return answer.status_code, answer.json()["error"], cloud.last().cause


async def test_what_the_proxy_refuses(cloud: Cloud, clock: MasterClock, state: IssuerState) -> None:
    """Each cause by itself, all else being right."""
    await cloud.grant(ACCOUNT)
    token = await cloud.token()
    other = await cloud.token("api://AzureADTokenExchange")
    head, payload, _ = token.split(".")
    state.put_cluster(Cluster("fabrikam", "https://oidc.sandbox.test/fabrikam"))
    elsewhere = PROXY.replace("contoso", "fabrikam")

    assert [
        await refused(cloud, await cloud.ask("nonsense")),
        await refused(cloud, await cloud.ask(token, url=elsewhere)),
        await refused(cloud, await cloud.ask(f"{head}.{payload}.{jose.b64url(b'x' * 256)}")),
        await refused(cloud, await cloud.ask(other)),
        await refused(cloud, await cloud.ask(token, client_id=TENANT)),
        await refused(cloud, await cloud.ask(token, url=f"{PROXY}/more")),
    ] == [
        (401, "invalid_client", "token-malformed"),
        (401, "invalid_client", "token-foreign"),
        (401, "invalid_client", "token-signature"),
        (401, "invalid_client", "token-audience"),
        (403, "access_denied", "binding-missing"),
        (404, "invalid_request", "path"),
    ]
    await cloud.http.delete(f"{API}/api/v1/namespaces/shop/pods/orders-1", headers=ADMIN)
    assert await refused(cloud, await cloud.ask(token)) == (401, "invalid_client", "token-unbound")
    again = await cloud.token()
    clock.advance(3600)
    assert await refused(cloud, await cloud.ask(again)) == (401, "invalid_client", "token-expired")


@pytest.mark.parametrize(
    "subject",
    [
        ACCOUNT,
        {"kind": "User", "name": "system:serviceaccount:shop:orders"},
        {"kind": "Group", "name": "system:serviceaccounts:shop"},
    ],
)
async def test_only_whom_rbac_lets_use_the_identity_is_served(cloud: Cloud, subject: dict[str, str]) -> None:
    """By name or by group; another account, verb, group or identity is not enough."""
    token = await cloud.token()
    assert await refused(cloud, await cloud.ask(token)) == (403, "access_denied", "not-authorized")
    strangers = [{**ACCOUNT, "name": "other"}, {**ACCOUNT, "namespace": "other"}]
    for stranger in strangers:
        await cloud.grant(stranger)
        assert (await cloud.ask(token)).status_code == 403
    wrong: list[dict[str, list[str]]] = [{"verbs": ["get"]}, {"apiGroups": [""]}, {"resources": [TENANT]}]
    for rule in wrong:
        await cloud.grant(subject, **rule)
        answer = await cloud.ask(token)
    assert answer.json()["error_description"] == (
        'User "system:serviceaccount:shop:orders" cannot use-managed-identity resource '
        f'"{CLIENT}" in API group "cid.wi.aks.azure.com"'
    )
    assert cloud.sent == []

    await cloud.grant(subject)
    await cloud.ask(token)
    assert len(cloud.sent) == 1
