"""What stands between two hosts: nothing, a wall, or somebody else's server.

gateway ──► [cut off] ✗ host      the name, the route or the certificate is wrong
gateway ──► [answered elsewhere]  a firewall's page, a stale copy, a proxy's own answer
"""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
from msgspec import Struct, field
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apim_sandbox.hosts import HostTable
from apim_sandbox.scenario.model import Answer, CutOff

# httpx's own exceptions with the words that its transports use.
_FAILURES: Mapping[str, Callable[[], httpx.TransportError]] = {
    "name": lambda: httpx.ConnectError("[Errno -2] Name or service not known"),
    "refused": lambda: httpx.ConnectError("[Errno 111] Connection refused"),
    "reset": lambda: httpx.ReadError("[Errno 104] Connection reset by peer"),
    "certificate": lambda: httpx.ConnectError(
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate"
    ),
    "no-answer": lambda: httpx.ConnectTimeout("timed out"),
    "plain-http": lambda: httpx.ConnectError("http: server gave HTTP response to HTTPS client"),
}


class Network(Struct):
    """The walls of one run, by host."""

    cut: dict[str, CutOff] = field(default_factory=dict)

    def fault(self, request: httpx.Request) -> httpx.TransportError | None:
        """What a request meets on its way; give it to the wire."""
        wall = self.cut.get(request.url.host)
        return None if wall is None else _FAILURES[wall.how]()


class AnsweredElsewhere(Struct, frozen=True):
    """An application with somebody else's answer at one path."""

    inner: ASGIApp
    answer: Answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self.answer.path):
            await self.inner(scope, receive, send)
        elif self.answer.drop:
            await self._without(scope, receive, send)
        else:
            body = self.answer.body
            content = body if isinstance(body, str) else msgspec.json.encode(body)
            response = Response(content, self.answer.status, media_type=self.answer.content_type)
            await response(scope, receive, send)

    async def _without(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The true answer, with fields left out wherever they stand in its JSON."""
        body = b""

        async def collect(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.body":
                body += message.get("body", b"")

        await self.inner(scope, receive, collect)
        kept = _dropped(msgspec.json.decode(body), self.answer.drop)
        response = Response(msgspec.json.encode(kept), self.answer.status, media_type="application/json")
        await response(scope, receive, send)


def interpose(hosts: HostTable, answer: Answer) -> bool:
    """Put the answer before the host's application; False when there is no such host."""
    inner = hosts.find(answer.host)
    if inner is None:
        return False
    hosts.exact[answer.host] = AnsweredElsewhere(inner, answer)
    return True


def withdraw(hosts: HostTable, host: str) -> bool:
    """Let the host answer for itself again; False when it does already."""
    app = hosts.exact.get(host)
    if not isinstance(app, AnsweredElsewhere):
        return False
    hosts.exact[host] = app.inner
    return True


def forget_answers(hosts: HostTable) -> None:
    """Take away all that was put before a host's application; who is built anew puts itself back."""
    for host, app in list(hosts.exact.items()):
        if isinstance(app, AnsweredElsewhere):
            del hosts.exact[host]


def _dropped(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _dropped(part, names) for key, part in value.items() if key not in names}
    if isinstance(value, list):
        return [_dropped(part, names) for part in value]
    return value
