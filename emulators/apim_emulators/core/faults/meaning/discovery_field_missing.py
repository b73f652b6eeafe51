"""client ──► discovery       {issuer, ✂, …}       one member is missing"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "discovery-field-missing",
    stage="meaning",
    targets=("oidc", "entra"),
    label="observed",
    source="MSAL for Node: endpoints_resolution_error; MSAL Go, authority.go Validate",
    witness="tests/sandbox/faults/meaning/test_issuer.py::test_discovery_without_jwks_uri_is_refused",
)
@dataclass(frozen=True, slots=True)
class DiscoveryFieldMissing(MeaningFault):
    """The discovery document lacks a member."""

    member: str = field(default="jwks_uri", metadata=told("the member that is left out"))

    def effect(self) -> str:
        return f"left {self.member} out of discovery"
