"""The issuer over HTTP: discovery and JWKS under its own name, a bit of the Kubernetes API under another.

`{issuer}/.well-known/openid-configuration` and the cluster's `jwks_uri` answer anybody. The API
server's routes answer on kubernetes.default.svc for the first cluster and on
`{name}.clusters.sandbox.test` for each, to whoever holds the admin token; the token proxy for identity
bindings on `{name}.ests.sandbox.test`.
"""

from collections.abc import Mapping
from hmac import compare_digest

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from apim_emulators.core.context import Context
from apim_emulators.core.events import DocumentServed
from apim_emulators.core.faults import DroppedKid, KeyWithoutUse
from apim_emulators.core.faults.discovery import broken_discovery
from apim_emulators.core.http import json_response
from apim_emulators.core.provenance import HEADER, Behaviour
from apim_emulators.core.vocabulary import KUBERNETES_HOST
from apim_emulators.oidc import documents, errors
from apim_emulators.oidc.api import ADMIN_API, KubernetesApi
from apim_emulators.oidc.binding import TokenProxy
from apim_emulators.oidc.model import JWKS_PATH, WELL_KNOWN, Cluster, token_proxy_host
from apim_emulators.oidc.state import IssuerState

CLUSTERS_DOMAIN = "clusters.sandbox.test"  # ours: an API server's name where there are several clusters
_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"]


def create_app(context: Context, state: IssuerState) -> ASGIApp:
    """The application for all issuers' hosts and all API servers' names."""
    routes = _Routes(context, state)
    return Starlette(routes=[Route("/{path:path}", routes.answer, methods=_METHODS)])


class _Routes:
    def __init__(self, context: Context, state: IssuerState) -> None:
        self._context = context
        self._state = state
        self._api = KubernetesApi(context, state)
        self._proxy = TokenProxy(context, state)

    async def answer(self, request: Request) -> Response:
        host, path = _host(request), request.scope["path"]
        proxied = next((one for one in self._state.clusters() if token_proxy_host(one.name) == host), None)
        if proxied is not None:
            return await self._proxy.answer(request, proxied, path)
        cluster = self._api_server(host)
        try:
            if cluster is not None:
                return await self._api_answer(request, cluster, path)
            return self._issuer_answer(request, f"https://{host}{path}")
        except errors.Status as refusal:
            return json_response(refusal.body(), refusal.code)

    def _api_server(self, host: str) -> Cluster | None:
        """The cluster whose API server has this name."""
        clusters = list(self._state.clusters())
        if host == KUBERNETES_HOST or host.startswith(f"{KUBERNETES_HOST}."):
            return clusters[0] if clusters else None
        name = host.removesuffix(f".{CLUSTERS_DOMAIN}")
        return next((cluster for cluster in clusters if cluster.name == name), None) if name != host else None

    def _issuer_answer(self, request: Request, url: str) -> Response:
        for cluster in self._state.clusters():
            if url == _without_port(cluster.discovery_url):
                return self._document(request, cluster, documents.DISCOVERY)
            if url == _without_port(cluster.jwks_uri):
                return self._document(request, cluster, documents.JWKS)
        raise errors.no_such_path()

    async def _api_answer(self, request: Request, cluster: Cluster, path: str) -> Response:
        authorization = request.headers.get("authorization", "")
        if not authorization:
            raise errors.forbidden(path)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not compare_digest(
            token.strip().encode(), self._state.admin_token.encode()
        ):
            raise errors.unauthorized()
        if path == WELL_KNOWN:
            return self._document(request, cluster, documents.DISCOVERY)
        if path == JWKS_PATH:
            return self._document(request, cluster, documents.JWKS)
        answer = await self._api.answer(request, cluster, path)
        answer.headers[HEADER] = ADMIN_API.header
        return answer

    def _keys(self, cluster: Cluster) -> list[Mapping[str, str]]:
        keys = self._state.published(cluster.name)
        dropped = self._context.faults.ask(DroppedKid)
        if dropped is not None:
            kept = dropped.kept([key["kid"] for key in keys])
            keys = [key for key in keys if key["kid"] in kept]
        if self._context.faults.ask(KeyWithoutUse) is not None:
            keys = [{name: value for name, value in key.items() if name != "use"} for key in keys]
        return keys

    def _document(self, request: Request, cluster: Cluster, behaviour: Behaviour) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise errors.method_not_allowed()
        keys = self._keys(cluster) if behaviour is documents.JWKS else []
        if behaviour is documents.DISCOVERY:
            body = broken_discovery(self._context.faults, documents.discovery(cluster))
            media_type = documents.DISCOVERY_TYPE
        else:
            body, media_type = documents.jwks(keys), documents.JWKS_TYPE
        self._context.journal.append(
            DocumentServed(
                cluster.name, cluster.issuer,
                "discovery" if behaviour is documents.DISCOVERY else "jwks",
                tuple(key["kid"] for key in keys),
            )
        )  # fmt: skip
        headers = {
            "cache-control": documents.CACHE_CONTROL,
            "content-type": media_type,
            HEADER: behaviour.header,
        }
        return Response(msgspec.json.encode(body), headers=headers)


def _host(request: Request) -> str:
    """The name that was asked for, without its port."""
    return request.headers.get("host", "").rpartition("@")[2].partition(":")[0].lower()


def _without_port(url: str) -> str:
    """Issuers answer at whatever port the sandbox listens on."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.partition(':')[0].lower()}{slash}{path}"
