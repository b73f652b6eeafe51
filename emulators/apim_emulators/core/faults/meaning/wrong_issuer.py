"""client ──► discovery       {issuer: somebody else}       clients and Entra compare it"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "wrong-issuer",
    stage="meaning",
    targets=("oidc", "entra"),
    label="observed",
    source="azure-workload-identity#1350; MSAL for Node and Go refuse it",
    witness="tests/sandbox/faults/meaning/test_issuer.py::test_discovery_that_names_another_issuer_is_refused",
)
@dataclass(frozen=True, slots=True)
class WrongIssuer(MeaningFault):
    """The discovery document names another issuer."""

    issuer: str = field(default="https://elsewhere.sandbox.test/", metadata=told("the issuer that it names"))

    def effect(self) -> str:
        return f"named the issuer {self.issuer}"
