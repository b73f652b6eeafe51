"""ARM's HTTP application. FastAPI is imported here, not before: its import costs most of a start."""

from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.arm.scopes import canonical
from apim_emulators.arm.settings import ArmSettings
from apim_emulators.arm.state import ArmState
from apim_emulators.core.context import Context


def create_app(context: Context, state: ArmState, settings: ArmSettings) -> ASGIApp:
    """`https://management.azure.com`. Changes are journalled through `context` from now on."""
    from fastapi import FastAPI

    from apim_emulators.arm import (
        forwarding,
        metadata,
        routes_authorization,
        routes_identities,
        routes_resources,
        routes_role_definitions,
    )
    from apim_emulators.arm.call import Arm

    if state.journal is None:
        state.journal = context.journal
    arm = Arm(context, state, settings)
    app = FastAPI(title="Azure Resource Manager (sandbox)", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(metadata.router(settings))
    app.include_router(routes_role_definitions.router(arm))
    app.include_router(routes_authorization.router(arm))
    app.include_router(routes_resources.router(arm))
    app.include_router(routes_identities.router(arm))
    app.include_router(forwarding.router(arm))
    return CanonicalPaths(app)


class CanonicalPaths:
    """Spells the path's known words one way before routing: ARM takes any case and repeated slashes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = canonical(scope["path"])
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)
