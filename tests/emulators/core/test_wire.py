"""The in-memory wire behaves as a network does, in virtual time; with httpx's client and with its own."""

import gzip
import sys
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.wire import Wire, WireClient, open_wire


def app_of(handler: object) -> ASGIApp:
    return Starlette(routes=[Route("/{rest:path}", handler, methods=["GET", "POST"])])  # type: ignore[arg-type]


async def fetch(app: ASGIApp, *, timeout: float = 5.0, **request: object) -> httpx.Response:
    async with open_wire({"host.test": app}.get) as wire, client(wire, timeout) as http:
        return await http.request(url="https://host.test/a%20b?x=1", **{"method": "GET", **request})  # type: ignore[arg-type]


def client(wire: Wire, timeout: float = 5.0) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=wire.transport(), timeout=timeout)


def own_client(wire: Wire, timeout: float = 5.0) -> httpx.AsyncClient:
    return WireClient(wire, timeout=timeout)


@pytest.fixture(autouse=True, params=[client, own_client], ids=["httpx", "own"])
def _each_client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "client", request.param)


def virtual(function: object, *arguments: object) -> object:
    return trio.run(function, *arguments, clock=trio.testing.MockClock(autojump_threshold=0))  # type: ignore[arg-type]


def test_a_request_arrives_whole() -> None:
    """Method, path, query, headers and body reach the application as over a socket."""

    async def echo(request: Request) -> Response:
        body = (await request.body()).decode()
        return PlainTextResponse(f"{request.method} {request.url} {request.headers['x-a']} {body}")

    async def main() -> str:
        return (await fetch(app_of(echo), method="POST", headers={"x-a": "1"}, content=b"hello")).text

    assert virtual(main) == "POST https://host.test/a b?x=1 1 hello"


def test_an_unknown_host_is_a_connect_error() -> None:
    """A name that nobody serves fails as a name that does not resolve."""

    async def main() -> None:
        async with open_wire({}.get) as wire, client(wire) as http:
            with pytest.raises(httpx.ConnectError, match="Name or service not known"):
                await http.get("https://nobody.test/")

    virtual(main)


def test_a_slow_server_is_a_read_timeout_at_the_exact_moment() -> None:
    """httpx's time-out ends the wait on the loop's time, and the server is not cancelled."""
    finished: list[float] = []

    async def slow(_: Request) -> Response:
        await trio.sleep(30)
        finished.append(trio.current_time())
        return PlainTextResponse("late")

    async def main() -> float:
        async with open_wire({"host.test": app_of(slow)}.get) as wire, client(wire, 7.0) as http:
            start = trio.current_time()
            with pytest.raises(httpx.ReadTimeout):
                await http.get("https://host.test/")
            waited = trio.current_time() - start
            await trio.sleep(60)
            return waited

    assert virtual(main) == 7.0
    assert len(finished) == 1


def test_a_body_streams() -> None:
    """The client sees the first chunk while the server still waits to send the second."""

    async def two(_: Request) -> Response:
        async def body():  # type: ignore[no-untyped-def]
            yield b"one"
            await trio.sleep(3)
            yield b"two"

        return StreamingResponse(body())

    async def main() -> list[tuple[bytes, float]]:
        async with open_wire({"host.test": app_of(two)}.get) as wire, client(wire) as http:
            start = trio.current_time()
            async with http.stream("GET", "https://host.test/") as answer:
                return [(chunk, trio.current_time() - start) async for chunk in answer.aiter_raw()]

    assert virtual(main) == [(b"one", 0.0), (b"two", 3.0)]


def test_a_truncated_body_is_refused() -> None:
    """Fewer bytes than Content-Length promised is httpx's RemoteProtocolError."""

    async def short(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"four"})

    async def main() -> None:
        async with open_wire({"host.test": short}.get) as wire, client(wire) as http:
            with pytest.raises(httpx.RemoteProtocolError, match="received 4 bytes, expected 9"):
                await http.get("https://host.test/")

    virtual(main)


def test_a_crash_is_kept_and_answered_with_500() -> None:
    """An exception of the application is a defect to be found, not lost behind a status."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("defect")

    async def main() -> tuple[int, list[str]]:
        async with open_wire({"host.test": broken}.get) as wire, client(wire) as http:
            status = (await http.get("https://host.test/")).status_code
            return status, [repr(crash.error) for crash in wire.crashes]

    assert virtual(main) == (500, ["KeyError('defect')"])


def test_lifespan_runs_around_the_wire() -> None:
    """An application's start-up comes before the first request and its shut-down after the last."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while scope["type"] == "lifespan":
            message = await receive()
            seen.append(message["type"])
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
        seen.append("request")
        await PlainTextResponse("ok")(scope, receive, send)

    async def main() -> None:
        async with open_wire({"host.test": app}.get, (app,)) as wire, client(wire) as http:
            await http.get("https://host.test/")

    virtual(main)
    assert seen == ["lifespan.startup", "request", "lifespan.shutdown"]


def test_a_transport_fault_raises_what_it_says() -> None:
    """A fault between the two sides surfaces as httpx's own exception for that request."""

    async def main() -> None:
        async with open_wire({"host.test": app_of(lambda _: PlainTextResponse("ok"))}.get) as wire:
            wire.fault = lambda request: httpx.ReadError("[Errno 104] Connection reset by peer")
            async with client(wire) as http:
                with pytest.raises(httpx.ReadError, match="reset by peer"):
                    await http.get("https://host.test/")

    virtual(main)


REQUESTS: list[dict[str, Any]] = [
    {"method": "GET", "url": "https://host.test/a%20b/?$top=1&x=%2F"},
    {"method": "GET", "url": "https://host.test/a", "params": {"api-version": "1", "$filter": "a eq 'b'"}},
    {"method": "POST", "url": "https://host.test/a", "data": {"scope": "x/.default", "empty": ""}},
    {"method": "PUT", "url": "https://host.test/a", "json": {"name": "ü"}, "headers": {"If-Match": "*"}},
    {"method": "POST", "url": "https://host.test/a", "content": b"raw", "headers": {"accept": "x/y"}},
    {"method": "DELETE", "url": "https://host.test/a", "timeout": 1, "headers": [("a", "1"), ("a", "2")]},
]


@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: asked["method"])
def test_both_clients_ask_for_the_same(asked: dict[str, Any]) -> None:
    """Line, headers, body and time-outs."""
    built = []
    for make in (client, own_client):

        async def main(make: Any = make) -> httpx.Request:
            async with open_wire({}.get) as wire, make(wire) as http:
                request: httpx.Request = http.build_request(**asked)
                return request

        built.append(virtual(main))
    first, second = [
        (one.method, one.url, sorted(one.headers.multi_items()), one.read(), one.extensions) for one in built
    ]
    assert first == second


def test_an_encoded_body_is_unpacked() -> None:
    """As over a socket."""
    packed = gzip.compress(b"hello")

    async def answer(request: Request) -> Response:
        return Response(packed, headers={"content-encoding": "gzip"})

    async def main() -> bytes:
        return (await fetch(app_of(answer))).content

    assert virtual(main) == b"hello"
