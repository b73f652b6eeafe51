"""Faults that only Entra can have, added to the registry by name."""

from dataclasses import dataclass

from starlette.responses import Response

from apim_emulators.core.clock import Clock
from apim_emulators.core.faults import REGISTRY
from apim_emulators.core.ids import derived_uuid
from apim_emulators.entra.errors import Cause, refusal, render


@dataclass(frozen=True, slots=True)
class TransientError:
    """client ◄── [503, AADSTS90033]   an outage of Entra itself (azure-sdk-for-python#14241)."""

    retry_after: int | None = None
    name: str = "entra-transient"

    async def act(self, clock: Clock) -> Response | None:
        now = clock.now()
        return render(
            refusal(Cause("entra-transient", 90033)),
            now=now,
            trace_id=derived_uuid("trace", repr(now))[:-2] + "00",
            correlation_id=derived_uuid("correlation", repr(now)),
            headers={} if self.retry_after is None else {"retry-after": str(self.retry_after)},
        )

    def effect(self) -> str:
        return "answered 503 AADSTS90033"


REGISTRY["entra-transient"] = TransientError
