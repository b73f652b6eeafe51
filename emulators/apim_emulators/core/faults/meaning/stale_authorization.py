"""gateway ──► API Management ──► its cache of who may       ARM ✗ is not asked again"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault, Seconds
from apim_emulators.core.faults.registry import register, told


@register(
    "stale-authorization",
    stage="meaning",
    targets=("apim",),
    label="documented",
    source="Azure RBAC troubleshooting: a managed identity's groups are cached for about 24 hours",
    witness="tests/sandbox/faults/meaning/test_apim.py::test_a_stale_verdict_outlives_the_role_by_its_age",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class StaleAuthorization(MeaningFault):
    """API Management goes on with its last verdict on a caller instead of asking ARM."""

    seconds: Seconds = field(default=86400.0, metadata=told("how old the verdict may be"))

    def effect(self) -> str:
        return f"went on with a verdict of the last {self.seconds:g} s"
