"""What people did to a sandbox through its control service: kept so that a session can be recorded.

The journal has what happened; this has what was asked for, with its words: manifests, moves of the
clock, faults. Changes of the cloud go past it: they are in the journal, with their caller.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct, field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT = 1_000  # commands; the oldest go first
_READS = frozenset(("GET", "HEAD", "OPTIONS"))
_NOT_TOLD = (
    "/journal",
    "/attachments",
    "/tokens",
    "/snapshots",
    "/faults/stream",
    "/clock/stream",
    "/clock/ahead",
)  # programs' own, not people's


class Command(Struct, frozen=True):
    """One request that was answered with success. `at` is the sandbox's time in epoch seconds."""

    at: float
    method: str
    path: str
    body: Any = None


class History(Struct):
    """The commands of this run, oldest first."""

    now: Callable[[], float]
    commands: deque[Command] = field(default_factory=lambda: deque(maxlen=KEPT))


class Remembered:
    """Notes what changes something, on its way to the application."""

    def __init__(self, app: ASGIApp, history: History) -> None:
        self._app = app
        self._history = history

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _READS or scope["path"].startswith(_NOT_TOLD):
            await self._app(scope, receive, send)
            return
        at, body, status = self._history.now(), bytearray(), 0

        async def read() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def told(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, read, told)
        if status < 400:
            value = msgspec.json.decode(bytes(body)) if body else None
            self._history.commands.append(Command(at, scope["method"], scope["path"], value))
