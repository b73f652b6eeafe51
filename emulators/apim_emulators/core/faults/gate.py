"""ASGI middleware in front of one emulator: where transport faults act."""

from collections.abc import Callable
from itertools import pairwise

from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.faults.actor import ActorFaults
from apim_emulators.core.faults.model import Exchange, TransportFault
from apim_emulators.core.faults.plan import Acting
from apim_emulators.core.faults.scope import Facts

NamesOf = Callable[[str], tuple[str, ...]]


def _as_written(name: str) -> tuple[str, ...]:
    return (name,)


class FaultGate:
    """Lets a request through the faults that apply to it: delays, then changed bodies, then answers.

    `tenants` gives every name of the tenant that a path's first segment names.
    """

    def __init__(self, app: ASGIApp, faults: ActorFaults, tenants: NamesOf = _as_written) -> None:
        self.faults = faults
        self._app = app
        self._tenants = tenants

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if self.faults.faults.planned and scope["type"] == "http":
            for acting in reversed(self.faults.at_gate(self._facts(scope))):
                app = _Guarded(acting, self.faults, app)
        await app(scope, receive, send)

    def _facts(self, scope: Scope) -> Facts:
        path = "/" + scope["path"].lstrip("/")
        segments = path.split("/")
        gateway = next((after for before, after in pairwise(segments) if before == "gateways"), "")
        return Facts(scope["method"], path, self._tenants(segments[1]), gateway)


class _Guarded(Struct, frozen=True):
    acting: Acting
    faults: ActorFaults
    inner: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.acting.planned.fault
        assert isinstance(fault, TransportFault)
        self.faults.fire(self.acting)
        await fault.meet(Exchange(scope, receive, send, self.faults.clock), self.inner)
