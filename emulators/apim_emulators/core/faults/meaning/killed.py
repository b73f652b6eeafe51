"""node ──► SIGKILL ──► gateway       no last word; the kubelet starts the container again"""

from dataclasses import dataclass

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register


@register(
    "killed",
    stage="meaning",
    targets=("gateway",),
    label="documented",
    source="Kubernetes, assign memory resources: a container over its limit is OOMKilled and restarted",
    witness="tests/sandbox/faults/test_gateway.py::test_a_killed_gateway_is_started_again",
    scoped_by=("gateway",),
    once=True,
)
@dataclass(frozen=True, slots=True)
class Killed(MeaningFault):
    """The node kills the gateway's container, as it does when memory runs out."""

    def effect(self) -> str:
        return "killed the container: out of memory"
