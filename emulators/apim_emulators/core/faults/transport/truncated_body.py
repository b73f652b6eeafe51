"""client ◄── headers, the first bytes ✂       content-length promised more"""

from dataclasses import dataclass, field

from starlette.types import ASGIApp

from apim_emulators.core.faults.body import true_answer
from apim_emulators.core.faults.model import SERVERS, Count, Exchange, TransportFault
from apim_emulators.core.faults.registry import register, told


@register(
    "truncated-body",
    stage="body",
    targets=SERVERS,
    label="assumed",
    source="what a proxy does that is stopped in the middle; no public report of it for these services",
    witness="tests/emulators/core/faults/test_transport.py::test_a_truncated_body_is_no_whole_answer",
)
@dataclass(frozen=True, slots=True)
class TruncatedBody(TransportFault):
    """The connection ends in the middle of the body."""

    size: Count | None = field(default=None, metadata=told("bytes that arrive; half of the body without it"))

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:
        answer = await true_answer(exchange, inner)
        size = len(answer.body) // 2 if self.size is None else self.size
        if size >= len(answer.body):
            await answer.send(exchange, answer.body)
            return
        await answer.send(exchange, answer.body[:size], length=len(answer.body))
        await exchange.drop(abruptly=False)

    def effect(self) -> str:
        return f"cut the body after {'half of it' if self.size is None else f'{self.size} bytes'}"
