"""client ◄── [status, body]       target is never asked"""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp

from apim_emulators.core.faults.model import SERVERS, Count, Exchange, TransportFault
from apim_emulators.core.faults.registry import register, told


@register(
    "status",
    stage="answer",
    targets=SERVERS,
    label="observed",
    source="azure-pipelines-tasks#19831 (a provider's outage); MSAL .NET#2855 (429 in plain text)",
    witness="tests/emulators/core/faults/test_transport.py::test_a_status_answers_in_the_targets_place",
)
@dataclass(frozen=True, slots=True)
class Status(TransportFault):
    """A front door answers with an HTTP status, and the target is never asked."""

    code: Annotated[int, msgspec.Meta(ge=200, le=599)] = field(metadata=told("the HTTP status"))
    body: str = field(default="", metadata=told("what the answer says"))
    retry_after: Count | None = field(default=None, metadata=told("seconds of a Retry-After header"))
    content_type: str = field(default="text/plain", metadata=told("the body's media type"))

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:  # noqa: ARG002
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        answer = Response(self.body, self.code, headers, media_type=self.content_type)
        await answer(exchange.scope, exchange.receive, exchange.send)

    def effect(self) -> str:
        return f"answered {self.code}"
