"""client ◄── 200, content-length: 0"""

from dataclasses import dataclass

from starlette.types import ASGIApp

from apim_emulators.core.faults.body import true_answer
from apim_emulators.core.faults.model import SERVERS, Exchange, TransportFault
from apim_emulators.core.faults.registry import register


@register(
    "empty-body",
    stage="body",
    targets=SERVERS,
    label="observed",
    source="azure-identity for Python has words for it: 'No response content from Microsoft Entra ID'",
    witness="tests/emulators/core/faults/test_transport.py::test_an_empty_body_keeps_the_status",
)
@dataclass(frozen=True, slots=True)
class EmptyBody(TransportFault):
    """The true answer's status and headers, and nothing in it."""

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:
        await (await true_answer(exchange, inner)).send(exchange, b"")

    def effect(self) -> str:
        return "left the body out"
