"""client ◄── 200 text/html       a proxy, a firewall or a captive portal answers for the target"""

from dataclasses import dataclass, field
from html import escape
from typing import Annotated

import msgspec
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp

from apim_emulators.core.faults.model import SERVERS, Exchange, TransportFault
from apim_emulators.core.faults.registry import register, told


@register(
    "html-page",
    stage="answer",
    targets=SERVERS,
    label="observed",
    source="AKS#4139 (another process answers); azure-workload-identity#1130 (a firewall does)",
    witness="tests/emulators/core/faults/test_transport.py::test_a_page_answers_where_json_was_wanted",
)
@dataclass(frozen=True, slots=True)
class HtmlPage(TransportFault):
    """Somebody else's page arrives where JSON was wanted."""

    code: Annotated[int, msgspec.Meta(ge=200, le=599)] = field(default=200, metadata=told("the HTTP status"))
    title: str = field(default="Sign in to the network", metadata=told("what the page says"))

    async def meet(self, exchange: Exchange, inner: ASGIApp) -> None:  # noqa: ARG002
        text = escape(self.title)
        page = f"<!doctype html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
        await HTMLResponse(page, self.code)(exchange.scope, exchange.receive, exchange.send)

    def effect(self) -> str:
        return f"answered {self.code} with a page: {self.title}"
