"""What every test and every process asks the control service for: plain Starlette, at once.

The other routes are FastAPI's, whose import costs more than all of a sandbox's start; it is loaded at
the first request to one of them. These routes stand in its OpenAPI document as well.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apim_emulators.core.http import json_response
from apim_emulators.core.journal import decode, encode
from apim_sandbox.control.checkpoints import Checkpoints
from apim_sandbox.control.server_sent import server_sent

if TYPE_CHECKING:
    from apim_sandbox.control.app import Control

NDJSON = "application/x-ndjson"


def quick_routes(control: "Control") -> Sequence[Route]:
    """Health and status, the journal, snapshots."""
    return (*_status_routes(control), *_journal_routes(control), *_snapshot_routes(control.checkpoints))


def _status_routes(control: "Control") -> Sequence[Route]:
    async def health(_: Request) -> Response:
        return json_response({"status": "ok"})

    async def status(_: Request) -> Response:
        return json_response(control.status())

    return Route("/health", health), Route("/status", status)


def _journal_routes(control: "Control") -> Sequence[Route]:
    async def append(request: Request) -> Response:
        """Take events of another process: one record a line, `sequence` ignored."""
        for line in (await request.body()).splitlines():
            record = decode(line)
            control.journal.add(record.actor, record.at, record.event, record.duration)
        return Response(status_code=204)

    async def read(request: Request) -> Response:
        """The kept records after `since`."""
        since = _number("since", request.query_params.get("since", "0"))
        lines = b"".join(encode(record) + b"\n" for record in control.journal.since(since))
        return Response(lines, media_type=NDJSON)

    async def stream(request: Request) -> Response:
        """Server-sent events: the kept records after `since`, then new ones as they come."""
        since = _number("since", request.query_params.get("since", "0"))
        seen = request.headers.get("last-event-id")
        start = since if seen is None else _number("last-event-id", seen)

        async def events() -> AsyncIterator[bytes]:
            async with aclosing(control.journal.follow(start)) as records:
                async for record in records:
                    yield b"id: %d\ndata: %s\n\n" % (record.sequence, encode(record))

        return server_sent(events())

    return (
        Route("/journal", append, methods=["POST"]),
        Route("/journal", read),
        Route("/journal/stream", stream),
    )


def _snapshot_routes(checkpoints: Checkpoints | None) -> Sequence[Route]:
    def here() -> Checkpoints:
        if checkpoints is None:
            raise HTTPException(
                501,
                "snapshots need all emulators in one process, and here each runs in one of its own; "
                "start a sandbox with apim-sandbox up, without --separate, or use the pytest fixture sandbox",
            )
        return checkpoints

    async def take(_: Request) -> Response:
        """Remember the whole world as it is."""
        return json_response({"id": here().take()}, 201)

    async def restore(request: Request) -> Response:
        """Go back to it; `journal` is where the journal stood. It goes on, for it tells what happened."""
        return json_response({"journal": await here().restore(request.path_params["snapshot_id"])})

    async def drop(request: Request) -> Response:
        """Forget a snapshot."""
        here().drop(request.path_params["snapshot_id"])
        return Response(status_code=204)

    return (
        Route("/snapshots", take, methods=["POST"]),
        Route("/snapshots/{snapshot_id}/restore", restore, methods=["POST"]),
        Route("/snapshots/{snapshot_id}", drop, methods=["DELETE"]),
    )


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.removeprefix("-").isdigit():
        raise HTTPException(422, f"{name}={text!r} is not a whole number")
    return int(text)
