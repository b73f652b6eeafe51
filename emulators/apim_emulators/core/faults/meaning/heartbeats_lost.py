"""gateway ──► heartbeat ──► 204 ──► ✗ not written down       the portal shows no instance"""

from dataclasses import dataclass

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register


@register(
    "heartbeats-lost",
    stage="meaning",
    targets=("apim",),
    label="observed",
    source="API Management changelog, February 2024 (no heartbeats shown with Entra authentication)",
    witness="tests/sandbox/faults/meaning/test_apim.py::test_lost_heartbeats_leave_a_gateway_without_instances",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class HeartbeatsLost(MeaningFault):
    """Heartbeats are answered and forgotten."""

    def effect(self) -> str:
        return "forgot a heartbeat"
