"""The control service remembers what changed something."""

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apim_sandbox.control.history import Command, History, Remembered

pytestmark = pytest.mark.anyio


async def _answer(request: Request) -> Response:
    body = await request.body()
    return Response(status_code=422 if b"wrong" in body else 204)


async def asked(*requests: tuple[str, str, object]) -> list[Command]:
    """What is remembered of these requests."""
    history = History(lambda: 7.0)
    methods = ["GET", "POST", "DELETE"]
    app = Remembered(Starlette(routes=[Route("/{path:path}", _answer, methods=methods)]), history)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control") as http:
        for method, path, body in requests:
            await http.request(method, path, content=msgspec.json.encode(body) if body else b"")
    return list(history.commands)


async def test_changes_are_kept_with_their_words() -> None:
    """Time, method, path and body."""
    found = await asked(("POST", "/clock/advance", {"seconds": 3}), ("DELETE", "/faults/a", None))
    assert found == [
        Command(7.0, "POST", "/clock/advance", {"seconds": 3}),
        Command(7.0, "DELETE", "/faults/a", None),
    ]


async def test_reads_refusals_and_events_of_programs_are_not() -> None:
    """A recording tells what somebody did."""
    assert await asked(("GET", "/pods", None), ("POST", "/apply", "wrong"), ("POST", "/journal", {})) == []
