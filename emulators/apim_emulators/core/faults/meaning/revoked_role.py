"""API Management ──► ARM: who may?       the assignment is not counted with"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "revoked-role",
    stage="meaning",
    targets=("arm",),
    label="documented",
    source="Azure RBAC; self-hosted-gateway PR #371 (403 while running)",
    witness="tests/sandbox/faults/meaning/test_directory_and_roles.py::test_a_revoked_role_ends_and_comes_back",
)
@dataclass(frozen=True, slots=True)
class RevokedRole(MeaningFault):
    """Role assignments stop counting, as if somebody had removed them."""

    role: str = field(default="", metadata=told("the role's name; every role without it"))
    principal: str = field(default="", metadata=told("the principal's object id; everybody without it"))

    def effect(self) -> str:
        return f"did not count with {self.role or 'any role'} of {self.principal or 'anybody'}"

    def names(self, role: str, principal: str) -> bool:
        """Whether it concerns an assignment of `role` to `principal`."""
        return self.role.lower() in ("", role.lower()) and self.principal.lower() in ("", principal.lower())
