"""The control service's journal: appended to by other processes, read, followed; and what was asked for."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import islice
from typing import Any

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from apim_emulators.core.events import EVENT_TYPES
from apim_emulators.core.journal import MemoryJournal, Record, decode, encode
from apim_emulators.core.vocabulary import ACTORS
from apim_sandbox.control.history import History
from apim_sandbox.control.offers import Offers, read_number, require_known, whole_number
from apim_sandbox.control.server_sent import server_sent

NDJSON = "application/x-ndjson"


class Choice(Struct, frozen=True):
    """Which records are wanted; what is empty does not matter. `pod` is `NAME` or `NAMESPACE/NAME`."""

    kind: str = ""
    actor: str = ""
    pod: str = ""

    @classmethod
    def of(cls, request: Request) -> "Choice":
        """Raises `VocabularyError` for a kind or an actor that there is not."""
        kind, actor, pod = (request.query_params.get(name, "") for name in ("kind", "actor", "pod"))
        if kind:
            require_known("kind of event", kind, EVENT_TYPES)
        if actor:
            require_known("actor", actor, ACTORS)
        return cls(kind, actor, pod)

    def has(self, record: Record) -> bool:
        return (
            self.kind in ("", record.kind)
            and self.actor in ("", record.actor)
            and (not self.pod or self._is_of(record.event))
        )

    def _is_of(self, event: Any) -> bool:
        name = getattr(event, "pod", "")
        return bool(name) and self.pod in (name, f"{getattr(event, 'namespace', '')}/{name}")


def journal_routes(offers: Offers, journal: MemoryJournal, history: History) -> None:
    """Add them to the control service."""

    @offers.post("/journal", status=204)
    async def append(request: Request) -> None:
        """Take events of another process: one record a line, `sequence` ignored."""
        for line in (await request.body()).splitlines():
            record = decode(line)
            journal.add(record.actor, record.at, record.event, record.duration)

    @offers.get("/journal", query=["since", "kind", "actor", "pod", "last"])
    async def read(request: Request) -> Response:
        """The kept records after `since`, one a line: those chosen, of them the `last` so many."""
        choice, last = Choice.of(request), whole_number(request, "last")
        if last < 0:
            raise HTTPException(422, f"last={last} is less than 0; 0 means all")
        chosen = filter(choice.has, reversed(journal.since(whole_number(request, "since"))))
        newest = [*islice(chosen, last or None)]
        return Response(b"".join(encode(one) + b"\n" for one in reversed(newest)), media_type=NDJSON)

    @offers.get("/journal/stream", query=["since", "kind", "actor", "pod"])
    async def stream(request: Request) -> Response:
        """Server-sent events: the kept records after `since`, then new ones as they come."""
        choice = Choice.of(request)
        seen = request.headers.get("last-event-id")
        start = whole_number(request, "since") if seen is None else read_number("last-event-id", seen)

        async def events() -> AsyncIterator[bytes]:
            async with aclosing(journal.follow(start)) as records:
                async for record in records:
                    if choice.has(record):
                        yield b"id: %d\ndata: %s\n\n" % (record.sequence, encode(record))

        return server_sent(events())

    @offers.get("/history")
    async def show(_: Request) -> Any:
        """What was asked of this service, oldest first: for `scenario record`."""
        return list(history.commands)
