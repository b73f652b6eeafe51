"""What API Management's entities have in common on the wire: ids, ETags, bodies, lists."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from apim_emulators.apim.errors import (
    CONTENT_TOO_LARGE,
    GATEWAY_NOT_FOUND,
    IF_MATCH_MISSING,
    PRECONDITION_FAILED,
    SERVICE_NOT_FOUND,
    VALIDATION_ERROR,
    ApimRefusedError,
)
from apim_emulators.apim.model import Gateway, Service
from apim_emulators.apim.provider import BASE, Provider
from apim_emulators.core.http import BodyTooLargeError, json_response, read_body

Body = TypeVar("Body", bound=BaseModel)


class CamelModel(BaseModel):
    """A request body: camelCase members, unknown ones ignored as ARM does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


async def read_model(request: Request, model: type[Body]) -> Body:
    """The request's body as `model`; raises `ApimRefusedError` (400, 413) naming the place."""
    try:
        return model.model_validate_json(await read_body(request))
    except BodyTooLargeError as error:
        raise ApimRefusedError(CONTENT_TOO_LARGE, limit=error.limit) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ApimRefusedError(VALIDATION_ERROR, problem=f"{place}: {first['msg']}".lstrip(": ")) from None


def caller(request: Request) -> str:
    """For whom ARM asks: an object id."""
    return request.headers.get("x-ms-client-object-id", "")


def service_id(request: Request) -> str:
    """The id of the service that the path names."""
    return BASE.format(**request.path_params) + f"/{request.path_params['service']}"


def service_of(provider: Provider, request: Request) -> Service:
    found = provider.state.service(service_id(request))
    if found is None:
        raise ApimRefusedError(
            SERVICE_NOT_FOUND,
            service=request.path_params["service"],
            group=request.path_params["group"],
        )
    return found


def gateway_of(provider: Provider, request: Request) -> Gateway:
    service = service_of(provider, request)
    found = provider.state.gateway(f"{service.id}/gateways/{request.path_params['gateway']}")
    if found is None:
        raise ApimRefusedError(GATEWAY_NOT_FOUND)
    return found


def etag(revision: int) -> str:
    return f'"{revision:016x}"'


def check_if_match(request: Request, revision: int, *, required: bool) -> None:
    """Raises `ApimRefusedError`: 400 where If-Match must be and is not, 412 where it does not fit."""
    wanted = request.headers.get("if-match", "")
    if not wanted:
        if required:
            raise ApimRefusedError(IF_MATCH_MISSING)
        return
    current = etag(revision)
    if wanted != "*" and current not in [part.strip() for part in wanted.split(",")]:
        raise ApimRefusedError(PRECONDITION_FAILED, current=current)


def entity_response(request: Request, body: dict[str, Any], revision: int, status: int = 200) -> Response:
    """An entity with its ETag; only the headers for HEAD."""
    response = json_response(body, status, {"etag": etag(revision)})
    if request.method == "HEAD":
        return Response(status_code=200, headers={"etag": etag(revision)})
    return response


def list_response(request: Request, values: list[dict[str, Any]]) -> Response:
    """A list with `$top` and `$skip`; raises `ApimRefusedError` (400) for what is no number."""
    numbers = {}
    for name, default in (("$skip", 0), ("$top", len(values))):
        text = request.query_params.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ApimRefusedError(VALIDATION_ERROR, problem=f"{name}: {text[:32]!r} is not a number")
        numbers[name] = int(text)
    first, last = numbers["$skip"], numbers["$skip"] + numbers["$top"]
    page: dict[str, Any] = {"value": values[first:last], "count": len(values)}
    if last < len(values):
        size = numbers["$top"]
        url = request.url.replace(scheme="https", netloc="management.azure.com")
        page["nextLink"] = str(url.include_query_params(**{"$skip": last, "$top": size}))
    return json_response(page)
