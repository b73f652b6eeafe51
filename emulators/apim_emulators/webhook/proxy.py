"""The proxy beside an application that only knows IMDS: its token requests become token exchanges.

`GET /metadata/identity/oauth2/token` is answered with a token of the pod's workload identity; all
else goes on to the node's metadata service (azure-workload-identity `pkg/proxy`).
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from apim_emulators.core.clock import Clock
from apim_emulators.core.context import Context
from apim_emulators.core.http import BodyTooLargeError, read_body
from apim_emulators.core.provenance import Behaviour
from apim_emulators.core.vocabulary import JWT_BEARER
from apim_emulators.webhook.about import Build
from apim_emulators.webhook.clouds import PUBLIC
from apim_emulators.webhook.profiles import Profile

METADATA_SERVICE = "http://169.254.169.254:80"
PROBES = 7

_TOKEN_PATH = re.compile(r"/(?i:metadata)/identity/oauth2/token")
_CREDENTIALS_KEPT = 128
_CREDENTIAL_LIFE = 25 * 3600.0  # seconds
_RENEW_BEFORE = 300.0  # seconds before its end at which MSAL no longer hands out a cached token
_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"}

PROXY = Behaviour(
    "webhook.proxy", "documented",
    "The proxy answers IMDS token requests with tokens of the workload identity and forwards the rest.",
    "Azure/azure-workload-identity pkg/proxy/proxy.go",
    "tests/emulators/webhook/test_proxy.py::test_an_imds_token_request_becomes_a_token_exchange",
)  # fmt: skip


class ProxyError(ValueError):
    """The proxy can't start or get a token; the message is its own."""


class ProxySettings(Struct, frozen=True):
    """The proxy's environment, as the webhook injects it. Make one with `proxy_settings`."""

    tenant_id: str
    client_id: str
    authority_host: str
    token_file: str


def proxy_settings(environment: Mapping[str, str], profile: Profile) -> ProxySettings:
    """Raises `ProxyError` where the proxy would not start."""
    required = ["AZURE_TENANT_ID"] if profile.overwrites else ["AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST"]
    for name in required:
        if not environment.get(name):
            raise ProxyError(f"{name} not set")
    return ProxySettings(
        environment["AZURE_TENANT_ID"],
        environment.get("AZURE_CLIENT_ID", ""),
        environment.get("AZURE_AUTHORITY_HOST") or PUBLIC,
        environment.get("AZURE_FEDERATED_TOKEN_FILE", ""),
    )


def read_token(path: str) -> str:
    """The projected token, read anew for every exchange. Raises `ProxyError`."""
    if not path:
        raise ProxyError(
            "no token file specified. Check pod configuration or set TokenFilePath in the options"
        )
    try:
        return Path(path).read_text()
    except OSError as error:
        raise ProxyError(f"open {path}: {(error.strerror or str(error)).lower()}") from None


def scope_of(resource: str) -> str:
    """A v1 resource as a v2 scope; a trailing slash of the resource is part of its name and stays."""
    return resource if resource.endswith("/.default") else f"{resource}/.default"


class Issued(Struct, frozen=True):
    """An access token; `expires_on` in epoch seconds."""

    token: str
    expires_on: float


class Credential:
    """The workload identity of one client id; keeps tokens as MSAL does."""

    def __init__(self, context: Context, settings: ProxySettings, client_id: str) -> None:
        self._context = context
        self._settings = settings
        self._client_id = client_id
        self._tokens: dict[str, Issued] = {}

    async def get(self, scope: str, read: Callable[[str], str]) -> Issued:
        """A token for `scope`. Raises `ProxyError`."""
        kept = self._tokens.get(scope)
        if kept is not None and kept.expires_on - _RENEW_BEFORE > self._context.clock.now():
            return kept
        issued = self._tokens[scope] = await self._exchange(scope, read(self._settings.token_file))
        return issued

    async def _exchange(self, scope: str, assertion: str) -> Issued:
        settings = self._settings
        url = f"{settings.authority_host.rstrip('/')}/{settings.tenant_id}/oauth2/v2.0/token"
        form = {
            "client_id": self._client_id,
            "scope": scope,
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_BEARER,
            "client_assertion": assertion,
        }
        try:
            answer = await self._context.http.post(url, data=form)
        except httpx.HTTPError as error:
            raise ProxyError(
                f'WorkloadIdentityCredential: Post "{url}": {error or type(error).__name__}'
            ) from None
        try:
            body = answer.json()
            return Issued(str(body["access_token"]), self._context.clock.now() + float(body["expires_in"]))
        except (ValueError, KeyError, TypeError):
            raise ProxyError(
                f"WorkloadIdentityCredential authentication failed\nPOST {url}\n"
                f"RESPONSE {answer.status_code}\n{answer.text[:4096]}"
            ) from None


class Credentials:
    """The credential objects that were used last, by client id."""

    def __init__(self, context: Context, settings: ProxySettings) -> None:
        self._context = context
        self._settings = settings
        self._kept: OrderedDict[str, tuple[float, Credential]] = OrderedDict()

    def get(self, client_id: str) -> Credential:
        """Everybody who asks for one client id gets one object, for 25 hours."""
        now = self._context.clock.now()
        until, credential = self._kept.pop(client_id, (0.0, None))
        if credential is None or until <= now:
            until, credential = now + _CREDENTIAL_LIFE, Credential(self._context, self._settings, client_id)
        self._kept[client_id] = (until, credential)
        if len(self._kept) > _CREDENTIALS_KEPT:
            self._kept.popitem(last=False)
        return credential


def create_app(context: Context, settings: ProxySettings, read: Callable[[str], str] = read_token) -> ASGIApp:
    """One pod's proxy."""
    proxy = _Proxy(context, settings, read)
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", proxy.answer, methods=methods)])


class _Proxy:
    def __init__(self, context: Context, settings: ProxySettings, read: Callable[[str], str]) -> None:
        self._context = context
        self._settings = settings
        self._read = read
        self._credentials = Credentials(context, settings)

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        if _TOKEN_PATH.match(path):
            response = await self._token(request)
            response.headers["server"] = Build().user_agent("proxy")
            return response
        if path.startswith("/readyz"):
            return PlainTextResponse("ok")
        return await self._forward(request)

    async def _token(self, request: Request) -> Response:
        client_id = request.query_params.get("client_id") or self._settings.client_id
        resource = request.query_params.get("resource") or ""
        if not client_id:
            return _error("The client_id parameter or AZURE_CLIENT_ID environment variable must be set", 400)
        if not resource:
            return _error("The resource parameter is required.", 400)
        try:
            issued = await self._credentials.get(client_id).get(scope_of(resource), self._read)
        except ProxyError as error:
            return _error(str(error), 500)
        body = {
            "access_token": issued.token,
            "refresh_token": "",
            "expires_in": int(issued.expires_on - self._context.clock.now()) - 10,
            "expires_on": str(int(issued.expires_on)),
            "not_before": 0,
            "resource": resource,
            "token_type": "Bearer",
        }
        return Response(msgspec.json.encode(body) + b"\n", media_type="application/json")

    async def _forward(self, request: Request) -> Response:
        try:
            body = await read_body(request)
        except BodyTooLargeError as error:
            return _error(str(error), 413)
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        try:
            answer = await self._context.http.request(
                request.method, f"{METADATA_SERVICE}{request.url.path}{query}", headers=headers, content=body
            )
        except httpx.HTTPError as error:
            return _error(str(error) or type(error).__name__, 500)
        kept = {name: value for name, value in answer.headers.items() if name not in _HOP_BY_HOP}
        kept.pop("content-encoding", None)
        return Response(answer.content, answer.status_code, kept)


async def probe(http: httpx.AsyncClient, clock: Clock, url: str) -> None:
    """What the sidecar's postStart does: ask `url` until it answers 200. Raises `ProxyError`.

    A connection that fails ends it at once; other answers are waited out for seven seconds.
    """
    for _ in range(PROBES):
        try:
            answer = await http.get(url, timeout=5.0)
        except httpx.HTTPError as error:
            raise ProxyError(f'Get "{url}": {error or type(error).__name__}') from None
        if answer.status_code == 200:
            return
        await clock.sleep(1.0)
    raise ProxyError("failed to probe proxy")


def _error(message: str, status: int) -> Response:
    """Go's `http.Error`."""
    return PlainTextResponse(f"{message}\n", status, {"x-content-type-options": "nosniff"})
