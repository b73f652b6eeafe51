"""The control service's journal: appended to by other processes, read, followed; and what was asked for."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from apim_emulators.core.journal import MemoryJournal, decode, encode
from apim_sandbox.control.history import History
from apim_sandbox.control.offers import Offers, read_number, whole_number
from apim_sandbox.control.server_sent import server_sent

NDJSON = "application/x-ndjson"


def journal_routes(offers: Offers, journal: MemoryJournal, history: History) -> None:
    """Add them to the control service."""

    @offers.post("/journal", status=204)
    async def append(request: Request) -> None:
        """Take events of another process: one record a line, `sequence` ignored."""
        for line in (await request.body()).splitlines():
            record = decode(line)
            journal.add(record.actor, record.at, record.event, record.duration)

    @offers.get("/journal", query=["since"])
    async def read(request: Request) -> Response:
        """The kept records after `since`, one a line."""
        lines = b"".join(encode(record) + b"\n" for record in journal.since(whole_number(request, "since")))
        return Response(lines, media_type=NDJSON)

    @offers.get("/journal/stream", query=["since"])
    async def stream(request: Request) -> Response:
        """Server-sent events: the kept records after `since`, then new ones as they come."""
        seen = request.headers.get("last-event-id")
        start = whole_number(request, "since") if seen is None else read_number("last-event-id", seen)

        async def events() -> AsyncIterator[bytes]:
            async with aclosing(journal.follow(start)) as records:
                async for record in records:
                    yield b"id: %d\ndata: %s\n\n" % (record.sequence, encode(record))

        return server_sent(events())

    @offers.get("/history")
    async def show(_: Request) -> Any:
        """What was asked of this service, oldest first: for `scenario record`."""
        return list(history.commands)
