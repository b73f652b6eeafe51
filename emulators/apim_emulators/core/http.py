"""What every emulator's HTTP edge needs: bounded bodies, JSON answers, lazily built applications."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.provenance import HEADER, Behaviour

MAX_BODY = 1024 * 1024  # bytes


class BodyTooLargeError(ValueError):
    """The request's body is longer than the endpoint takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the request body is longer than {limit} bytes")
        self.limit = limit


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The whole body. Raises `BodyTooLargeError` before more than `limit` bytes are kept."""
    body = b""
    receive, more = request.receive, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLargeError(limit)
        more = message.get("more_body", False)
    return body


def json_response(
    value: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    behaviour: Behaviour | None = None,
) -> Response:
    """`value` as JSON; with `behaviour`, the provenance header says how sure we are of it."""
    response = Response(
        msgspec.json.encode(value), status, dict(headers or {}), media_type="application/json; charset=utf-8"
    )
    if behaviour is not None:
        response.headers[HEADER] = behaviour.header
    return response


class LazyApp:
    """Builds its application at the first request: FastAPI's import costs more than the rest of the start."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = self._build()
        await self._app(scope, receive, send)
