"""A cloud of the article's shape around the emulators under test: a small Entra, ARM and API Management."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate
from starlette.types import ASGIApp

from apim_emulators.apim.app import create_app as create_configuration_api
from apim_emulators.apim.model import Api, Gateway, Service, SystemIdentity
from apim_emulators.apim.resources import create_app as create_resources
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.apim.state import ApimState
from apim_emulators.arm.app import create_app as create_arm
from apim_emulators.arm.builtin_roles import OWNER
from apim_emulators.arm.model import ManagedCluster, ResourceGroup, Subscription
from apim_emulators.arm.settings import ArmSettings
from apim_emulators.arm.state import ArmState
from apim_emulators.core.context import Context
from apim_emulators.core.events import Event
from apim_emulators.core.ids import SeededIds, derived_uuid
from apim_emulators.core.jose import SigningKey, parse, public_jwk, sign, verify
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.keys import PooledKeys, signing_key
from apim_emulators.core.rbac import Permission, RoleAssignment, RoleDefinition
from apim_emulators.core.store import MemoryStore
from apim_emulators.core.vocabulary import (
    APIM_PROVIDER_HOST,
    ARM_HOST,
    ARM_RESOURCE,
    CONFIGURATION_AUDIENCE,
    GET_CONFIGURATION,
    LOGIN_HOST,
)

NOW = 1_767_225_600.0
SECRET = "provider-secret-for-tests"
TENANT = "11111111-1111-4111-8111-111111111111"
SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
OPERATOR = "33333333-3333-4333-8333-333333333333"
READER = "44444444-4444-4444-8444-444444444444"  # the gateway's service principal
VALIDATOR = "55555555-5555-4555-8555-555555555555"  # the service's own identity
STRANGER = "66666666-6666-4666-8666-666666666666"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{ROOT}/resourceGroups/contoso-rg"
SERVICE = f"{GROUP}/providers/Microsoft.ApiManagement/service/contoso"
GATEWAY = f"{SERVICE}/gateways/on-prem"
CONFIGURATION_HOST = "contoso.configuration.azure-api.net"
VERSION = "2022-04-01"
APIM_VERSION = "2024-05-01"
READER_ROLE = derived_uuid("reader-role")
VALIDATOR_ROLE = derived_uuid("validator-role")
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/contoso"


class HandClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> float:
        return self.moment

    def tick(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.moment += seconds

    async def sleep_until(self, moment: float) -> None:
        self.moment = max(self.moment, moment)


@dataclass
class SmallEntra:
    """As much of Entra as ARM and API Management ask: keys, identities, principals, certificate sign-in."""

    key: SigningKey
    clock: HandClock
    identities: dict[str, dict[str, Any]] = field(default_factory=dict)
    principals: dict[str, dict[str, Any]] = field(default_factory=dict)
    credentials: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    down: bool = False

    def issue(self, object_id: str, audience: str, **changes: Any) -> str:
        """An access token of version 1 as Entra makes it; `changes` replace claims (None removes one)."""
        now = self.clock.now()
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": now - 300,
            "nbf": now - 300,
            "exp": now + 3599,
            "appid": derived_uuid("app", object_id),
            "app_displayname": f"app-{object_id[:4]}",
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": TENANT,
            "uti": derived_uuid("uti", object_id, audience, str(now)),
            "ver": "1.0",
        } | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return sign(kept, self.key, {"typ": "JWT", "alg": "RS256", "kid": self.key.kid})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.requests.append(f"{request.method} {path}")
        if self.down:
            raise httpx.ConnectError("connection refused", request=request)
        if path.endswith("/discovery/v2.0/keys"):
            jwk = public_jwk(self.key.public) | {"kid": self.key.kid, "use": "sig"}
            return httpx.Response(200 if path.startswith(f"/{TENANT}/") else 400, json={"keys": [jwk]})
        if path.startswith("/_sandbox/"):
            return self._internal(request, path.rpartition("/")[2])
        return self._token(dict(parse_qsl(request.content.decode())), str(request.url))

    def _internal(self, request: httpx.Request, object_id: str) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return httpx.Response(401)
        if request.url.path.startswith("/_sandbox/principals/"):
            found = self.principals.get(object_id)
            return httpx.Response(200, json=found) if found else httpx.Response(404)
        if "/federatedIdentityCredentials" in request.url.path:
            return self._federated(request)
        if request.method == "DELETE":
            return httpx.Response(204 if self.identities.pop(object_id, None) else 404)
        body = httpx.Response(200, content=request.content).json()
        self.identities[object_id] = self.identities.get(object_id, {}) | {
            name: value for name, value in body.items() if value is not None
        }
        return httpx.Response(200, json={})

    def _federated(self, request: httpx.Request) -> httpx.Response:
        owner, _, name = request.url.path.removeprefix("/_sandbox/identities/").partition(
            "/federatedIdentityCredentials"
        )
        held = self.credentials.setdefault(owner, {})
        name = name.strip("/")
        if request.method == "GET":
            return httpx.Response(200, json={"value": list(held.values())})
        if request.method == "DELETE":
            held.pop(name, None)
            return httpx.Response(204)
        held[name] = httpx.Response(200, content=request.content).json() | {"name": name}
        return httpx.Response(200, json=held[name])

    def _token(self, form: Mapping[str, str], url: str) -> httpx.Response:
        found = [
            (object_id, identity)
            for object_id, identity in self.identities.items()
            if identity["clientId"] == form["client_id"] and "certificate" in identity
        ]
        if not found:
            return httpx.Response(401, json={"error": "invalid_client", "error_description": "AADSTS700027"})
        object_id, identity = found[0]
        assertion = parse(form["client_assertion"])
        public = load_pem_x509_certificate(identity["certificate"].encode()).public_key()
        assert isinstance(public, RSAPublicKey)
        assert verify(assertion, public, "RS256")
        assert assertion.claims["aud"] == url
        assert assertion.claims["iss"] == assertion.claims["sub"] == form["client_id"]
        token = self.issue(object_id, form["scope"].removesuffix("/.default"))
        return httpx.Response(200, json={"access_token": token, "token_type": "Bearer", "expires_in": 3599})


class Whole(httpx.AsyncByteStream):
    """A request's body in one piece; an application may answer without having read it."""

    def __init__(self, content: bytes) -> None:
        self._pieces = [content]

    def __aiter__(self) -> "Whole":
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop()


class Routes(httpx.AsyncBaseTransport):
    """Sends each host's requests to its application or handler, and anything else nowhere."""

    def __init__(self) -> None:
        self.apps: dict[str, ASGIApp] = {}
        self.handlers: dict[str, Callable[[httpx.Request], httpx.Response]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host in self.handlers:
            await request.aread()
            return self.handlers[host](request)
        if host in self.apps:
            request.stream = Whole(await request.aread())
            return await httpx.ASGITransport(self.apps[host]).handle_async_request(request)
        raise httpx.ConnectError(f"{host}: Name or service not known", request=request)


@dataclass
class Cloud:
    """Everything wired up; `arm_settings` and `apim_settings` are fixed at the beginning."""

    arm_settings: ArmSettings = field(default_factory=lambda: ArmSettings(SECRET))
    apim_settings: ApimSettings = field(default_factory=lambda: ApimSettings(SECRET))

    def __post_init__(self) -> None:
        self.clock = HandClock()
        self.journal = MemoryJournal()
        self.keys = PooledKeys()
        self.entra = SmallEntra(signing_key(self.keys.rsa("entra")), self.clock)
        self.routes = Routes()
        self.http = httpx.AsyncClient(transport=self.routes)
        self.arm = ArmState(MemoryStore())
        self.apim = ApimState(MemoryStore(), self.keys, self.apim_settings)
        self.routes.handlers[LOGIN_HOST] = self.entra
        self.routes.apps[ARM_HOST] = create_arm(self.context("arm"), self.arm, self.arm_settings)
        self.routes.apps[CONFIGURATION_HOST] = create_configuration_api(
            self.context("apim"), self.apim, self.apim_settings
        )
        self.routes.apps[APIM_PROVIDER_HOST] = create_resources(
            self.context("apim"), self.apim, self.apim_settings
        )
        seed_arm(self.arm)
        seed_apim(self.apim)
        for object_id in (OPERATOR, READER, VALIDATOR):
            self.entra.principals[object_id] = {"id": object_id, "type": "ServicePrincipal", "memberOf": []}
        self.journal.clear()

    def context(self, actor: Any) -> Context:
        return Context(self.clock, SeededIds(actor), ActorJournal(self.journal, actor, self.clock), self.http)

    async def ask(
        self, method: str, path: str, *, by: str = OPERATOR, version: str = VERSION, **options: Any
    ) -> httpx.Response:
        """Call ARM as the principal `by`; an empty `version` leaves the parameter out."""
        headers = {"authorization": f"Bearer {self.entra.issue(by, ARM_RESOURCE)}"} | options.pop(
            "headers", {}
        )
        params = ({"api-version": version} if version else {}) | options.pop("params", {})
        return await self.http.request(
            method, f"https://{ARM_HOST}{path}", headers=headers, params=params, **options
        )

    async def poll(
        self, path: str = "/gateways/on-prem/snapshot", *, by: str = READER, **options: Any
    ) -> httpx.Response:
        """Call the configuration API as the principal `by`."""
        token = self.entra.issue(by, CONFIGURATION_AUDIENCE)
        headers = {"authorization": f"Bearer {token}"} | options.pop("headers", {})
        method = options.pop("method", "GET")
        return await self.http.request(
            method, f"https://{CONFIGURATION_HOST}{path}", headers=headers, **options
        )

    def events(self, kind: type[Event]) -> list[Any]:
        """The journal's events of one kind, oldest first."""
        return [record.event for record in self.journal.since() if isinstance(record.event, kind)]


def assignment(
    guid: str, scope: str, role: str, principal: str, kind: str = "ServicePrincipal"
) -> RoleAssignment:
    return RoleAssignment(
        id=f"{scope}/providers/Microsoft.Authorization/roleAssignments/{derived_uuid(guid)}",
        scope=scope,
        role_definition_id=f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        principal_id=principal,
        principal_type=kind,
    )


def seed_arm(state: ArmState) -> None:
    """The article's roles and assignments, and an operator who owns the subscription."""
    state.put_subscription(Subscription(SUBSCRIPTION, TENANT, "Contoso"))
    state.put_resource_group(ResourceGroup(SUBSCRIPTION, "contoso-rg"))
    state.put_managed_cluster(ManagedCluster(CLUSTER, "https://oidc.sandbox.test/contoso"))
    for guid, name, permission in (
        (
            READER_ROLE,
            "API Management Gateway Configuration Reader Role",
            Permission(data_actions=(GET_CONFIGURATION,)),
        ),
        (
            VALIDATOR_ROLE,
            "API Management Configuration API Access Validator Service Role",
            Permission(actions=("Microsoft.Authorization/*/read",)),
        ),
    ):
        state.put_role_definition(
            RoleDefinition(
                f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{guid}",
                name,
                (permission,),
                (ROOT,),
            )
        )
    state.put_role_assignment(assignment("reader", GROUP, READER_ROLE, READER))
    state.put_role_assignment(assignment("validator", GROUP, VALIDATOR_ROLE, VALIDATOR))
    state.put_role_assignment(assignment("operator", ROOT, OWNER.id.rpartition("/")[2], OPERATOR))


def seed_apim(state: ApimState) -> None:
    """Service contoso with gateway on-prem, which serves echo-api."""
    identity = SystemIdentity(VALIDATOR, derived_uuid("contoso", "client"), TENANT)
    state.put_service(Service(SERVICE, TENANT, identity))
    state.put_gateway(Gateway(SERVICE, "on-prem", "the gateway at home"))
    state.put_api(Api(SERVICE, "echo-api", "echo", "https://echo.sandbox.test/api", "Echo API"))
    state.assign_api(GATEWAY, "echo-api")
