"""APIs of a service, as far as a gateway is told of them."""

import re
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from msgspec.structs import replace
from pydantic import Field

from apim_emulators.apim.entity import (
    CamelModel,
    caller,
    check_if_match,
    entity_response,
    list_response,
    read_model,
    service_of,
)
from apim_emulators.apim.errors import API_NOT_FOUND, VALIDATION_ERROR, ApimRefusedError
from apim_emulators.apim.model import Api, ApiVersion, Operation
from apim_emulators.apim.parts import Policy
from apim_emulators.apim.provider import BASE, Provider

APIS = BASE + "/{service}/apis"
_NAME = re.compile(r"[^*#&+:<>?/]{1,256}")


class VersionSetBody(CamelModel):
    versioning_scheme: Literal["Segment", "Query", "Header"]
    version_query_name: str = Field(default="api-version", min_length=1, max_length=100)
    version_header_name: str = Field(default="api-version", min_length=1, max_length=100)


class ApiProperties(CamelModel):
    display_name: str = Field(min_length=1, max_length=300)
    path: str = Field(max_length=400)
    service_url: str | None = Field(default=None, max_length=2000)
    protocols: list[Literal["http", "https", "ws", "wss"]] = Field(default=["https"], min_length=1)
    subscription_required: bool = False
    api_version: str = Field(default="", max_length=100)
    api_version_set: VersionSetBody | None = None

    def version(self) -> ApiVersion | None:
        """None for an API without a version."""
        chosen = self.api_version_set
        if chosen is None or not self.api_version:
            return None
        names = {"Query": chosen.version_query_name, "Header": chosen.version_header_name}
        scheme = chosen.versioning_scheme
        return ApiVersion(self.api_version, scheme, names.get(scheme, ""))


class ApiBody(CamelModel):
    properties: ApiProperties


class OperationProperties(CamelModel):
    display_name: str = Field(min_length=1, max_length=300)
    method: str = Field(min_length=1, max_length=16)
    url_template: str = Field(min_length=1, max_length=1000)


class OperationBody(CamelModel):
    properties: OperationProperties


def api_json(api: Api, parent: str = "") -> dict[str, Any]:
    """An API; below `parent` (a gateway's id) where it is shown as one of a gateway's."""
    kind = "gateways/apis" if parent else "apis"
    return {
        "id": f"{parent}/apis/{api.name}" if parent else api.id,
        "type": f"Microsoft.ApiManagement/service/{kind}",
        "name": api.name,
        "properties": {
            "displayName": api.display_name or api.name,
            "apiRevision": "1",
            "isCurrent": True,
            "path": api.path,
            "serviceUrl": api.service_url,
            "protocols": list(api.protocols),
            "subscriptionRequired": api.subscription_required,
        }
        | ({"apiVersion": api.version.name} if api.version else {}),
    }


def operation_json(api: Api, operation: Operation) -> dict[str, Any]:
    return {
        "id": f"{api.id}/operations/{operation.name}",
        "type": "Microsoft.ApiManagement/service/apis/operations",
        "name": operation.name,
        "properties": {
            "displayName": operation.display_name or operation.name,
            "method": operation.method,
            "urlTemplate": operation.url_template,
        },
    }


def router(provider: Provider) -> APIRouter:
    routes = APIRouter(route_class=provider.route_class(), tags=["APIs"])
    state = provider.state

    def api_of(request: Request) -> Api:
        found = state.api(f"{service_of(provider, request).id}/apis/{request.path_params['api']}")
        if found is None:
            raise ApimRefusedError(API_NOT_FOUND)
        return found

    @routes.get(APIS)
    async def list_apis(request: Request) -> Response:
        service = service_of(provider, request)
        return list_response(request, [api_json(found) for found in state.apis(service.id)])

    @routes.api_route(APIS + "/{api}", methods=["GET", "HEAD"])
    async def get_api(request: Request) -> Response:
        found = api_of(request)
        return entity_response(request, api_json(found), state.api_revision(found.id))

    @routes.put(APIS + "/{api}")
    async def put_api(request: Request, api: str) -> Response:
        service = service_of(provider, request)
        if not _NAME.fullmatch(api):
            raise ApimRefusedError(
                VALIDATION_ERROR, problem=f"apiId: {api[:100]!r} holds a forbidden character"
            )
        before = state.api(f"{service.id}/apis/{api}")
        check_if_match(request, state.api_revision(before.id) if before else 0, required=False)
        body = (await read_model(request, ApiBody)).properties
        made = Api(
            service_id=service.id,
            name=before.name if before else api,
            path=body.path.strip("/"),
            service_url=body.service_url or "",
            display_name=body.display_name,
            protocols=tuple(body.protocols),
            operations=before.operations if before else (),
            subscription_required=body.subscription_required,
            version=body.version(),
        )
        for other in state.apis(service.id):
            same = (other.path.lower(), other.version) == (made.path.lower(), made.version)
            if same and other.name != made.name:
                raise ApimRefusedError(
                    VALIDATION_ERROR, problem=f"path: {made.path!r} is the path of API {other.name!r}"
                )
        state.put_api(made, by=caller(request))
        return entity_response(request, api_json(made), state.api_revision(made.id), 200 if before else 201)

    @routes.delete(APIS + "/{api}")
    async def delete_api(request: Request, api: str) -> Response:
        service = service_of(provider, request)
        found = state.api(f"{service.id}/apis/{api}")
        if found is None:
            return Response(status_code=204)
        check_if_match(request, state.api_revision(found.id), required=True)
        state.delete_api(found.id, by=caller(request))
        return Response(status_code=200)

    @routes.get(APIS + "/{api}/operations")
    async def list_operations(request: Request) -> Response:
        found = api_of(request)
        return list_response(request, [operation_json(found, operation) for operation in found.operations])

    @routes.put(APIS + "/{api}/operations/{operation}")
    async def put_operation(request: Request, operation: str) -> Response:
        found = api_of(request)
        body = (await read_model(request, OperationBody)).properties
        made = Operation(operation, body.method.upper(), body.url_template, body.display_name)
        known = [own for own in found.operations if own.name.lower() != operation.lower()]
        new = len(known) == len(found.operations)
        state.put_api(replace(found, operations=(*known, made)), by=caller(request))
        return entity_response(
            request, operation_json(found, made), state.api_revision(found.id), 201 if new else 200
        )

    @routes.delete(APIS + "/{api}/operations/{operation}")
    async def delete_operation(request: Request, operation: str) -> Response:
        found = api_of(request)
        kept = tuple(own for own in found.operations if own.name.lower() != operation.lower())
        if len(kept) == len(found.operations):
            return Response(status_code=204)
        check_if_match(request, state.api_revision(found.id), required=True)
        state.put_api(replace(found, operations=kept), by=caller(request))
        policy = state.part(Policy, f"{found.id}/operations/{operation}/policies/policy")
        if policy is not None:
            state.delete_part(policy, by=caller(request))
        return Response(status_code=200)

    return routes
