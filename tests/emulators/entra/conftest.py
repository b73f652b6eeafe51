"""A directory of the article's shape, an issuer that can be broken, and clients for both."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from apim_emulators.core.context import Context
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.jose import SigningKey, public_jwk, sign
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.keys import PooledKeys, signing_key
from apim_emulators.core.store import MemoryStore
from apim_emulators.core.vocabulary import (
    CONFIGURATION_AUDIENCE,
    JWT_BEARER,
    Audience,
    ClientId,
    Issuer,
    ObjectId,
    Subject,
    TenantId,
)
from apim_emulators.entra.app import create_app
from apim_emulators.entra.model import (
    Application,
    FederatedIdentityCredential,
    ServicePrincipal,
    Tenant,
)
from apim_emulators.entra.settings import Settings
from apim_emulators.entra.state import Directory

NOW = 1_767_225_600.0
TENANT = TenantId("11111111-1111-4111-8111-111111111111")
APP = ClientId("22222222-2222-4222-8222-222222222222")
APP_OBJECT = ObjectId("33333333-3333-4333-8333-333333333333")
PRINCIPAL = ObjectId("44444444-4444-4444-8444-444444444444")
ISSUER = Issuer("https://oidc.sandbox.test/contoso")
SUBJECT = Subject("system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity")
AUDIENCE = Audience("api://AzureADTokenExchange")
SCOPE = f"{CONFIGURATION_AUDIENCE}/.default"
TOKEN_PATH = f"/{TENANT}/oauth2/v2.0/token"
SECRET = "provider-secret-for-tests"


class HandClock:
    """A clock that only the test moves."""

    def __init__(self, moment: float = NOW) -> None:
        self.moment = moment

    def now(self) -> float:
        return self.moment

    def tick(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.moment += seconds

    async def sleep_until(self, moment: float) -> None:
        self.moment = max(self.moment, moment)


@dataclass
class FakeIssuer:
    """The cluster's issuer as Entra sees it over HTTP; tests change what it answers."""

    key: SigningKey
    issuer: str = ISSUER
    jwks: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answer: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    other: Callable[[httpx.Request], Any] | None = None

    def __post_init__(self) -> None:
        self.jwks.append(self.jwk(self.key))

    @staticmethod
    def jwk(key: SigningKey) -> dict[str, Any]:
        return {**public_jwk(key.public), "kid": key.kid, "use": "sig", "alg": "RS256"}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        self.requests.append(url)
        special = self.answer(request)
        if special is not None:
            return special
        if request.url.host == "login.microsoftonline.com" and self.other is not None:
            return await self.other(request)
        if url == f"{self.issuer}/.well-known/openid-configuration":
            return httpx.Response(
                200, json={"issuer": self.issuer, "jwks_uri": f"{self.issuer}/openid/v1/jwks"}
            )
        if url == f"{self.issuer}/openid/v1/jwks":
            return httpx.Response(200, json={"keys": self.jwks})
        return httpx.Response(404)


@dataclass
class Entra:
    """An Entra under test with everything around it."""

    clock: HandClock
    journal: MemoryJournal
    directory: Directory
    issuer: FakeIssuer
    context: Context
    http: httpx.AsyncClient

    def configure(self, **changes: Any) -> None:
        self.directory.settings = replace(self.directory.settings, **changes)

    def credential(self, name: str = "kubernetes", **changes: Any) -> FederatedIdentityCredential:
        """Put a federated credential that trusts the issuer, with `changes`."""
        values: dict[str, Any] = {
            "id": f"id-of-{name}", "name": name, "owner": APP_OBJECT, "issuer": ISSUER, "subject": SUBJECT,
            "audiences": (AUDIENCE,),
        }  # fmt: skip
        credential = FederatedIdentityCredential(**{**values, **changes})
        self.directory.put_federated_credential(credential)
        return credential

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A service account token's claims; a value of None leaves the claim out."""
        now = int(self.clock.now())
        claims: dict[str, Any] = {
            "iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 3600,
            "jti": "an-assertion",
        }  # fmt: skip
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def assertion(
        self, header: Mapping[str, Any] | None = None, key: SigningKey | None = None, **changes: Any
    ) -> str:
        """A service account token, signed by the issuer's key."""
        merged = {"alg": "RS256", "kid": self.issuer.key.kid, **(header or {})}
        merged = {name: value for name, value in merged.items() if value is not None}
        algorithm = merged.get("alg")
        usable = algorithm if algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512") else "RS256"
        return sign(self.claims(**changes), key or self.issuer.key, merged, usable)

    def form(self, **changes: Any) -> dict[str, str]:
        """A whole token request; a value of None leaves the field out."""
        form = {
            "grant_type": "client_credentials", "client_id": APP, "scope": SCOPE,
            "client_assertion_type": JWT_BEARER, "client_assertion": None, **changes,
        }  # fmt: skip
        if "client_assertion" not in changes and "client_secret" not in changes:
            form["client_assertion"] = self.assertion()
        if form["client_assertion"] is None:
            form.pop("client_assertion_type")
        return {name: value for name, value in form.items() if value is not None}

    async def ask(
        self, path: str = TOKEN_PATH, headers: Mapping[str, str] | None = None, **changes: Any
    ) -> httpx.Response:
        """POST a token request made of `form(**changes)`."""
        return await self.http.post(path, data=self.form(**changes), headers=dict(headers or {}))

    def events(self, kind: str) -> list[Any]:
        return [record.event for record in self.journal.since() if record.kind == kind]


def make_entra() -> Entra:
    """The article's application, trusted issuer and all."""
    clock, journal, keys = HandClock(), MemoryJournal(), PooledKeys()
    issuer = FakeIssuer(signing_key(keys.rsa("oidc/contoso/1")))
    outbound = httpx.AsyncClient(transport=httpx.MockTransport(issuer))
    context = Context(clock, SeededIds("entra"), ActorJournal(journal, "entra", clock), outbound)
    directory = Directory(MemoryStore(), keys, Settings(provider_secret=SECRET))
    directory.put_tenant(Tenant(TENANT, "contoso.onmicrosoft.com", "Contoso"))
    directory.put_application(Application(APP_OBJECT, APP, TENANT, "apim-gateway"))
    directory.put_service_principal(ServicePrincipal(PRINCIPAL, APP, TENANT, "apim-gateway"))
    inbound = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(context, directory)),
        base_url="https://login.microsoftonline.com",
    )
    issuer.other = lambda request: inbound.send(inbound.build_request(request.method, str(request.url)))
    made = Entra(clock, journal, directory, issuer, context, inbound)
    made.credential()
    return made


@pytest.fixture
async def entra() -> AsyncIterator[Entra]:
    """An Entra for one test."""
    made = make_entra()
    async with made.http, made.context.http:
        yield made


def decoded(compact: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a compact JWS."""
    from apim_emulators.core.jose import parse

    jws = parse(compact)
    return json.loads(json.dumps(jws.header)), json.loads(json.dumps(jws.claims))


@dataclass
class Graph:
    """Graph over the same directory, with a caller that may do everything."""

    entra: Entra
    http: httpx.AsyncClient
    token: str

    async def call(
        self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str
    ) -> httpx.Response:
        """One call below /v1.0, unless the path says /beta."""
        full = path if path.startswith("/beta") else f"/v1.0{path}"
        return await self.http.request(
            method, full, json=body, headers={"authorization": f"Bearer {token or self.token}", **headers}
        )


CALLER_APP = ClientId("55555555-5555-4555-8555-555555555555")
CALLER = ObjectId("66666666-6666-4666-8666-666666666666")


async def graph_token(entra: Entra, *roles: str) -> str:
    """A real token for Graph of a service principal that holds `roles`."""
    entra.directory.put_application(
        Application(ObjectId("77777777-7777-4777-8777-777777777777"), CALLER_APP, TENANT, "caller")
    )
    entra.directory.put_service_principal(
        ServicePrincipal(CALLER, CALLER_APP, TENANT, "caller", graph_roles=roles)
    )
    entra.directory.add_password(
        ObjectId("77777777-7777-4777-8777-777777777777"), "callers-secret", key_id="a-key", salt="salt"
    )
    answer = await entra.ask(
        client_id=CALLER_APP, client_secret="callers-secret", client_assertion=None,
        scope="https://graph.microsoft.com/.default",
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@pytest.fixture
async def graph(entra: Entra) -> AsyncIterator[Graph]:
    """Graph and a caller with Application.ReadWrite.All and Group.ReadWrite.All."""
    from apim_emulators.entra.graph import create_app as create_graph

    app = create_graph(entra.context, entra.directory)
    token = await graph_token(entra, "Application.ReadWrite.All", "Group.ReadWrite.All")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="https://graph.microsoft.com"
    ) as http:
        yield Graph(entra, http, token)
