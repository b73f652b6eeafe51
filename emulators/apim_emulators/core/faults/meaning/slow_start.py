"""kubelet ──► container runs ──► [nothing yet] … ──► gateway serves       probes find nobody meanwhile"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault, Seconds
from apim_emulators.core.faults.registry import register, told


@register(
    "slow-start",
    stage="meaning",
    targets=("gateway",),
    label="observed",
    source="self-hosted-gateway PR #325 (startup probes give up); public logs show starts of 11 to 30 s",
    witness="tests/sandbox/faults/test_gateway.py::test_a_slow_start_is_cut_short_by_the_startup_probe",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class SlowStart(MeaningFault):
    """The gateway's container runs for a while before the gateway in it does anything."""

    seconds: Seconds = field(metadata=told("how long"))

    def effect(self) -> str:
        return f"waited {self.seconds:g} s before it began"
