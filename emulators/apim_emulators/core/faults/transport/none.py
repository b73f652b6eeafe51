"""client ──► (nothing) ──► target       start here to write one of your own"""

from dataclasses import dataclass

from starlette.types import ASGIApp

from apim_emulators.core.faults.model import SERVERS, Exchange, TransportFault
from apim_emulators.core.faults.registry import register


@register(
    "none",
    stage="delay",
    targets=SERVERS,
    label="documented",
    source="docs/faults.md",
    witness="tests/emulators/core/faults/test_transport.py::test_a_fault_that_does_nothing_fires_and_lets_pass",
)
@dataclass(frozen=True, slots=True)
class NoFault(TransportFault):
    """Nothing happens, but it is counted: to see which calls a scope names."""

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:
        await exchange.pass_to(inner)

    def effect(self) -> str:
        return "let it pass"
