"""The network of a virtual run: httpx on one side, ASGI applications on the other, nothing between.

`httpx.ASGITransport` will not do: it ignores time-outs, buffers streams, skips lifespan, accepts
truncated bodies, and cancels the server when the client gives up. Here the server side runs in the
wire's own task group; bodies stream both ways; httpx's time-outs are kept on the event loop's time
(virtual under trio's MockClock) and end in httpx's own exceptions. Transport faults act here too.
"""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import anyio
import httpx
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct, field
from starlette.types import ASGIApp, Message

from apim_emulators.core.faults.gate import FaultGate
from apim_emulators.core.faults.model import DROP

FindApp = Callable[[str], ASGIApp | None]
TransportFault = Callable[[httpx.Request], httpx.TransportError | None]

_NAME_NOT_KNOWN = "[Errno -2] Name or service not known"


class Crash(Struct):
    """An application raised: a defect of ours, whatever the client was told."""

    url: str
    error: Exception


class Wire(Struct):
    """Hosts that can be reached, and what went wrong on the way. Made by `open_wire`."""

    find: FindApp
    tasks: TaskGroup
    fault: TransportFault = field(default=lambda _: None)
    crashes: list[Crash] = field(default_factory=list)

    def transport(self) -> "WireTransport":
        return WireTransport(self)


@asynccontextmanager
async def open_wire(find: FindApp, apps: tuple[ASGIApp, ...] = ()) -> AsyncIterator[Wire]:
    """A wire on which `find(host)` names the application of a host; `apps` get their lifespan.

    Leaving cancels what is still being served.
    """
    async with anyio.create_task_group() as tasks:
        async with AsyncExitStack() as stack:
            for app in apps:
                await stack.enter_async_context(_lifespan(app))
            yield Wire(find, tasks)
        tasks.cancel_scope.cancel()


class WireClient(httpx.AsyncClient):
    """httpx's client on a wire, without what nobody asks of it here: cookies, redirects, authentication.

    The same requests, answers and exceptions, at a third of the price: a virtual day makes 20,000.
    """

    def __init__(self, wire: Wire, *, timeout: float) -> None:
        self._way = wire.transport()
        super().__init__(transport=self._way, timeout=timeout)
        self._own_headers = list(self.headers.multi_items())

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """As httpx's: own headers where the request has none of the name, own time-outs unless it has."""
        timeout = options.pop("timeout", httpx.USE_CLIENT_DEFAULT)
        whole = self.timeout if timeout is httpx.USE_CLIENT_DEFAULT else httpx.Timeout(timeout)
        headers = httpx.Headers(options.pop("headers", None))
        for name, value in self._own_headers:
            headers.setdefault(name, value)
        return httpx.Request(
            method, url, headers=headers, extensions={"timeout": whole.as_dict()}, **_given(options)
        )

    async def send(self, request: httpx.Request, *, stream: bool = False, **_: Any) -> httpx.Response:
        response = await self._way.handle_async_request(request)
        if not stream:
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
        return response


class WireTransport(httpx.AsyncBaseTransport):
    """Give it to `httpx.AsyncClient(transport=...)`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        failure = self._wire.fault(request)
        if failure is not None:
            failure.request = request
            raise failure
        app = self._wire.find(request.url.host)
        if app is None:
            raise httpx.ConnectError(_NAME_NOT_KNOWN, request=request)
        if isinstance(app, FaultGate):
            await _connect(app, request, timeouts.get("connect"))
        exchange = _Exchange(request, timeouts.get("read"))
        self._wire.tasks.start_soon(exchange.serve, app, self._wire.crashes)
        return await exchange.response()


async def _connect(gate: FaultGate, request: httpx.Request, timeout: float | None) -> None:
    """Raise what a connection fault of the host's emulator makes of the attempt."""
    fault = gate.faults.connection()
    if fault is None:
        return
    failure = fault.failure()
    if isinstance(failure, httpx.ConnectTimeout):
        await anyio.sleep(math.inf if timeout is None else timeout)
    failure.request = request
    raise failure


class _Exchange:
    """One request and its response, between a client task and a server task."""

    def __init__(self, request: httpx.Request, read_timeout: float | None) -> None:
        self._request = request
        self._read_timeout = read_timeout
        self._outgoing: MemoryObjectSendStream[Message]
        self._incoming: MemoryObjectReceiveStream[Message]
        self._outgoing, self._incoming = anyio.create_memory_object_stream[Message](8)
        self._client_gone = anyio.Event()
        self._reset = False

    # --- the server's task

    async def serve(self, app: ASGIApp, crashes: list[Crash]) -> None:
        body = self._request_body()
        started = False

        async def receive() -> Message:
            try:
                chunk = await anext(body)
            except StopAsyncIteration:
                await self._client_gone.wait()
                return {"type": "http.disconnect"}
            return chunk

        async def send(message: Message) -> None:
            nonlocal started
            started = True
            if self._client_gone.is_set():
                return
            try:
                await self._outgoing.send(message)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                self._client_gone.set()

        async with self._outgoing, aclosing(body):
            try:
                await app(self._scope(), receive, send)
            except Exception as error:
                crashes.append(Crash(str(self._request.url), error))
                if not started:
                    await send({"type": "http.response.start", "status": 500, "headers": []})
                    await send({"type": "http.response.body", "body": b"Internal Server Error"})

    async def _request_body(self) -> AsyncGenerator[Message, None]:
        stream = self._request.stream
        if isinstance(stream, httpx.ByteStream):  # nearly every request: it is here already
            yield {"type": "http.request", "body": b"".join(stream), "more_body": False}
            return
        if isinstance(stream, httpx.AsyncByteStream):
            async for chunk in stream:
                yield {"type": "http.request", "body": chunk, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    def _scope(self) -> dict[str, Any]:
        url = self._request.url
        path, _, query = url.raw_path.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "server": (url.host, url.port or (443 if url.scheme == "https" else 80)),
            "client": ("127.0.0.1", 0),
            "state": {},
            "extensions": {DROP: self._drop},
        }

    async def _drop(self, abruptly: bool) -> None:
        self._reset = abruptly
        self._outgoing.close()

    # --- the client's task

    async def response(self) -> httpx.Response:
        try:
            start = await self.next_message()
            if start is None:
                self._raise_if_reset()
                raise httpx.RemoteProtocolError(
                    "Server disconnected without sending a response.", request=self._request
                )
        except BaseException:
            self.close()
            raise
        headers = [(bytes(name), bytes(value)) for name, value in start.get("headers", [])]
        return httpx.Response(
            start["status"],
            headers=headers,
            stream=_ResponseBody(self, _content_length(headers, self._request.method)),
            request=self._request,
        )

    async def next_message(self) -> Message | None:
        """The server's next message; None when it has ended."""
        try:
            return self._incoming.receive_nowait()
        except anyio.WouldBlock:
            pass
        except anyio.EndOfStream:
            return None
        limit = math.inf if self._read_timeout is None else self._read_timeout
        with anyio.move_on_after(limit):
            try:
                return await self._incoming.receive()
            except anyio.EndOfStream:
                return None
        raise httpx.ReadTimeout("The read operation timed out", request=self._request)

    def _raise_if_reset(self) -> None:
        if self._reset:
            raise httpx.ReadError("[Errno 104] Connection reset by peer", request=self._request)

    def truncated(self, received: int, expected: int) -> httpx.RemoteProtocolError:
        return httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body "
            f"(received {received} bytes, expected {expected})",
            request=self._request,
        )

    def close(self) -> None:
        self._client_gone.set()
        self._incoming.close()


class _ResponseBody(httpx.AsyncByteStream):
    def __init__(self, exchange: _Exchange, expected: int | None) -> None:
        self._exchange = exchange
        self._expected = expected

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        complete = False
        while not complete:
            message = await self._exchange.next_message()
            if message is None:
                break
            body = bytes(message.get("body", b""))
            complete = not message.get("more_body", False)
            received += len(body)
            if body:
                yield body
        if not complete or (self._expected is not None and received != self._expected):
            raise self._exchange.truncated(received, self._expected or 0)

    async def aclose(self) -> None:
        self._exchange.close()


def _content_length(headers: list[tuple[bytes, bytes]], method: str) -> int | None:
    if method == "HEAD":
        return None
    return next((int(value) for name, value in headers if name.lower() == b"content-length"), None)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a request that say something."""
    return {name: value for name, value in options.items() if value is not None}


@asynccontextmanager
async def _lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Run `app`'s start-up and, at the end, its shut-down, as a server does; apps without are let be."""
    inbox_send, inbox = anyio.create_memory_object_stream[Message](2)
    outbox, outbox_receive = anyio.create_memory_object_stream[Message](2)

    async def run() -> None:
        try:
            await app(
                {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, inbox.receive, outbox.send
            )
        except Exception:
            await outbox.send({"type": "lifespan.unsupported"})

    async with anyio.create_task_group() as tasks, inbox_send, inbox, outbox, outbox_receive:
        tasks.start_soon(run)
        await inbox_send.send({"type": "lifespan.startup"})
        answer = await outbox_receive.receive()
        if answer["type"] == "lifespan.startup.failed":
            raise RuntimeError(f"application failed to start: {answer.get('message', '')}")
        try:
            yield
        finally:
            if answer["type"] == "lifespan.startup.complete":
                with anyio.move_on_after(5, shield=True):
                    await inbox_send.send({"type": "lifespan.shutdown"})
                    await outbox_receive.receive()
            tasks.cancel_scope.cancel()
