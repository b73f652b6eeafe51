"""API server ──► webhook ──► allowed: false       the pod is not made"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "webhook-denies",
    stage="meaning",
    targets=("webhook",),
    label="observed",
    source="azure-workload-identity#856, #1023 (a webhook without its rights refuses)",
    witness="tests/sandbox/faults/meaning/test_cluster_and_clocks.py::test_a_webhook_that_denies_keeps_pods_from_being_made",
)
@dataclass(frozen=True, slots=True)
class WebhookDenies(MeaningFault):
    """The webhook refuses pods."""

    message: str = field(default="the service account could not be read", metadata=told("what it says"))

    def effect(self) -> str:
        return f"refused a pod: {self.message}"
