"""write ──► ARM or Graph ──► (a while) ──► what acts on it       lists show it at once"""

from dataclasses import dataclass, field
from typing import Literal

from apim_emulators.core.faults.model import MeaningFault, Seconds
from apim_emulators.core.faults.registry import register, told


@register(
    "propagation-delay",
    stage="meaning",
    targets=("arm", "graph", "entra"),
    label="documented",
    source="Azure RBAC troubleshooting (10 min); azure-workload-identity#273 (credentials)",
    witness="tests/sandbox/faults/meaning/test_directory_and_roles.py::test_a_role_acts_when_it_has_propagated_to_the_tick",
)
@dataclass(frozen=True, slots=True)
class PropagationDelay(MeaningFault):
    """What is written acts later: a role assignment, a credential, a group."""

    seconds: Seconds = field(default=600.0, metadata=told("how much later"))
    object: Literal[
        "any", "roleAssignment", "application", "servicePrincipal", "federatedIdentityCredential", "group"
    ] = field(default="any", metadata=told("what is late"))

    def effect(self) -> str:
        return f"let a write act {self.seconds:g} s later"
