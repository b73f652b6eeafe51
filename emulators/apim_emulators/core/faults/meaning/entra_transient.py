"""client ◄── [503, AADSTS90033]       an outage of Entra itself"""

from dataclasses import dataclass, field
from typing import Literal

from apim_emulators.core.faults.model import Count, MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "entra-transient",
    stage="meaning",
    targets=("entra",),
    label="observed",
    source="azure-sdk-for-python#14241 (the outage of 2020-09-28)",
    witness="tests/sandbox/faults/meaning/test_entra.py::test_a_transient_error_is_entras_own_and_passes",
    scoped_by=("tenant",),
)
@dataclass(frozen=True, slots=True)
class EntraTransient(MeaningFault):
    """Entra answers token requests with a transient error of its own."""

    code: Literal[90033, 90024] = field(
        default=90033, metadata=told("90033 transient, 90024 the request took too long")
    )
    retry_after: Count | None = field(default=None, metadata=told("seconds of a Retry-After header"))

    def effect(self) -> str:
        return f"answered 503 AADSTS{self.code}"
