"""verifier ──► JWKS       {kty, kid, n, e}       without 'use': 'sig'"""

from dataclasses import dataclass

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register


@register(
    "key-without-use",
    stage="meaning",
    targets=("oidc",),
    label="observed",
    source="a public report of 2021 (AADSTS700027)",
    witness="tests/sandbox/faults/meaning/test_issuer.py::test_a_key_without_use_is_passed_over",
)
@dataclass(frozen=True, slots=True)
class KeyWithoutUse(MeaningFault):
    """The issuer's keys do not say that they are for signatures."""

    def effect(self) -> str:
        return "left use out of the keys"
