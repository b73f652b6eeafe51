"""Microsoft.ApiManagement below ARM: services, their gateways and APIs. Only ARM may call.

ARM has authenticated and authorized; its headers say for whom it asks.
"""

import hmac
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from apim_emulators.apim.errors import PROVIDER_SECRET_WRONG, ApimRefusedError
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.apim.state import ApimState
from apim_emulators.core.context import Context
from apim_emulators.core.http import json_response
from apim_emulators.core.provenance import HEADER

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

BASE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ApiManagement/service"


class Provider:
    """What the resource provider's routes share."""

    def __init__(self, context: Context, state: ApimState, settings: ApimSettings) -> None:
        self.context = context
        self.state = state
        self.settings = settings

    def route_class(self) -> "type[APIRoute]":
        """FastAPI's route with ARM's secret checked before, and errors rendered after, every endpoint."""
        from fastapi.routing import APIRoute

        provider = self

        class ProviderRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                endpoint = super().get_route_handler()

                async def handler(request: Request) -> Response:
                    return await provider.answer(request, endpoint)

                return handler

        return ProviderRoute

    async def answer(self, request: Request, endpoint: Callable[[Request], Awaitable[Response]]) -> Response:
        secret = f"Bearer {self.settings.provider_secret}".encode()
        try:
            if not hmac.compare_digest(request.headers.get("authorization", "").encode(), secret):
                raise ApimRefusedError(PROVIDER_SECRET_WRONG)
            return await endpoint(request)
        except ApimRefusedError as refused:
            response = json_response(refused.body(), refused.error.status, refused.headers)
            response.headers[HEADER] = f"{refused.error.label}; id=apim-{refused.error.code}"
            return response


def create_app(context: Context, state: ApimState, settings: ApimSettings) -> ASGIApp:
    """The resource provider. FastAPI is imported here, not before."""
    from fastapi import FastAPI

    from apim_emulators.apim import (
        operations,
        routes_apis,
        routes_gateways,
        routes_hostnames,
        routes_parts,
        routes_services,
    )

    if state.journal is None:
        state.journal = context.journal
    provider = Provider(context, state, settings)
    app = FastAPI(title="Microsoft.ApiManagement (sandbox)", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(routes_gateways.router(provider))
    app.include_router(routes_hostnames.router(provider))
    app.include_router(routes_apis.router(provider))
    app.include_router(routes_parts.router(provider))
    followed = operations.Operations(provider)
    app.include_router(operations.router(provider, followed))
    app.include_router(routes_services.router(provider, followed))
    return app
