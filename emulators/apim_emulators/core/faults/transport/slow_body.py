"""client ◄── headers ◄┄ a piece ◄┄ a piece ◄┄ …       each `seconds` after the one before"""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from starlette.types import ASGIApp

from apim_emulators.core.faults.body import true_answer
from apim_emulators.core.faults.model import SERVERS, Exchange, Seconds, TransportFault
from apim_emulators.core.faults.registry import register, told


@register(
    "slow-body",
    stage="body",
    targets=SERVERS,
    label="observed",
    source="MSAL .NET#4951 (slow network)",
    witness="tests/emulators/core/faults/test_transport.py::test_a_slow_body_comes_piece_by_piece",
)
@dataclass(frozen=True, slots=True)
class SlowBody(TransportFault):
    """The headers come at once, the body piece by piece."""

    seconds: Seconds = field(metadata=told("the pause before each piece"))
    size: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)] = field(
        default=256, metadata=told("bytes of a piece")
    )

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:
        answer = await true_answer(exchange, inner)
        await answer.start(exchange, len(answer.body))
        for start in range(0, len(answer.body), self.size):
            await exchange.clock.sleep(self.seconds)
            piece = answer.body[start : start + self.size]
            await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})
        await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})

    def effect(self) -> str:
        return f"sent the body in pieces of {self.size} bytes, {self.seconds:g} s apart"
