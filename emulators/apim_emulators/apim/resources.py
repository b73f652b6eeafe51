"""Microsoft.ApiManagement below ARM: services, their gateways and APIs. Only ARM may call.

ARM has authenticated and authorized; its headers say for whom it asks.
"""

from starlette.types import ASGIApp

from apim_emulators.apim.provider import Provider
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.apim.state import ApimState
from apim_emulators.core.context import Context


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
