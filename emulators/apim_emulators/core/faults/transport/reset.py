"""client ──► target       client ◄── RST, before or after the target has done what it was asked"""

from dataclasses import dataclass, field
from typing import Literal

from starlette.types import ASGIApp

from apim_emulators.core.faults.body import true_answer
from apim_emulators.core.faults.model import SERVERS, Exchange, TransportFault
from apim_emulators.core.faults.registry import register, told


@register(
    "reset",
    stage="answer",
    targets=SERVERS,
    label="observed",
    source="azure-workload-identity#642, AKS#4029: a few lost requests a month",
    witness="tests/emulators/core/faults/test_transport.py::test_a_reset_ends_the_connection",
)
@dataclass(frozen=True, slots=True)
class Reset(TransportFault):
    """The connection is reset instead of an answer."""

    when: Literal["before", "after"] = field(
        default="before", metadata=told("before the target is asked, or after it has acted")
    )

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:
        if self.when == "after":
            await true_answer(exchange, inner)
        await exchange.drop(abruptly=True)

    def effect(self) -> str:
        return f"reset the connection {self.when} the target was asked"
