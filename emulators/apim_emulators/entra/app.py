"""The sign-in host, login.microsoftonline.com: token endpoints, metadata, and the sandbox's own routes."""

from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.context import Context
from apim_emulators.core.faults import DroppedKid, WrongInstance
from apim_emulators.core.faults.discovery import broken_discovery
from apim_emulators.core.http import BodyTooLargeError, json_response, read_body
from apim_emulators.entra import behaviours
from apim_emulators.entra.errors import Cause, refusal, render
from apim_emulators.entra.exchange import TokenEndpoint
from apim_emulators.entra.forms import MAX_FORM, host_of, read_request
from apim_emulators.entra.internal import Internal
from apim_emulators.entra.metadata import SHARED, configuration, instance_discovery, key_set
from apim_emulators.entra.model import GUID, Tenant
from apim_emulators.entra.request_checks import not_a_tenant
from apim_emulators.entra.settings import Settings
from apim_emulators.entra.state import Directory

_READ = {
    name.encode(): name
    for name in ("host", "content-type", "authorization", "client-request-id", "return-client-request-id")
}
_ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
_DISCOVERY_HEADERS = {
    "cache-control": "max-age=86400, private",
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, OPTIONS",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
}


class SignIn:
    """The handlers."""

    def __init__(self, context: Context, directory: Directory) -> None:
        self._context = context
        self._directory = directory
        self._tokens = TokenEndpoint(context, directory)

    def routes(self) -> list[Route]:
        return [
            Route("/{tenant}/oauth2/v2.0/token", self._token_v2, methods=_ANY_METHOD),
            Route("/{tenant}/oauth2/token", self._token_v1, methods=_ANY_METHOD),
            Route("/{tenant}/oauth2/v2.0/token", _preflight, methods=["OPTIONS"]),
            Route("/{tenant}/oauth2/token", _preflight, methods=["OPTIONS"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._configuration_v2),
            Route("/{tenant}/.well-known/openid-configuration", self._configuration_v1),
            Route("/{tenant}/discovery/v2.0/keys", self._keys_v2),
            Route("/{tenant}/discovery/keys", self._keys_v1),
            Route("/common/discovery/instance", self._instance),
        ]

    async def _token_v2(self, request: Request) -> Response:
        return await self.token(request, request.path_params["tenant"], 2)

    async def _token_v1(self, request: Request) -> Response:
        return await self.token(request, request.path_params["tenant"], 1)

    async def token(self, request: Request, tenant: str, version: Literal[1, 2]) -> Response:
        """The token endpoint's answer for the path's `tenant`."""
        body: bytes | None
        try:
            body = await read_body(request, MAX_FORM)
        except BodyTooLargeError:
            body = None
        return await self._tokens.answer(
            read_request(
                method=request.method,
                tenant=tenant,
                version=version,
                headers=_headers(request),
                query=request.query_params if request.scope["query_string"] else {},
                body=body,
                query_length=len(request.scope["query_string"]),
            )
        )

    async def _configuration_v2(self, request: Request) -> Response:
        return self._metadata(request, 2)

    async def _configuration_v1(self, request: Request) -> Response:
        return self._metadata(request, 1)

    def _metadata(self, request: Request, version: int) -> Response:
        name = request.path_params["tenant"]
        tenant = self._directory.find_tenant(name)
        if tenant is None and name.lower() not in SHARED:
            return self._refuse(request, not_a_tenant(name), "invalid_tenant")
        document = configuration(
            name if tenant is None else tenant.id, tenant, host_of(request.headers), version
        )
        document = broken_discovery(self._context.faults, document)
        return json_response(document, 200, _DISCOVERY_HEADERS, behaviours.METADATA)

    async def _keys_v2(self, request: Request) -> Response:
        return self._keys(request, 2)

    async def _keys_v1(self, request: Request) -> Response:
        return self._keys(request, 1)

    def _keys(self, request: Request, version: int) -> Response:
        name = request.path_params["tenant"]
        tenant: Tenant | None = self._directory.find_tenant(name)
        if tenant is None and name.lower() not in SHARED:
            return self._refuse(request, not_a_tenant(name), "invalid_tenant")
        keys = []
        records = self._directory.signing_keys()
        dropped = self._context.faults.ask(DroppedKid)
        if dropped is not None:
            kept = dropped.kept([record.kid for record in records])
            records = [record for record in records if record.kid in kept]
        for record in records:
            key = self._directory.loaded_key(record.kid)
            if key is not None:
                keys.append((record.kid, key.public, record.x5c))
        return json_response(key_set(keys, tenant, version), 200, _DISCOVERY_HEADERS, behaviours.METADATA)

    async def _instance(self, request: Request) -> Response:
        endpoint = request.query_params.get("authorization_endpoint", "")
        elsewhere = self._context.faults.ask(WrongInstance)
        document = instance_discovery(
            endpoint,
            host_of(request.headers),
            self._directory.settings.authority_hosts,
            request.query_params.get("api-version", "1.0")[:16],
        )
        if elsewhere is not None:
            document = elsewhere.changed(document) if document is not None and elsewhere.host else None
        if document is None:
            return self._refuse(request, Cause("instance-unknown", 50049))
        return json_response(document, 200, _DISCOVERY_HEADERS, behaviours.METADATA)

    def _refuse(self, request: Request, cause: Cause, error: str | None = None) -> Response:
        ids = self._context.ids
        presented = request.headers.get("client-request-id", "")
        return render(
            refusal(cause),
            now=self._context.clock.now(),
            trace_id=ids.uuid()[:-2] + "00",
            correlation_id=presented if GUID.fullmatch(presented) else ids.uuid(),
            error=error,
        )


def create_app(context: Context, directory: Directory, settings: Settings | None = None) -> ASGIApp:
    """The sign-in host. `settings` replaces the directory's own where it is given."""
    if settings is not None:
        directory.settings = settings
    sign_in = SignIn(context, directory)
    routes = sign_in.routes() + Internal(context, directory).routes()
    return TokenFirst(sign_in, Starlette(routes=routes, exception_handlers={HTTPException: _not_found}))


class TokenFirst:
    """Takes the one route that is asked all the time past Starlette's routing and middleware."""

    def __init__(self, sign_in: SignIn, app: ASGIApp) -> None:
        self._sign_in = sign_in
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            root, _, rest = scope["path"][1:].partition("/")
            if rest == "oauth2/v2.0/token" and root:
                answer = await self._sign_in.token(Request(scope, receive), root, 2)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _headers(request: Request) -> dict[str, str]:
    """Those that a token request is read by; the first counts where one comes twice."""
    raw = reversed(request.scope["headers"])
    return {_READ[name]: value.decode("latin-1") for name, value in raw if name in _READ}


async def _preflight(_: Request) -> Response:
    headers = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "*",
        "access-control-max-age": "86400",
    }
    return Response(status_code=200, headers=headers)


async def _not_found(_: Request, error: Exception) -> Response:
    """A page that is not here; real Entra shows people an HTML page."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return Response("", status, headers)
