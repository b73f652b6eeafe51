"""What hangs below a service: policies, named values, certificates, products and subscriptions."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import Field

from apim_emulators.apim.certificate_data import from_pkcs12
from apim_emulators.apim.entity import (
    CamelModel,
    caller,
    check_if_match,
    entity_response,
    list_response,
    read_model,
    service_of,
)
from apim_emulators.apim.errors import API_NOT_FOUND, PART_NOT_FOUND, VALIDATION_ERROR, ApimRefusedError
from apim_emulators.apim.parts import (
    Certificate,
    CertificateAuthority,
    HostnameConfiguration,
    NamedValue,
    Part,
    Policy,
    Product,
    Subscription,
)
from apim_emulators.apim.policy_text import problem_of
from apim_emulators.apim.provider import BASE, Provider
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.http import json_response

SERVICE = BASE + "/{service}"
_TYPE = "Microsoft.ApiManagement/service"
P = TypeVar("P", bound=Part)
Key = Annotated[str, Field(min_length=1, max_length=256)]


class PolicyProperties(CamelModel):
    value: str
    format: Literal["xml", "rawxml"] = "xml"


class PolicyBody(CamelModel):
    properties: PolicyProperties


class NamedValueProperties(CamelModel):
    display_name: str = Field(pattern=r"^[A-Za-z0-9_.\-]{1,256}$")
    value: str = Field(min_length=1, max_length=4096)
    secret: bool = False
    tags: list[str] = Field(default=[], max_length=32)


class NamedValueBody(CamelModel):
    properties: NamedValueProperties


class CertificateProperties(CamelModel):
    data: str = Field(min_length=1, max_length=200_000)
    password: str = ""


class CertificateBody(CamelModel):
    properties: CertificateProperties


class ProductProperties(CamelModel):
    display_name: str = Field(min_length=1, max_length=300)


class ProductBody(CamelModel):
    properties: ProductProperties


class SubscriptionProperties(CamelModel):
    display_name: str = Field(min_length=1, max_length=100)
    scope: str = Field(min_length=1, max_length=1000)
    primary_key: Key | None = None
    secondary_key: Key | None = None
    state: Literal["active", "suspended", "submitted", "rejected", "cancelled", "expired"] = "active"


class SubscriptionBody(CamelModel):
    properties: SubscriptionProperties


def part_json(part: Part) -> dict[str, Any]:
    """A part as ARM shows it: no secret value, no private key, no subscription key."""
    kind, properties = _shown(part)
    return {
        "id": part.id,
        "type": f"{_TYPE}/{kind}",
        "name": part.id.rpartition("/")[2],
        "properties": properties,
    }


def _shown(part: Part) -> tuple[str, dict[str, Any]]:
    match part:
        case Policy():
            depth = part.scope_id.lower()
            owner = "apis/operations/" if "/operations/" in depth else "apis/" if "/apis/" in depth else ""
            return f"{owner}policies", {"value": part.xml, "format": "xml"}
        case NamedValue():
            value = {} if part.secret else {"value": part.value}
            named = {"displayName": part.display_name, "tags": list(part.tags), "secret": part.secret}
            return "namedValues", named | value
        case Certificate():
            return "certificates", {
                "subject": part.subject,
                "thumbprint": part.thumbprint,
                "expirationDate": rfc3339(part.expires_at),
            }
        case Product():
            return "products", {
                "displayName": part.display_name,
                "state": "published",
                "subscriptionRequired": True,
            }
        case Subscription():
            return "subscriptions", {
                "displayName": part.display_name,
                "scope": part.scope,
                "state": part.state,
            }
        case HostnameConfiguration():
            return "gateways/hostnameConfigurations", {
                "hostname": part.hostname,
                "certificateId": part.certificate_id or None,
                "negotiateClientCertificate": part.negotiate_client_certificate,
                "tls10Enabled": part.tls10_enabled,
                "tls11Enabled": part.tls11_enabled,
                "http2Enabled": part.http2_enabled,
            }
        case CertificateAuthority():
            return "gateways/certificateAuthorities", {"isTrusted": part.trusted}


def router(provider: Provider) -> APIRouter:
    routes = APIRouter(route_class=provider.route_class(), tags=["Policies, values, certificates, keys"])
    _policies(provider, routes)
    for segment, kind, make in (
        ("namedValues", NamedValue, _named_value),
        ("certificates", Certificate, _certificate),
        ("products", Product, _product),
        ("subscriptions", Subscription, _subscription),
    ):
        family(provider, routes, f"{SERVICE}/{segment}", partial(_service_id, provider), kind, make)
    _secrets(provider, routes)
    _product_apis(provider, routes)
    return routes


def _found(provider: Provider, kind: type[P], part_id: str) -> P:
    part = provider.state.part(kind, part_id)
    if part is None:
        raise ApimRefusedError(PART_NOT_FOUND, noun=kind.noun[0].upper() + kind.noun[1:])
    return part


def _put(provider: Provider, request: Request, made: Part) -> Response:
    state = provider.state
    before = state.part(type(made), made.id)
    check_if_match(request, state.part_revision(before) if before else 0, required=False)
    state.put_part(made, by=caller(request))
    return entity_response(request, part_json(made), state.part_revision(made), 200 if before else 201)


def _delete(provider: Provider, request: Request, kind: type[P], part_id: str) -> Response:
    part = provider.state.part(kind, part_id)
    if part is None:
        return Response(status_code=204)
    check_if_match(request, provider.state.part_revision(part), required=True)
    provider.state.delete_part(part, by=caller(request))
    return Response(status_code=200)


def _service_id(provider: Provider, request: Request) -> str:
    return service_of(provider, request).id


def family(
    provider: Provider,
    routes: APIRouter,
    path: str,
    owner_of: Callable[[Request], str],
    kind: type[P],
    make: Callable[[Provider, Request, str, str], Awaitable[Part]],
) -> None:
    """The five verbs that every family of parts has.

    `path` ends in the family's segment; `owner_of` gives the ARM id before it, which `make` gets with
    the part's name.
    """
    state, segment, one = provider.state, path.rpartition("/")[2], f"{path}/{{name}}"

    def id_of(request: Request) -> str:
        return f"{owner_of(request)}/{segment}/{request.path_params['name']}"

    async def list_all(request: Request) -> Response:
        return list_response(
            request, [part_json(part) for part in state.parts(kind, f"{owner_of(request)}/{segment}")]
        )

    async def get(request: Request) -> Response:
        part = _found(provider, kind, id_of(request))
        return entity_response(request, part_json(part), state.part_revision(part))

    async def put(request: Request) -> Response:
        owner = owner_of(request)
        before = state.part(kind, id_of(request))
        name = before.id.rpartition("/")[2] if before else request.path_params["name"]
        if not 1 <= len(name) <= 256:
            raise ApimRefusedError(VALIDATION_ERROR, problem=f"{segment}: a name has 1 to 256 characters")
        return _put(provider, request, await make(provider, request, owner, name))

    async def delete(request: Request) -> Response:
        return _delete(provider, request, kind, id_of(request))

    routes.add_api_route(path, list_all, methods=["GET"])
    routes.add_api_route(one, get, methods=["GET", "HEAD"])
    routes.add_api_route(one, put, methods=["PUT"])
    routes.add_api_route(one, delete, methods=["DELETE"])


async def _named_value(provider: Provider, request: Request, service_id: str, name: str) -> Part:
    body = (await read_model(request, NamedValueBody)).properties
    for other in provider.state.parts(NamedValue, f"{service_id}/namedValues"):
        if other.display_name.lower() == body.display_name.lower() and other.name != name:
            raise ApimRefusedError(VALIDATION_ERROR, problem=f"displayName: taken by {other.name!r}")
    return NamedValue(service_id, name, body.display_name, body.value, body.secret, tuple(body.tags))


async def _certificate(provider: Provider, request: Request, service_id: str, name: str) -> Part:  # noqa: ARG001
    body = (await read_model(request, CertificateBody)).properties
    try:
        return from_pkcs12(service_id, name, body.data, body.password)
    except ValueError as error:
        raise ApimRefusedError(VALIDATION_ERROR, problem=f"data: {error}") from None


async def _product(provider: Provider, request: Request, service_id: str, name: str) -> Part:
    body = (await read_model(request, ProductBody)).properties
    before = provider.state.part(Product, f"{service_id}/products/{name}")
    return Product(service_id, name, body.display_name, before.apis if before else ())


async def _subscription(provider: Provider, request: Request, service_id: str, name: str) -> Part:
    body = (await read_model(request, SubscriptionBody)).properties
    before = provider.state.part(Subscription, f"{service_id}/subscriptions/{name}")
    scope = body.scope.rstrip("/")
    if not scope.lower().startswith(service_id.lower()):
        scope = service_id + "/" + scope.lstrip("/")
    segments = scope[len(service_id) + 1 :].split("/")
    if segments != ["apis"] and not (len(segments) == 2 and segments[0] in ("apis", "products")):
        raise ApimRefusedError(
            VALIDATION_ERROR, problem="scope: ends in /apis, /apis/{name} or /products/{name} of this service"
        )
    ids = provider.context.ids
    return Subscription(
        service_id,
        name,
        scope,
        body.primary_key or (before.primary_key if before else f"not-real-{ids.secret(32)}"),
        body.secondary_key or (before.secondary_key if before else f"not-real-{ids.secret(32)}"),
        body.state,
        body.display_name,
    )


def _policies(provider: Provider, routes: APIRouter) -> None:
    state = provider.state

    def owner_of(request: Request) -> str:
        """The ARM id of the service, API or operation; raises `ApimRefusedError` (404)."""
        service = service_of(provider, request)
        name = request.path_params.get("api")
        if name is None:
            return service.id
        api = state.api(f"{service.id}/apis/{name}")
        if api is None:
            raise ApimRefusedError(API_NOT_FOUND)
        wanted = request.path_params.get("operation")
        if wanted is None:
            return api.id
        for operation in api.operations:
            if operation.name.lower() == wanted.lower():
                return f"{api.id}/operations/{operation.name}"
        raise ApimRefusedError(PART_NOT_FOUND, noun="Operation")

    async def get_policy(request: Request) -> Response:
        part = _found(provider, Policy, f"{owner_of(request)}/policies/policy")
        return entity_response(request, part_json(part), state.part_revision(part))

    async def put_policy(request: Request) -> Response:
        owner = owner_of(request)
        body = (await read_model(request, PolicyBody)).properties
        problem = problem_of(body.value, raw=body.format == "rawxml")
        if problem:
            raise ApimRefusedError(VALIDATION_ERROR, problem=f"value: {problem}")
        return _put(provider, request, Policy(owner, body.value))

    async def delete_policy(request: Request) -> Response:
        return _delete(provider, request, Policy, f"{owner_of(request)}/policies/policy")

    for scope in ("", "/apis/{api}", "/apis/{api}/operations/{operation}"):
        path = f"{SERVICE}{scope}/policies/policy"
        routes.add_api_route(path, get_policy, methods=["GET", "HEAD"])
        routes.add_api_route(path, put_policy, methods=["PUT"])
        routes.add_api_route(path, delete_policy, methods=["DELETE"])


def _secrets(provider: Provider, routes: APIRouter) -> None:
    """What a GET does not show, for who may ask for it by POST."""

    @routes.post(SERVICE + "/namedValues/{name}/listValue")
    async def list_value(request: Request, name: str) -> Response:
        part = _found(provider, NamedValue, f"{service_of(provider, request).id}/namedValues/{name}")
        return json_response({"value": part.value})

    @routes.post(SERVICE + "/subscriptions/{name}/listSecrets")
    async def list_secrets(request: Request, name: str) -> Response:
        part = _found(provider, Subscription, f"{service_of(provider, request).id}/subscriptions/{name}")
        return json_response({"primaryKey": part.primary_key, "secondaryKey": part.secondary_key})


def _product_apis(provider: Provider, routes: APIRouter) -> None:
    state = provider.state

    @routes.put(SERVICE + "/products/{name}/apis/{api}")
    async def add_api(request: Request, name: str, api: str) -> Response:
        service = service_of(provider, request)
        product = _found(provider, Product, f"{service.id}/products/{name}")
        found = state.api(f"{service.id}/apis/{api}")
        if found is None:
            raise ApimRefusedError(API_NOT_FOUND)
        new = found.name not in product.apis
        apis = (*product.apis, found.name) if new else product.apis
        state.put_part(Product(service.id, product.name, product.display_name, apis), by=caller(request))
        return Response(status_code=201 if new else 200)

    @routes.delete(SERVICE + "/products/{name}/apis/{api}")
    async def remove_api(request: Request, name: str, api: str) -> Response:
        service = service_of(provider, request)
        product = _found(provider, Product, f"{service.id}/products/{name}")
        kept = tuple(one for one in product.apis if one.lower() != api.lower())
        if kept == product.apis:
            return Response(status_code=204)
        state.put_part(Product(service.id, product.name, product.display_name, kept), by=caller(request))
        return Response(status_code=200)
