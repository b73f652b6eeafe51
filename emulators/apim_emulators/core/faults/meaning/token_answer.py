"""client ◄── {token_type, expires_in, refresh_in: '1800', …}       not as clients expect"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "token-answer",
    stage="meaning",
    targets=("entra",),
    label="observed",
    source="tried with each client: MSAL for Python raises TypeError, MSAL Go refuses",
    witness="tests/sandbox/faults/meaning/test_entra.py::test_a_token_answer_can_lack_a_member_or_give_it_as_text",
    scoped_by=("tenant",),
)
@dataclass(frozen=True, slots=True)
class TokenAnswer(MeaningFault):
    """A token comes with a member missing, or as a text where a number is wanted."""

    member: Literal["token_type", "expires_in", "refresh_in", "access_token"] = field(
        metadata=told("the member of the answer")
    )
    how: Literal["missing", "text"] = field(
        default="missing", metadata=told("left out, or a text instead of a number")
    )

    def effect(self) -> str:
        return f"{self.member} " + ("left out" if self.how == "missing" else "given as a text")

    def changed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer's body; a `refresh_in` that is not there is half of `expires_in`."""
        if self.how == "missing":
            return {name: value for name, value in body.items() if name != self.member}
        value = body.get(self.member, int(body["expires_in"]) // 2)
        return {**body, self.member: str(value)}
