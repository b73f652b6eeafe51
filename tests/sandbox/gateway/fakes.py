"""The gateway's neighbours, small and honest: an Entra, a configuration API, a back end."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apim_emulators.core import jose
from apim_emulators.core.clock import Clock
from apim_emulators.core.keys import published_keys, signing_key

KEY = signing_key(published_keys()[0])

ENVIRONMENT = {
    "gateway.name": "on-prem",
    "config.service.auth": "workloadIdentity",
    "config.service.endpoint": "https://contoso.configuration.azure-api.net",
    "telemetry.logs.std.level": "info",
    "telemetry.logs.std.color": "false",
    "AZURE_CLIENT_ID": "11111111-1111-4111-8111-111111111111",
    "AZURE_TENANT_ID": "22222222-2222-4222-8222-222222222222",
    "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/wi/token/azure-identity-token",
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
}

ECHO_API = {
    "name": "echo-api",
    "path": "echo",
    "serviceUrl": "https://echo.sandbox.test/api",
    "protocols": ["https"],
    "displayName": "Echo API",
    "operations": [],
}


def assertion(jti: str) -> str:
    """A projected token that nobody here verifies."""
    return jose.sign({"jti": jti}, KEY, {"alg": "RS256", "kid": KEY.kid})


@dataclass
class Arrived:
    """A request as a server saw it."""

    at: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Entra:
    """Gives a token for any assertion, unless told to refuse; remembers what arrived."""

    clock: Clock
    arrived: list[Arrived] = field(default_factory=list)
    refusal: tuple[int, Any] | None = None
    expires_in: Any = 3599

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self.discovery),
            ]
        )

    async def discovery(self, request: Request) -> Response:
        """What MSAL asks for first."""
        base = str(request.base_url) + request.path_params["tenant"]
        return JSONResponse(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            }
        )

    async def token(self, request: Request) -> Response:
        self.arrived.append(await _arrived(self.clock, request))
        if self.refusal:
            status, body = self.refusal
            return Response(body, status) if isinstance(body, bytes) else JSONResponse(body, status)
        claims = {"uti": f"uti-{len(self.arrived)}", "aud": "https://azure-api.net/configuration"}
        token = jose.sign(claims, KEY, {"alg": "RS256", "typ": "JWT"})
        return JSONResponse({"token_type": "Bearer", "expires_in": self.expires_in, "access_token": token})


@dataclass
class ConfigurationApi:
    """Entities with a feed; `trouble` may answer instead, `kept` the revision from which the feed reaches."""

    clock: Clock
    entities: dict[str, Any] = field(default_factory=lambda: {"apis/echo-api": dict(ECHO_API)})
    revision: int = 1
    feed: list[dict[str, Any]] = field(default_factory=list)
    kept: int = 0
    arrived: list[Arrived] = field(default_factory=list)
    trouble: Callable[[Request], Response | None] = lambda _: None

    def put(self, entity: str, data: Any) -> None:
        self._change(entity, "upsert", data)
        self.entities[entity] = data

    def delete(self, entity: str) -> None:
        self._change(entity, "delete", None)
        del self.entities[entity]

    def _change(self, entity: str, operation: str, data: Any) -> None:
        self.revision += 1
        change = {"revision": f"{self.revision:08x}", "entity": entity, "operation": operation, "data": data}
        self.feed.append(change)

    @property
    def app(self) -> Starlette:
        paths = {"snapshot": self.snapshot, "events": self.events, "heartbeat": self.heartbeat}
        return Starlette(
            routes=[
                Route(f"/gateways/{{name}}/{operation}", self._guarded(endpoint), methods=["GET", "POST"])
                for operation, endpoint in paths.items()
            ]
        )

    def _guarded(self, endpoint: Callable[[Request], Response]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            self.arrived.append(await _arrived(self.clock, request))
            return self.trouble(request) or endpoint(request)

        return guarded

    def snapshot(self, request: Request) -> Response:
        body = {
            "revision": f"{self.revision:08x}",
            "serviceName": "contoso",
            "gatewayId": request.path_params["name"],
            "entities": [{"entity": name, "data": data} for name, data in self.entities.items()],
        }
        packed = gzip.compress(msgspec.json.encode(body))
        return Response(packed, headers={"content-encoding": "gzip"}, media_type="application/json")

    def events(self, request: Request) -> Response:
        after = int(request.query_params["$skiptoken"], 16)
        if after < self.kept:
            return JSONResponse({"error": {"code": "SnapshotRequired"}}, 410)
        page = [change for change in self.feed if int(change["revision"], 16) > after]
        page = page[: int(request.query_params["$top"])]
        return JSONResponse(
            {"value": page, "nextSkipToken": page[-1]["revision"] if page else f"{after:08x}"},
            headers={"x-ms-request-id": f"service-{len(self.arrived)}"},
        )

    def heartbeat(self, request: Request) -> Response:
        return Response(status_code=204)

    def times(self, operation: str) -> list[float]:
        return [request.at for request in self.arrived if request.path.endswith(f"/{operation}")]


async def _arrived(clock: Clock, request: Request) -> Arrived:
    return Arrived(
        clock.now(),
        request.method,
        request.url.path,
        request.url.query,
        dict(request.headers),
        await request.body(),
    )
