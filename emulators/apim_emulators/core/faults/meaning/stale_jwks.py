"""Entra ──► its cache of the issuer's keys       issuer ✗ is not asked again"""

from dataclasses import dataclass

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register


@register(
    "stale-jwks",
    stage="meaning",
    targets=("entra",),
    label="observed",
    source="azure-workload-identity#1232; how long Entra keeps keys is not public",
    witness="tests/sandbox/faults/meaning/test_entra.py::test_stale_keys_refuse_a_token_of_a_new_key",
)
@dataclass(frozen=True, slots=True)
class StaleJwks(MeaningFault):
    """Entra goes on using an issuer's keys as it fetched them last, however old they are."""

    def effect(self) -> str:
        return "used kept keys instead of asking the issuer"
