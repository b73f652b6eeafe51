"""client ──► [waits] ──► target ──► client       `seconds` of the sandbox's time"""

from dataclasses import dataclass, field

from starlette.types import ASGIApp

from apim_emulators.core.faults.model import SERVERS, Exchange, Seconds, TransportFault
from apim_emulators.core.faults.registry import register, told


@register(
    "latency",
    stage="delay",
    targets=SERVERS,
    label="observed",
    source="azure-workload-identity#781; MSAL Go gives up after 30 s, the webhook's caller after 10 s",
    witness="tests/emulators/core/faults/test_transport.py::test_latency_delays_and_lets_pass",
)
@dataclass(frozen=True, slots=True)
class Latency(TransportFault):
    """Each answer comes late."""

    seconds: Seconds = field(metadata=told("how long a request waits before it is served"))

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:
        await exchange.clock.sleep(self.seconds)
        await exchange.pass_to(inner)

    def effect(self) -> str:
        return f"waited {self.seconds:g} s"
