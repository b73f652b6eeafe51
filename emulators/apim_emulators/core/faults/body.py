"""Taking an answer apart and putting it together again, for faults that change its body."""

from msgspec import Struct
from starlette.types import ASGIApp, Message

from apim_emulators.core.faults.model import Exchange

Headers = list[tuple[bytes, bytes]]


class Answer(Struct, frozen=True):
    """A whole answer, its body never compressed."""

    status: int
    headers: Headers
    body: bytes

    async def send(self, exchange: Exchange, body: bytes, *, length: int | None = None) -> None:
        """Send with another body; `length` is what content-length claims, the body's own without it."""
        await self.start(exchange, len(body) if length is None else length)
        await exchange.send({"type": "http.response.body", "body": body, "more_body": length is not None})

    async def start(self, exchange: Exchange, length: int) -> None:
        headers = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        headers.append((b"content-length", str(length).encode()))
        await exchange.send({"type": "http.response.start", "status": self.status, "headers": headers})


async def true_answer(exchange: Exchange, inner: ASGIApp) -> Answer:
    """What `inner` answers."""
    status, headers, body = 500, Headers(), bytearray()

    async def collect(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message.get("headers", []))
        else:
            body.extend(message.get("body", b""))

    plain = [(name, value) for name, value in exchange.scope["headers"] if name != b"accept-encoding"]
    await inner({**exchange.scope, "headers": plain}, exchange.receive, collect)
    return Answer(status, headers, bytes(body))
