"""One request's way through ARM: authenticate, check the api-version, authorize, answer, journal."""

import hmac
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from fastapi.routing import APIRoute
from msgspec import Struct
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from apim_emulators.arm.api_versions import check_api_version
from apim_emulators.arm.authentication import Authentication
from apim_emulators.arm.authorization import Authorization, action_of, scope_of
from apim_emulators.arm.errors import (
    AUTHORIZATION_FAILED,
    INVALID_REQUEST_CONTENT,
    REQUEST_TOO_LARGE,
    RESOURCE_GROUP_NOT_FOUND,
    SUBSCRIPTION_NOT_FOUND,
    ArmRefusedError,
)
from apim_emulators.arm.scopes import ResourceId, ScopeError, parse, subscription_of
from apim_emulators.arm.settings import ArmSettings
from apim_emulators.arm.state import ArmState
from apim_emulators.core.bearer import Caller
from apim_emulators.core.context import Context
from apim_emulators.core.events import ArmAnswered
from apim_emulators.core.faults import PropagationDelay
from apim_emulators.core.http import BodyTooLargeError, json_response, read_body
from apim_emulators.core.jose import b64url
from apim_emulators.core.provenance import HEADER
from apim_emulators.core.rbac import Decision

PROVIDER_SECRET_HEADER = "x-sandbox-provider-secret"  # ours: a resource provider asks on a caller's token
DECISION_HEADER = "x-sandbox-decision"  # ours: how RBAC decided, for resource providers only

Body = TypeVar("Body", bound=BaseModel)


class Call(Struct):
    """What is known of a request so far."""

    request: Request
    resource: ResourceId
    correlation_id: str
    api_version: str
    from_provider: bool
    caller: Caller | None = None
    action: str = ""
    decision: Decision | None = None
    provider_error: str = ""

    @property
    def by(self) -> str:
        """The caller's object id, for audit fields and the journal."""
        return self.caller.object_id if self.caller else ""


class Arm:
    """What all routes share."""

    def __init__(self, context: Context, state: ArmState, settings: ArmSettings) -> None:
        self.context = context
        self.state = state
        self.settings = settings
        self.authentication = Authentication(context, state, settings)
        self.authorization = Authorization(context, state, settings)

    def route_class(self) -> type[APIRoute]:
        """FastAPI's route with our steps around every endpoint."""
        arm = self

        class ArmRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                endpoint = super().get_route_handler()

                async def handler(request: Request) -> Response:
                    return await arm.answer(request, endpoint)

                return handler

        return ArmRoute

    async def answer(self, request: Request, endpoint: Callable[[Request], Awaitable[Response]]) -> Response:
        started = self.context.clock.tick()
        call = self._open(request)
        request.state.call = call
        error = ""
        try:
            call.caller = await self.authentication.caller(
                request.headers.get("authorization"), call.resource.subscription
            )
            check_api_version(call.resource, call.api_version)
            if call.resource.subscription and self.state.subscription(call.resource.subscription) is None:
                raise ArmRefusedError(SUBSCRIPTION_NOT_FOUND, subscription=call.resource.subscription)
            response = await endpoint(request)
        except ArmRefusedError as refused:
            response = json_response(refused.body(), refused.error.status, refused.headers)
            response.headers[HEADER] = f"{refused.error.label}; id=arm-{refused.error.code}"
            error = f"{refused.error.code}: {refused.message}"
        response.headers["x-ms-correlation-request-id"] = call.correlation_id
        response.headers["x-ms-request-id"] = call.correlation_id
        response.headers["cache-control"] = "no-cache"
        if call.from_provider and call.decision is not None:
            response.headers[DECISION_HEADER] = b64url(msgspec.json.encode(call.decision))
        self.context.journal.append(
            ArmAnswered(
                method=request.method,
                path=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
                status=response.status_code,
                caller=call.by,
                caller_name=call.caller.name if call.caller else "",
                correlation_id=call.correlation_id,
                action=call.action,
                decision=call.decision,
                error=error or call.provider_error,
                uti=call.caller.uti if call.caller else "",
            ),
            duration=self.context.clock.tick() - started,
        )
        return response

    async def authorize(self, call: Call, action: str = "", scope: str = "") -> Caller:
        """The caller; raises `ArmRefusedError` (403) unless it may do `action` (else the request's own)."""
        assert call.caller is not None
        call.action = action or action_of(call.request.method, call.resource)
        asked = scope or scope_of(call.resource)
        call.decision = await self.authorization.decide(call.caller.object_id, call.action, asked)
        if not call.decision.allowed:
            raise ArmRefusedError(
                AUTHORIZATION_FAILED,
                client=call.caller.app_id or call.caller.object_id,
                object_id=call.caller.object_id,
                action=call.action,
                scope=call.resource.text if not scope and not call.resource.is_collection else asked,
            )
        return call.caller

    def need_group(self, scope: str) -> None:
        """Raises `ArmRefusedError` (404) where `scope` lies in a resource group that does not exist."""
        resource = parse(scope)
        if not resource.resource_group:
            return
        group = f"/subscriptions/{resource.subscription}/resourceGroups/{resource.resource_group}"
        if self.state.resource_group(group) is None:
            raise ArmRefusedError(RESOURCE_GROUP_NOT_FOUND, name=resource.resource_group)

    def visible_at(self) -> float:
        """When a change of a role assignment starts to act; 0 for at once."""
        late = self.context.faults.ask(
            PropagationDelay, when=lambda one: one.object in ("any", "roleAssignment")
        )
        delay = self.settings.role_propagation_seconds if late is None else late.seconds
        return self.context.clock.now() + delay if delay > 0 else 0.0

    def _open(self, request: Request) -> Call:
        path = request.url.path
        try:
            resource = parse(path)
        except ScopeError:
            resource = ResourceId(path, subscription=subscription_of(path))
        secret = request.headers.get(PROVIDER_SECRET_HEADER, "")
        own = self.settings.provider_secret
        return Call(
            request=request,
            resource=resource,
            correlation_id=request.headers.get("x-ms-correlation-request-id", "")[:64]
            or self.context.ids.uuid(),
            api_version=request.query_params.get("api-version", ""),
            from_provider=hmac.compare_digest(secret.encode(), own.encode()),
        )


def call_of(request: Request) -> Call:
    """The call that `Arm.answer` opened for this request."""
    call: Call = request.state.call
    return call


async def read_model(request: Request, model: type[Body]) -> Body:
    """The request's body as `model`; raises `ArmRefusedError` (400, 413) naming the place."""
    try:
        body = await read_body(request)
        return model.model_validate_json(body)
    except BodyTooLargeError as error:
        raise ArmRefusedError(REQUEST_TOO_LARGE, limit=error.limit) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ArmRefusedError(
            INVALID_REQUEST_CONTENT, problem=f"{place}: {first['msg']}".lstrip(": ")
        ) from None
