"""you ──► API Management: a new API       gateway ◄── nothing new"""

from dataclasses import dataclass

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register


@register(
    "stale-configuration",
    stage="meaning",
    targets=("apim",),
    label="observed",
    source="self-hosted-gateway#328 (an API missing while the sync is healthy)",
    witness="tests/sandbox/faults/meaning/test_apim.py::test_a_stale_configuration_hides_a_change",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class StaleConfiguration(MeaningFault):
    """Gateways are told of no change: events are empty, the snapshot is the last one served."""

    def effect(self) -> str:
        return "told of no change"
