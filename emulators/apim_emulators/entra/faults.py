"""Faults that only Entra can have, added to the registry by name."""

from dataclasses import dataclass

from starlette.responses import Response

from apim_emulators.core.clock import Clock
from apim_emulators.core.faults import REGISTRY, FaultError
from apim_emulators.core.ids import derived_uuid
from apim_emulators.entra.errors import Cause, refusal, render


@dataclass(frozen=True, slots=True)
class TransientError:
    """client ◄── [503, AADSTS90033]   an outage of Entra itself (azure-sdk-for-python#14241).

    With `code` 90024 the request's budget is exceeded instead.
    """

    retry_after: int | None = None
    code: int = 90033
    name: str = "entra-transient"

    def __post_init__(self) -> None:
        if self.code not in (90033, 90024):
            raise FaultError(f"fault {self.name!r}: code is 90033 or 90024, not {self.code!r}")

    async def act(self, clock: Clock) -> Response | None:
        now = clock.now()
        return render(
            refusal(Cause("entra-transient", self.code)),
            now=now,
            trace_id=derived_uuid("trace", repr(now))[:-2] + "00",
            correlation_id=derived_uuid("correlation", repr(now)),
            headers={} if self.retry_after is None else {"retry-after": str(self.retry_after)},
        )

    def effect(self) -> str:
        return f"answered 503 AADSTS{self.code}"


REGISTRY["entra-transient"] = TransientError
