"""issuer: old key ──✂──► new key       JWKS shows the new one alone; tokens of the old one are in use"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "key-rotation",
    stage="meaning",
    targets=("oidc", "entra"),
    label="observed",
    source="azure-docs#122497 (AKS rotates its key); azure-workload-identity#1232",
    witness="tests/sandbox/faults/meaning/test_issuer.py::test_a_key_rotation_without_overlap_breaks_tokens_in_use",
    once=True,
)
@dataclass(frozen=True, slots=True)
class KeyRotation(MeaningFault):
    """The issuer signs with a new key, and its JWKS no longer shows the old one."""

    overlap: bool = field(default=False, metadata=told("whether JWKS goes on showing the old key"))

    def effect(self) -> str:
        return "signed with a new key" + ("" if self.overlap else " and withdrew the old one")
