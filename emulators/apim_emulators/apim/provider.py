"""What the resource provider's routes share: ARM's secret checked before each, errors rendered after."""

import hmac
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

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
