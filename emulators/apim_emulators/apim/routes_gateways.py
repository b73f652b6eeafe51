"""Gateways of a service: the resource, its keys and tokens, and the APIs that it serves."""

from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from apim_emulators.apim.entity import (
    CamelModel,
    caller,
    check_if_match,
    entity_response,
    gateway_of,
    list_response,
    read_model,
    service_of,
)
from apim_emulators.apim.errors import (
    API_NOT_FOUND,
    METHOD_NOT_ALLOWED_IN_TIER,
    VALIDATION_ERROR,
    ApimRefusedError,
)
from apim_emulators.apim.gateway_tokens import LONGEST, make_token
from apim_emulators.apim.model import Api, Gateway, GatewayKeys, LocationData, Service
from apim_emulators.apim.provider import BASE, Provider
from apim_emulators.apim.routes_apis import api_json
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.http import json_response

GATEWAYS = BASE + "/{service}/gateways"
GATEWAY = GATEWAYS + "/{gateway}"
_HEARTBEAT_GONE = "2019-12-01"  # the first api-version whose gateways have no heartbeat
_TIERS = ("Developer", "Premium")  # the only ones with self-hosted gateways


class LocationBody(CamelModel):
    name: str = Field(min_length=1, max_length=256)
    city: str | None = Field(default=None, max_length=256)
    district: str | None = Field(default=None, max_length=256)
    country_or_region: str | None = Field(default=None, max_length=256)


class GatewayProperties(CamelModel):
    description: str | None = Field(default=None, max_length=1000)
    location_data: LocationBody | None = None


class GatewayBody(CamelModel):
    properties: GatewayProperties = GatewayProperties()


class KeyBody(CamelModel):
    key_type: Literal["primary", "secondary"]


class TokenBody(KeyBody):
    expiry: datetime


def gateway_json(gateway: Gateway) -> dict[str, Any]:
    location = gateway.location
    return {
        "id": gateway.id,
        "type": "Microsoft.ApiManagement/service/gateways",
        "name": gateway.name,
        "properties": {
            "locationData": {
                "name": location.name,
                "city": location.city,
                "district": location.district,
                "countryOrRegion": location.country_or_region,
            },
            "description": gateway.description,
        },
    }


def router(provider: Provider) -> APIRouter:
    routes = APIRouter(route_class=provider.route_class(), tags=["Gateways"])
    state = provider.state

    def instances_json(gateway: Gateway) -> list[dict[str, Any]]:
        return [
            {
                "instanceId": instance.id,
                "version": instance.version,
                "revision": instance.revision,
                "lastHeartbeat": rfc3339(instance.last_seen),
            }
            for instance in state.instances(gateway.id, provider.context.clock.now())
        ]

    @routes.get(GATEWAYS)
    async def list_gateways(request: Request) -> Response:
        service = service_of(provider, request)
        return list_response(request, [gateway_json(found) for found in state.gateways(service.id)])

    @routes.api_route(GATEWAY, methods=["GET", "HEAD"])
    async def get_gateway(request: Request) -> Response:
        gateway = gateway_of(provider, request)
        body = gateway_json(gateway)
        if request.query_params.get("api-version", "") < _HEARTBEAT_GONE:
            body["properties"] |= {"region": gateway.location.name, "heartbeat": instances_json(gateway)}
        return entity_response(request, body, state.gateway_revision(gateway.id))

    @routes.put(GATEWAY)
    async def put_gateway(request: Request, gateway: str) -> Response:
        service = service_of(provider, request)
        _check_gateway(service, gateway)
        before = state.gateway(f"{service.id}/gateways/{gateway}")
        check_if_match(request, state.gateway_revision(before.id) if before else 0, required=False)
        body = (await read_model(request, GatewayBody)).properties
        made = Gateway(
            service.id,
            before.name if before else gateway,
            body.description or "",
            _location(body.location_data) or LocationData("sandbox"),
        )
        state.put_gateway(made, by=caller(request))
        return entity_response(
            request, gateway_json(made), state.gateway_revision(made.id), 200 if before else 201
        )

    @routes.patch(GATEWAY)
    async def patch_gateway(request: Request) -> Response:
        before = gateway_of(provider, request)
        check_if_match(request, state.gateway_revision(before.id), required=True)
        body = (await read_model(request, GatewayBody)).properties
        description = before.description if body.description is None else body.description
        location = _location(body.location_data) or before.location
        made = Gateway(before.service_id, before.name, description, location)
        state.put_gateway(made, by=caller(request))
        return entity_response(request, gateway_json(made), state.gateway_revision(made.id))

    @routes.delete(GATEWAY)
    async def delete_gateway(request: Request, gateway: str) -> Response:
        service = service_of(provider, request)
        found = state.gateway(f"{service.id}/gateways/{gateway}")
        if found is None:
            return Response(status_code=204)
        check_if_match(request, state.gateway_revision(found.id), required=True)
        state.delete_gateway(found.id, by=caller(request))
        return Response(status_code=200)

    _keys(provider, routes)
    _gateway_apis(provider, routes)
    return routes


def _keys(provider: Provider, routes: APIRouter) -> None:
    state = provider.state

    @routes.post(GATEWAY + "/listKeys")
    async def list_keys(request: Request) -> Response:
        keys = state.keys_of(gateway_of(provider, request).id, provider.context.ids)
        return json_response({"primary": keys.primary, "secondary": keys.secondary})

    @routes.post(GATEWAY + "/regenerateKey")
    async def regenerate_key(request: Request) -> Response:
        gateway = gateway_of(provider, request)
        wanted = (await read_model(request, KeyBody)).key_type
        keys = state.keys_of(gateway.id, provider.context.ids)
        fresh = provider.context.ids.secret(64)
        primary = wanted == "primary"
        state.put_keys(
            gateway.id, GatewayKeys(fresh, keys.secondary) if primary else GatewayKeys(keys.primary, fresh)
        )
        return Response(status_code=204)

    @routes.post(GATEWAY + "/generateToken")
    @routes.post(GATEWAY + "/token")
    async def generate_token(request: Request) -> Response:
        gateway = gateway_of(provider, request)
        body = await read_model(request, TokenBody)
        expires_at = _expiry(provider, body.expiry)
        keys = state.keys_of(gateway.id, provider.context.ids)
        key = keys.primary if body.key_type == "primary" else keys.secondary
        return json_response({"value": make_token(gateway.name, expires_at, key)})


def _gateway_apis(provider: Provider, routes: APIRouter) -> None:
    state = provider.state

    def api_of(service: Service, name: str) -> Api:
        found = state.api(f"{service.id}/apis/{name}")
        if found is None:
            raise ApimRefusedError(API_NOT_FOUND)
        return found

    @routes.get(GATEWAY + "/apis")
    async def list_gateway_apis(request: Request) -> Response:
        gateway = gateway_of(provider, request)
        return list_response(request, [api_json(found, gateway.id) for found in state.apis_of(gateway)])

    @routes.api_route(GATEWAY + "/apis/{api}", methods=["HEAD", "GET"])
    async def has_api(request: Request, api: str) -> Response:
        gateway = gateway_of(provider, request)
        for found in state.apis_of(gateway):
            if found.name.lower() == api.lower():
                return entity_response(request, api_json(found, gateway.id), state.api_revision(found.id))
        raise ApimRefusedError(API_NOT_FOUND)

    @routes.put(GATEWAY + "/apis/{api}")
    async def assign_api(request: Request, api: str) -> Response:
        gateway = gateway_of(provider, request)
        found = api_of(service_of(provider, request), api)
        new = state.assign_api(gateway.id, found.name, by=caller(request))
        return json_response(api_json(found, gateway.id), 201 if new else 200)

    @routes.delete(GATEWAY + "/apis/{api}")
    async def unassign_api(request: Request, api: str) -> Response:
        gateway = gateway_of(provider, request)
        gone = state.unassign_api(gateway.id, api, by=caller(request))
        return Response(status_code=200 if gone else 204)


def _check_gateway(service: Service, name: str) -> None:
    if service.sku not in _TIERS:
        raise ApimRefusedError(METHOD_NOT_ALLOWED_IN_TIER, sku=service.sku)
    if not 1 <= len(name) <= 80 or name.lower() == "managed":
        raise ApimRefusedError(
            VALIDATION_ERROR,
            problem=f"gatewayId: {name[:100]!r} must have 1 to 80 characters and not be 'managed'",
        )


def _location(body: LocationBody | None) -> LocationData | None:
    if body is None:
        return None
    return LocationData(body.name, body.city, body.district, body.country_or_region)


def _expiry(provider: Provider, expiry: datetime) -> float:
    """The moment in epoch seconds; raises `ApimRefusedError` (400) unless it lies in the next 30 days."""
    now = provider.context.clock.now()
    expires_at = (expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)).timestamp()
    if not now < expires_at <= now + LONGEST:
        raise ApimRefusedError(
            VALIDATION_ERROR,
            problem=f"expiry: must lie between {rfc3339(now)} and {rfc3339(now + LONGEST)} (30 days)",
        )
    return expires_at
