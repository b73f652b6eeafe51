"""The default world's back end: answers with the request it got, as Azure's Echo API does."""

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apim_emulators.core.http import MAX_BODY, BodyTooLargeError, json_response, read_body

# What tells of the hop rather than of the caller.
_HOP: Final = frozenset(("host", "connection", "accept-encoding", "content-length", "transfer-encoding"))
# A back end of ours must not show what a caller meant for the gateway.
_SECRET: Final = frozenset(("authorization", "cookie", "ocp-apim-subscription-key"))


async def echo(request: Request) -> Response:
    """Method, path, query, headers (credentials masked) and body of the request, as JSON."""
    try:
        body = await read_body(request, MAX_BODY)
    except BodyTooLargeError as error:
        return json_response({"error": str(error)}, 413)
    headers = {
        name: "***" if name in _SECRET else value
        for name, value in request.headers.items()
        if name not in _HOP
    }
    shown = {"method": request.method, "path": request.url.path, "query": dict(request.query_params)}
    return json_response({**shown, "headers": headers, "body": body.decode("utf-8", "replace")})


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
app = Starlette(routes=[Route("/{path:path}", echo, methods=_METHODS)])
