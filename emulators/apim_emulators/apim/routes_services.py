"""API Management services themselves, with their system-assigned identity."""

import re
from typing import Any, Literal

import httpx
from fastapi import APIRouter, Request, Response
from pydantic import Field, ValidationError

from apim_emulators.apim.entity import CamelModel, caller, list_response, read_model, service_id, service_of
from apim_emulators.apim.errors import (
    DIRECTORY_UNAVAILABLE,
    NOT_SERVED,
    VALIDATION_ERROR,
    ApimRefusedError,
)
from apim_emulators.apim.model import Service, SystemIdentity
from apim_emulators.apim.operations import Operations
from apim_emulators.apim.provider import BASE, Provider
from apim_emulators.apim.service_view import service_json
from apim_emulators.core.http import json_response

_NAME = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9-]{0,48}[a-zA-Z0-9])?")
_METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"]


class SkuBody(CamelModel):
    name: Literal[
        "Developer", "Basic", "Standard", "Premium", "Consumption", "BasicV2", "StandardV2", "PremiumV2"
    ]
    capacity: int = 1


class IdentityBody(CamelModel):
    type: str = "None"
    user_assigned_identities: dict[str, Any] = Field(default_factory=dict)

    def parts(self) -> set[str]:
        """`SystemAssigned`, `UserAssigned`, both, or none."""
        return {part.strip().lower() for part in self.type.split(",")} - {"none", ""}


class ConfigurationApiBody(CamelModel):
    legacy_api: Literal["Enabled", "Disabled"] = "Enabled"


class HostnameBody(CamelModel):
    type: Literal["ConfigurationApi", "Proxy", "Portal", "DeveloperPortal", "Management", "Scm"]
    host_name: str = Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")


class ServiceProperties(CamelModel):
    publisher_email: str = Field(min_length=1, max_length=100)
    publisher_name: str = Field(min_length=1, max_length=100)
    configuration_api: ConfigurationApiBody = ConfigurationApiBody()
    hostname_configurations: list[HostnameBody] | None = Field(default=None, max_length=20)

    def host_names(self, default: str) -> tuple[str, ...] | None:
        """The configuration endpoint's further names; None where the request says nothing of them."""
        if self.hostname_configurations is None:
            return None
        named = [one.host_name for one in self.hostname_configurations if one.type == "ConfigurationApi"]
        return tuple(dict.fromkeys(name for name in named if name.lower() != default.lower()))

    def other_hosts(self, before: Service | None) -> tuple[tuple[str, str], ...]:
        """Host names of endpoints that are not here, by type; what was where the request says nothing."""
        if self.hostname_configurations is None:
            return before.other_hosts if before else ()
        named = [(one.type, one.host_name) for one in self.hostname_configurations]
        return tuple(one for one in named if one[0] != "ConfigurationApi")


class ServiceBody(CamelModel):
    location: str = Field(min_length=1, max_length=90)
    sku: SkuBody
    properties: ServiceProperties
    identity: IdentityBody = IdentityBody()
    tags: dict[str, str] = Field(default_factory=dict, max_length=50)


class ServicePatch(CamelModel):
    """What a PATCH may name; what it leaves out stays."""

    sku: SkuBody | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    identity: IdentityBody | None = None
    tags: dict[str, str] | None = Field(default=None, max_length=50)

    def onto(self, service: Service) -> ServiceBody:
        """The whole body that `service` would be written with. Raises `ApimRefusedError` (400)."""
        kinds = ["SystemAssigned"] if service.identity else []
        kinds += ["UserAssigned"] if service.user_assigned else []
        identity = IdentityBody(
            type=", ".join(kinds) or "None",
            user_assigned_identities={name: {} for name in service.user_assigned},
        )
        properties = {
            "publisherEmail": service.publisher_email,
            "publisherName": service.publisher_name,
            "configurationApi": {"legacyApi": service.legacy_api},
        }
        try:
            return ServiceBody(
                location=service.location,
                sku=self.sku or SkuBody.model_validate({"name": service.sku}),
                properties=ServiceProperties.model_validate(properties | self.properties),
                identity=self.identity or identity,
                tags=service.tags if self.tags is None else self.tags,
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(part) for part in ("properties", *first["loc"]))
            raise ApimRefusedError(VALIDATION_ERROR, problem=f"{place}: {first['msg']}") from None


def router(provider: Provider, operations: Operations) -> APIRouter:
    routes = APIRouter(route_class=provider.route_class(), tags=["Services"])
    state, domain = provider.state, provider.settings.configuration_domain

    def shown(service: Service) -> dict[str, Any]:
        return service_json(service, domain, operations.state_of(service))

    async def list_services(request: Request) -> Response:
        scope = request.url.path.rpartition("/providers/")[0].lower()
        found = [service for service in state.services() if service.id.lower().startswith(f"{scope}/")]
        return list_response(request, [shown(service) for service in found])

    routes.add_api_route(BASE, list_services, methods=["GET"])
    routes.add_api_route(
        "/subscriptions/{subscription}/providers/Microsoft.ApiManagement/service",
        list_services,
        methods=["GET"],
    )

    @routes.get(BASE + "/{service}")
    async def get_service(request: Request) -> Response:
        return json_response(shown(service_of(provider, request)))

    @routes.put(BASE + "/{service}")
    async def put_service(request: Request, service: str) -> Response:
        body = await read_model(request, ServiceBody)
        before = state.service(service_id(request))
        return await write(request, service, body, before)

    @routes.patch(BASE + "/{service}")
    async def patch_service(request: Request, service: str) -> Response:
        before = service_of(provider, request)
        patch = await read_model(request, ServicePatch)
        return await write(request, service, patch.onto(before), before)

    async def write(request: Request, service: str, body: ServiceBody, before: Service | None) -> Response:
        _check_name(provider, service, before)
        tenant = before.tenant_id if before else request.headers.get("x-ms-client-tenant-id", "")
        kinds = body.identity.parts()
        if kinds - {"systemassigned", "userassigned"}:
            raise ApimRefusedError(VALIDATION_ERROR, problem=f"identity.type: {body.identity.type[:64]!r}")
        identity = before.identity if before else None
        if "systemassigned" not in kinds:
            if identity is not None:
                await _directory(provider, "DELETE", identity.principal_id, None)
            identity = None
        elif identity is None:
            identity = await _new_identity(provider, request, tenant)
        made = Service(
            id=before.id if before else service_id(request),
            tenant_id=tenant,
            identity=identity,
            location=body.location,
            sku=body.sku.name,
            publisher_email=body.properties.publisher_email,
            publisher_name=body.properties.publisher_name,
            host_names=_host_names(provider, body.properties, service, before),
            other_hosts=body.properties.other_hosts(before),
            user_assigned=tuple(body.identity.user_assigned_identities) if "userassigned" in kinds else (),
            legacy_api=body.properties.configuration_api.legacy_api,
            tags=body.tags,
        )
        state.put_service(made, by=caller(request))
        follow = operations.begin(request, made, "update" if before else "create")
        return json_response(shown(made), 201 if before is None else 202 if follow else 200, follow)

    @routes.delete(BASE + "/{service}")
    async def delete_service(request: Request) -> Response:
        found = state.service(service_id(request))
        if found is None:
            return Response(status_code=204)
        if found.identity is not None:
            await _directory(provider, "DELETE", found.identity.principal_id, None)
        state.delete_service(found.id, by=caller(request))
        follow = operations.begin(request, found, "delete")
        return Response(status_code=202 if follow else 200, headers=follow)

    @routes.api_route("/{path:path}", methods=_METHODS, include_in_schema=False)
    async def nothing_here(request: Request, path: str) -> Response:
        raise ApimRefusedError(NOT_SERVED, method=request.method, path=f"/{path}")

    return routes


def _check_name(provider: Provider, name: str, before: Service | None) -> None:
    """Service names are part of a host name, so they are taken once in the whole sandbox."""
    if not _NAME.fullmatch(name):
        raise ApimRefusedError(VALIDATION_ERROR, problem=f"serviceName: {name[:64]!r} is not a service name")
    taken = any(other.name.lower() == name.lower() for other in provider.state.services())
    if before is None and taken:
        raise ApimRefusedError(VALIDATION_ERROR, problem=f"serviceName: {name!r} is already in use")


def _host_names(
    provider: Provider, properties: ServiceProperties, name: str, before: Service | None
) -> tuple[str, ...]:
    """Raises `ApimRefusedError` (400) for a name that another service has."""
    asked = properties.host_names(f"{name}.{provider.settings.configuration_domain}")
    if asked is None:
        return before.host_names if before else ()
    taken = {
        host.lower()
        for other in provider.state.services()
        if other.name.lower() != name.lower()
        for host in other.host_names
    }
    for host in asked:
        if host.lower() in taken or host.lower().endswith(f".{provider.settings.configuration_domain}"):
            raise ApimRefusedError(VALIDATION_ERROR, problem=f"hostName: {host!r} belongs to another service")
    return asked


async def _new_identity(provider: Provider, request: Request, tenant: str) -> SystemIdentity:
    identity = SystemIdentity(provider.context.ids.uuid(), provider.context.ids.uuid(), tenant)
    await _directory(
        provider,
        "PUT",
        identity.principal_id,
        {
            "tenantId": tenant,
            "clientId": identity.client_id,
            "name": request.path_params["service"],
            "resourceId": service_id(request),
            "type": "SystemAssigned",
            "certificate": None,
        },
    )
    return identity


async def _directory(provider: Provider, method: str, object_id: str, body: dict[str, Any] | None) -> None:
    """Make or delete the identity's service principal in Entra."""
    try:
        answer = await provider.context.http.request(
            method,
            f"https://{provider.settings.login_host}/_sandbox/identities/{object_id}",
            headers={"authorization": f"Bearer {provider.settings.provider_secret}"},
            json=body,
        )
        if answer.status_code != 404 or method != "DELETE":
            answer.raise_for_status()
    except httpx.HTTPError:
        raise ApimRefusedError(DIRECTORY_UNAVAILABLE, purpose=f"{method} a managed identity") from None
