"""ARM's HTTP application. FastAPI is imported here, not before: its import costs most of a start."""

from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.arm.scopes import canonical
from apim_emulators.arm.settings import ArmSettings
from apim_emulators.arm.state import ArmState
from apim_emulators.core.context import Context

if TYPE_CHECKING:
    from apim_emulators.arm.call import Arm

_serving: ContextVar["Arm"] = ContextVar("arm")


def create_app(context: Context, state: ArmState, settings: ArmSettings) -> ASGIApp:
    """`https://management.azure.com`. Changes are journalled through `context` from now on."""
    from apim_emulators.arm.call import Arm

    if state.journal is None:
        state.journal = context.journal
    return CanonicalPaths(_routes(), Arm(context, state, settings))


@cache
def _routes() -> ASGIApp:
    """All routes, for whichever ARM serves the request at hand.

    FastAPI takes longer to build them than a whole scenario takes to run: once a process is enough.
    """
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

    class Serving(Arm):
        """What an `Arm` is given, it has of the one that serves."""

        def __init__(self) -> None: ...

        def __getattr__(self, name: str) -> Any:
            return getattr(_serving.get(), name)

    arm = Serving()
    app = FastAPI(title="Azure Resource Manager (sandbox)", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(metadata.router(arm))
    app.include_router(routes_role_definitions.router(arm))
    app.include_router(routes_authorization.router(arm))
    app.include_router(routes_resources.router(arm))
    app.include_router(routes_identities.router(arm))
    app.include_router(forwarding.router(arm))
    return cast("ASGIApp", app)


class CanonicalPaths:
    """Spells the path's known words one way before routing: ARM takes any case and repeated slashes."""

    def __init__(self, app: ASGIApp, arm: "Arm") -> None:
        self._app = app
        self._arm = arm

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = canonical(scope["path"])
            scope = {**scope, "path": path, "raw_path": path.encode()}
        before = _serving.set(self._arm)
        try:
            await self._app(scope, receive, send)
        finally:
            _serving.reset(before)
