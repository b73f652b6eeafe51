"""client ──► Entra's front door ──► 429 Too Many Requests       plain text, with or without Retry-After"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from apim_emulators.core.faults.model import Count, MeaningFault, Seconds
from apim_emulators.core.faults.registry import register, told


@register(
    "too-many-requests",
    stage="meaning",
    targets=("entra",),
    label="observed",
    source="MSAL .NET#2855; the limits are not public",
    witness="tests/sandbox/faults/meaning/test_entra.py::test_too_many_requests_get_plain_text",
    scoped_by=("tenant",),
)
@dataclass(frozen=True, slots=True)
class TooManyRequests(MeaningFault):
    """Entra throttles a tenant after few token requests."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = field(
        default=1, metadata=told("requests that are still answered")
    )
    window: Seconds = field(default=60.0, metadata=told("the time in which they are counted"))
    retry_after: Count | None = field(
        default=60, metadata=told("seconds of a Retry-After header; without it, none")
    )
    form: Literal["plain", "json"] = field(
        default="plain", metadata=told("plain text of the front door, or AADSTS90055")
    )

    def effect(self) -> str:
        return f"throttled after {self.limit} requests in {self.window:g} s"
