"""Microsoft Graph, graph.microsoft.com: the part that workload identity needs, below /v1.0 and /beta."""

import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apim_emulators.core.bearer import AccessTokens
from apim_emulators.core.context import Context
from apim_emulators.core.events import GraphAnswered
from apim_emulators.core.http import BodyTooLargeError
from apim_emulators.core.vocabulary import GRAPH_RESOURCE
from apim_emulators.entra import graph_applications, graph_federated, graph_principals, graph_roles
from apim_emulators.entra.graph_errors import GraphError, render
from apim_emulators.entra.graph_session import CALLER, GraphRoute, open_session
from apim_emulators.entra.model import GRAPH_APP_ID, GUID
from apim_emulators.entra.settings import Settings
from apim_emulators.entra.state import Directory

ROUTES: tuple[GraphRoute, ...] = (
    *graph_applications.ROUTES,
    *graph_federated.ROUTES,
    *graph_principals.ROUTES,
    *graph_roles.ROUTES,
)
_AUDIENCES = (GRAPH_RESOURCE, f"{GRAPH_RESOURCE}/", GRAPH_APP_ID)
_ERROR = "graph.error"  # where the ASGI scope keeps the error's code and message, for the journal
_REQUEST_ID = "graph.request-id"
_SLASHES = re.compile("/{2,}")


def create_app(context: Context, directory: Directory, settings: Settings | None = None) -> ASGIApp:
    """Graph over the same directory as the sign-in host. `settings` replaces the directory's own."""
    if settings is not None:
        directory.settings = settings
    tokens = AccessTokens(context.http, context.clock, audiences=_AUDIENCES)
    app = FastAPI(title="Microsoft Graph (sandbox)", docs_url=None, redoc_url=None, redirect_slashes=False)

    def endpoint(route: GraphRoute) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            return await route.handler(await open_session(request, context, directory, tokens))

        handle.__name__ = route.handler.__name__
        handle.__doc__ = route.handler.__doc__
        return handle

    for version in ("v1.0", "beta"):
        for number, route in enumerate(ROUTES):
            app.add_api_route(
                f"/{version}{route.path}", endpoint(route), methods=[route.method], response_model=None,
                operation_id=f"{version}.{route.handler.__name__}.{number}",
            )  # fmt: skip

    async def refuse(request: Request, error: Exception) -> Response:
        refused = error if isinstance(error, GraphError) else GraphError("body-too-large")
        request.scope[_ERROR] = (refused.spec.code, refused.message)
        presented = request.headers.get("client-request-id", "")
        return render(
            refused,
            now=context.clock.now(),
            request_id=request.scope[_REQUEST_ID],
            client_request_id=presented if GUID.fullmatch(presented) else request.scope[_REQUEST_ID],
        )

    async def no_route(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            return await refuse(request, GraphError("method"))
        segment = request.url.path.rstrip("/").rsplit("/", 1)[-1][:200]
        return await refuse(request, GraphError("no-segment", segment=segment))

    app.add_exception_handler(GraphError, refuse)
    app.add_exception_handler(BodyTooLargeError, refuse)
    app.add_exception_handler(HTTPException, no_route)
    return _Journalled(app, context)


class _Journalled:
    """Gives every request an id and tells the journal how it was answered."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context, started, status = self._context, self._context.clock.tick(), 0
        request_id = scope[_REQUEST_ID] = context.ids.uuid()
        path = scope["path"]
        scope["path"] = _SLASHES.sub("/", path)  # msgraph-sdk for Python asks for /v1.0//applications

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name for name, _ in message["headers"]}
                if b"request-id" not in names:
                    message["headers"] = [*message["headers"], (b"request-id", request_id.encode())]
            await send(message)

        await self._app(scope, receive, watched)
        context.journal.append(
            GraphAnswered(scope["method"], path, status, scope.get(CALLER, ""), *scope.get(_ERROR, ("", ""))),
            duration=context.clock.tick() - started,
        )
