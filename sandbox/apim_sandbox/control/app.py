"""The control service: plain HTTP on loopback; orders the journal, moves the clock, drives the cluster.

Emulators, gateways and adapters in other processes post their events here; the command line, the
script API and the pytest plugin read and steer through it. Bound elsewhere than on loopback it
demands a bearer token.
"""

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.clock import ClockError
from apim_emulators.core.faults import FaultError
from apim_emulators.core.http import LazyApp, json_response
from apim_emulators.core.vocabulary import VocabularyError
from apim_sandbox.cluster.protocol import ClusterError
from apim_sandbox.control.checkpoints import CheckpointError
from apim_sandbox.control.clock_routes import ClockDesk, clock_routes
from apim_sandbox.control.cluster_routes import cluster_routes
from apim_sandbox.control.fault_routes import FaultDesk, fault_routes
from apim_sandbox.control.history import History, Remembered
from apim_sandbox.control.identity_routes import identity_routes
from apim_sandbox.control.journal_routes import journal_routes
from apim_sandbox.control.offers import Offers
from apim_sandbox.control.snapshot_routes import snapshot_routes
from apim_sandbox.control.steered import Control
from apim_sandbox.control.world_routes import world_routes
from apim_sandbox.documents import DocumentError
from apim_sandbox.serving.steering import SteeringError


def create_app(control: Control) -> ASGIApp:
    """The control service as an ASGI application."""
    offers, history = Offers(), History(control.clock.now)
    desk = FaultDesk(control.faults, control.clock, control.world)
    world_routes(offers, control, desk)
    journal_routes(offers, control.journal, history)
    clock_routes(offers, ClockDesk(control.clock, control.journal, control.cluster.catch_up))
    fault_routes(offers, desk)
    cluster_routes(offers, control)
    identity_routes(offers, control)
    snapshot_routes(offers, control.checkpoints)

    def document() -> ASGIApp:
        from apim_sandbox.control.openapi import described

        return described(offers.offered)

    routes, described_page = [one.route for one in offers.offered], LazyApp(document)
    return Starlette(
        routes=[*routes, *(Route(path, described_page) for path in ("/openapi.json", "/docs"))],
        middleware=[Middleware(_Guard, token=control.token), Middleware(Remembered, history=history)],
        exception_handlers=refusals(),
    )


class _Guard:
    """Asks for the token, where there is one."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._token and scope["type"] == "http":
            presented = Headers(scope=scope).get("authorization", "").removeprefix("Bearer ")
            if not compare_digest(presented.encode(), self._token.encode()):
                refusal = _detail(401, "this control service wants Authorization: Bearer TOKEN")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def refusals() -> dict[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """What a request is answered that can't be carried out, by the exception that says so."""

    async def bad_value(_: Request, error: Exception) -> Response:
        return _detail(422, str(error))

    async def bad_fault(_: Request, error: Exception) -> Response:
        field = ".".join(error.field) if isinstance(error, FaultError) else ""
        return json_response({"detail": str(error), "field": field}, 422)

    async def status(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _detail(error.status_code, error.detail)

    kinds = (
        CheckpointError,
        ClockError,
        ClusterError,
        DocumentError,
        SteeringError,
        VocabularyError,
        msgspec.ValidationError,
        msgspec.DecodeError,
    )
    return {**dict.fromkeys(kinds, bad_value), FaultError: bad_fault, HTTPException: status}


def _detail(status: int, text: str) -> Response:
    return json_response({"detail": text}, status)
