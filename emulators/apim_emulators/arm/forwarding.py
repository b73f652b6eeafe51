"""On to the resource provider: what ARM does with a request for Microsoft.ApiManagement."""

import httpx
import msgspec
from fastapi import APIRouter, Request, Response

from apim_emulators.arm.call import Arm, call_of
from apim_emulators.arm.errors import (
    NOT_SERVED,
    PROVIDER_UNAVAILABLE,
    REQUEST_TOO_LARGE,
    ArmRefusedError,
)
from apim_emulators.core.http import BodyTooLargeError, read_body

_METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
_UP = ("content-type", "if-match", "if-none-match", "accept")
_DOWN = (
    "content-type", "etag", "location", "azure-asyncoperation", "retry-after", "x-sandbox-provenance",
)  # fmt: skip


def router(arm: Arm) -> APIRouter:
    routes = APIRouter(route_class=arm.route_class())

    @routes.api_route(
        "/subscriptions/{subscription}/providers/Microsoft.ApiManagement/{rest:path}",
        methods=_METHODS,
        include_in_schema=False,
    )
    @routes.api_route(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ApiManagement/{rest:path}",
        methods=_METHODS,
        include_in_schema=False,
    )
    async def api_management(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        arm.need_group(call.resource.text)
        return await _forward(arm, request)

    @routes.api_route("/{path:path}", methods=[*_METHODS, "OPTIONS"], include_in_schema=False)
    async def nothing_here(request: Request, path: str) -> Response:
        raise ArmRefusedError(NOT_SERVED, method=request.method, path=f"/{path}")

    return routes


async def _forward(arm: Arm, request: Request) -> Response:
    call = call_of(request)
    assert call.caller is not None
    try:
        body = await read_body(request)
    except BodyTooLargeError as error:
        raise ArmRefusedError(REQUEST_TOO_LARGE, limit=error.limit) from None
    headers = {name: request.headers[name] for name in _UP if name in request.headers}
    headers |= {
        "authorization": f"Bearer {arm.settings.provider_secret}",
        "x-ms-client-object-id": call.caller.object_id,
        "x-ms-client-principal-id": call.caller.object_id,
        "x-ms-client-app-id": call.caller.app_id,
        "x-ms-client-tenant-id": call.caller.tenant_id,
        "x-ms-correlation-request-id": call.correlation_id,
    }
    url = httpx.URL(f"https://{arm.settings.apim_provider_host}").copy_with(
        path=request.url.path, query=request.url.query.encode() or None
    )
    try:
        answer = await arm.context.http.request(request.method, url, headers=headers, content=body)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise ArmRefusedError(PROVIDER_UNAVAILABLE, provider="Microsoft.ApiManagement") from None
    kept = {name: answer.headers[name] for name in _DOWN if name in answer.headers}
    if answer.status_code >= 400:
        call.provider_error = _error(answer)
    return Response(answer.content, answer.status_code, kept)


def _error(answer: httpx.Response) -> str:
    """`code: message` of a resource provider's refusal, for the journal."""
    try:
        error = msgspec.json.decode(answer.content)["error"]
        return f"{error['code']}: {error['message']}"
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""
