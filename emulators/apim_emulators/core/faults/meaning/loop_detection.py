"""client ──► the same request, again and again ──► Entra ──► AADSTS50196"""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from apim_emulators.core.faults.model import MeaningFault, Seconds
from apim_emulators.core.faults.registry import register, told


@register(
    "loop-detection",
    stage="meaning",
    targets=("entra",),
    label="observed",
    source="MSAL.PS#28; the limit is not public",
    witness="tests/sandbox/faults/meaning/test_entra.py::test_loop_detection_stops_a_client_that_repeats_itself",
    scoped_by=("tenant",),
)
@dataclass(frozen=True, slots=True)
class LoopDetection(MeaningFault):
    """Entra takes a client that repeats itself for a loop after few requests."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = field(
        default=5, metadata=told("equal requests that are still answered")
    )
    window: Seconds = field(default=300.0, metadata=told("the time in which they are counted"))

    def effect(self) -> str:
        return f"took more than {self.limit} equal requests in {self.window:g} s for a loop"
