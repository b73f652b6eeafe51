"""client ◄── {"token_type": "Bearer", "expires_in": 35       whole by its length, broken as JSON"""

from dataclasses import dataclass

from starlette.types import ASGIApp

from apim_emulators.core.faults.body import true_answer
from apim_emulators.core.faults.model import SERVERS, Exchange, TransportFault
from apim_emulators.core.faults.registry import register


@register(
    "malformed-json",
    stage="body",
    targets=SERVERS,
    label="observed",
    source="MSAL .NET#2855: 'could not be parsed'",
    witness="tests/emulators/core/faults/test_transport.py::test_malformed_json_is_whole_by_its_length",
)
@dataclass(frozen=True, slots=True)
class MalformedJson(TransportFault):
    """The true answer, whole by its length, but its JSON lacks the second half."""

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:
        answer = await true_answer(exchange, inner)
        await answer.send(exchange, answer.body[: len(answer.body) // 2])

    def effect(self) -> str:
        return "answered with half of the JSON"
