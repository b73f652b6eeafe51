"""verifier ──► JWKS       {keys: [..., ✂]}       one key is missing"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "dropped-kid",
    stage="meaning",
    targets=("oidc", "entra"),
    label="observed",
    source="azure-workload-identity#1232 (JWKS uploaded by hand)",
    witness="tests/sandbox/faults/meaning/test_issuer.py::test_a_dropped_kid_is_not_found",
)
@dataclass(frozen=True, slots=True)
class DroppedKid(MeaningFault):
    """The issuer's JWKS leaves a key out that it signs with."""

    which: str = field(default="newest", metadata=told("newest, oldest, all, or a kid"))

    def effect(self) -> str:
        return f"left out of JWKS: {self.which}"

    def kept(self, kids: Sequence[str]) -> list[str]:
        """The kids that stay of `kids`, oldest first."""
        if self.which == "all":
            return []
        gone = {"newest": kids[-1:], "oldest": kids[:1]}.get(self.which, [self.which])
        return [kid for kid in kids if kid not in gone]
