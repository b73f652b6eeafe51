"""A gateway's host names and certificate authorities: what it makes of certificates of the service."""

from functools import partial

from fastapi import APIRouter, Request
from pydantic import Field

from apim_emulators.apim.entity import CamelModel, gateway_of, read_model
from apim_emulators.apim.errors import VALIDATION_ERROR, ApimRefusedError
from apim_emulators.apim.parts import (
    Certificate,
    CertificateAuthority,
    HostnameConfiguration,
    Part,
    service_of,
)
from apim_emulators.apim.provider import Provider
from apim_emulators.apim.routes_gateways import GATEWAY
from apim_emulators.apim.routes_parts import family

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = rf"^(?:\*|(?:\*\.)?{_LABEL}(?:\.{_LABEL})*)$"  # a name, or a partial or full wildcard


class HostnameProperties(CamelModel):
    hostname: str = Field(max_length=253, pattern=_HOSTNAME)
    certificate_id: str | None = Field(default=None, max_length=1024)
    negotiate_client_certificate: bool = False
    tls10_enabled: bool = False
    tls11_enabled: bool = False
    http2_enabled: bool = True


class HostnameBody(CamelModel):
    properties: HostnameProperties


class AuthorityProperties(CamelModel):
    is_trusted: bool = False


class AuthorityBody(CamelModel):
    properties: AuthorityProperties = AuthorityProperties()


def router(provider: Provider) -> APIRouter:
    routes = APIRouter(route_class=provider.route_class(), tags=["Gateway host names and authorities"])
    owner = partial(_gateway_id, provider)
    hostnames, authorities = f"{GATEWAY}/hostnameConfigurations", f"{GATEWAY}/certificateAuthorities"
    family(provider, routes, hostnames, owner, HostnameConfiguration, _hostname)
    family(provider, routes, authorities, owner, CertificateAuthority, _authority)
    return routes


def _gateway_id(provider: Provider, request: Request) -> str:
    return gateway_of(provider, request).id


async def _hostname(provider: Provider, request: Request, gateway_id: str, name: str) -> Part:
    body = (await read_model(request, HostnameBody)).properties
    for other in provider.state.parts(HostnameConfiguration, f"{gateway_id}/hostnameConfigurations"):
        if other.hostname.lower() == body.hostname.lower() and other.name != name:
            raise ApimRefusedError(VALIDATION_ERROR, problem=f"hostname: taken by {other.name!r}")
    return HostnameConfiguration(
        gateway_id,
        name,
        body.hostname,
        _certificate_id(provider, service_of(gateway_id), body.certificate_id),
        body.negotiate_client_certificate,
        body.tls10_enabled,
        body.tls11_enabled,
        body.http2_enabled,
    )


async def _authority(provider: Provider, request: Request, gateway_id: str, name: str) -> Part:
    body = (await read_model(request, AuthorityBody)).properties
    known = _certificate_id(provider, service_of(gateway_id), f"/certificates/{name}")
    return CertificateAuthority(gateway_id, known.rpartition("/")[2], body.is_trusted)


def _certificate_id(provider: Provider, service_id: str, given: str | None) -> str:
    """The full id of a certificate of the service, empty for none; Azure takes `/certificates/{id}` too."""
    if not given:
        return ""
    whole = given if given.lower().startswith("/subscriptions/") else f"{service_id}/{given.strip('/')}"
    found = provider.state.part(Certificate, whole)
    if found is None or service_of(found.id).lower() != service_id.lower():
        raise ApimRefusedError(
            VALIDATION_ERROR, problem=f"certificateId: {given!r} is no certificate of the service"
        )
    return found.id
