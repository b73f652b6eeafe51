"""Helpers of the tests of faults: a story in virtual time, and why it broke."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from tests.sandbox.gateway.story import Changes, Story, story

from apim_emulators.core.events import FaultFired
from apim_sandbox.control.planning import FaultRequest
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.virtual import run_virtual
from apim_sandbox.world.seed import operator_of

TENANT = "11111111-1111-4111-8111-111111111111"
LOGIN = f"https://login.microsoftonline.com/{TENANT}"
INSTANCE = "https://login.microsoftonline.com/common/discovery/instance"
READER_NAME = "API Management Gateway Configuration Reader Role"


def tell(main: Callable[[Story], Awaitable[None]], changes: Changes | None = None) -> None:
    """Run `main` over the default world."""

    async def run() -> None:
        async with story(changes) as it:
            await main(it)

    run_virtual(run)


def add(it: Story, fault: str, target: str = "", /, **scope: Any) -> str:
    """Add a fault; what is no part of a scope is an argument of the fault's."""
    parts = {name: scope.pop(name) for name in ("calls", "lasting", "tenant", "gateway") if name in scope}
    return it.sandbox.add_fault(FaultRequest(fault, target, scope, **parts))


def why(it: Story) -> str:
    """The cause that `explain` names, of what is broken or was last."""
    found = explain(it.sandbox.records()) or explain(it.sandbox.records(), LAST)
    return "" if found is None else found.cause


def fired(it: Story) -> list[str]:
    return [event.fault for event in it.events(FaultFired)]


async def sign_in(it: Story) -> httpx.Response:
    """The operator asks for a token."""
    operator = operator_of(it.sandbox.world, it.sandbox.around.secrets.operator)
    form = {
        "grant_type": "client_credentials",
        "client_id": operator.client_id,
        "client_secret": operator.secret,
        "scope": "https://management.azure.com/.default",
    }
    return await it.sandbox.http.post(f"{LOGIN}/oauth2/v2.0/token", data=form)
