"""client ──► target       client ◄── … nothing, until it gives up"""

from dataclasses import dataclass

from starlette.types import ASGIApp

from apim_emulators.core.faults.model import SERVERS, Exchange, TransportFault
from apim_emulators.core.faults.registry import register


@register(
    "no-answer",
    stage="delay",
    targets=SERVERS,
    label="observed",
    source="azure-workload-identity#650, azure-service-operator#3259: context deadline exceeded",
    witness="tests/emulators/core/faults/test_transport.py::test_without_an_answer_the_client_runs_into_its_time_out",
)
@dataclass(frozen=True, slots=True)
class NoAnswer(TransportFault):
    """The request is taken and never answered: the client runs into its own time-out."""

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:  # noqa: ARG002
        await exchange.until_gone()

    def effect(self) -> str:
        return "never answered"
