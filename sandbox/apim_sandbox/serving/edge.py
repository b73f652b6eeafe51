"""The one HTTPS edge: TLS by server name, applications by host, and an HTTP CONNECT proxy.

    client ──CONNECT login.microsoftonline.com:443──► proxy ──► TLS listener ──► application of that host
    client ──https://localhost:8443/{tenant}/…──────────────► TLS listener ──► application by path shape

Names that the sandbox does not stand in for are refused at the proxy unless the internet is allowed.
"""

import gc
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

import anyio
import uvicorn
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from msgspec import Struct, field
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from apim_emulators.core.faults import ConnectionFault, PlainHttp, Unreachable
from apim_emulators.core.faults.model import DROP
from apim_sandbox.hosts import ByAddress, HostTable

KEEP_ALIVE = 75  # seconds; uvicorn's default of 5 closes on every client that polls each 10 s
MAX_HEAD = 16 * 1024  # bytes of a CONNECT request
HEAD_TIMEOUT = 10  # seconds
MAX_HEADERS = 64 * 1024  # bytes of a request's header fields
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class PortTakenError(OSError):
    """A port is in use; the message names it, its holder where that can be read, and the way out."""


def listen(port: int, option: str, host: str = "127.0.0.1") -> socket.socket:
    """A bound TCP socket; port 0 takes a free one. Raises `PortTakenError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # IPPROTO_TCP by name: with 0 the event loop does not switch Nagle's algorithm off (44 ms an answer).
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        holder = port_holder(port)
        by = f" by {holder}" if holder else ""
        raise PortTakenError(
            f"port {port} on {host} can't be used ({error.strerror}){by}; choose another with {option} PORT"
        ) from None
    bound.listen(1024)
    bound.setblocking(False)
    return bound


def settle_memory() -> None:
    """Keep the garbage collector off what the start has built, and let it come seldom: in a process of ours.

    What requests leave behind has hardly any cycles: at 5,000 polls a second the 99th percentile falls
    from 120 ms to 5 ms.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


class EdgeApp:
    """ASGI: the application of the request's host; by path shape for the edge's own address.

    `steering` answers under `/.apim-sandbox/` of every host.
    """

    def __init__(
        self, hosts: HostTable, by_address: ByAddress | None = None, steering: ASGIApp | None = None
    ) -> None:
        self._hosts = hosts
        self._by_address = by_address
        self._steering = steering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        scope.setdefault("extensions", {})[DROP] = partial(_drop, send)
        length, host = 0, b""
        for name, value in scope["headers"]:
            length += len(name) + len(value)
            if name == b"host" and not host:
                host = value
        if length > MAX_HEADERS:
            message = f"the header fields are longer than {MAX_HEADERS} bytes\n"
            await PlainTextResponse(message, 431)(scope, receive, send)
            return
        if self._steering is not None and scope["path"].startswith("/.apim-sandbox/"):
            await self._steering(scope, receive, send)
            return
        wanted = _host(host)
        if wanted in _LOCAL and self._by_address is not None:
            wanted = self._by_address.host_for(scope["path"])
            headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [*headers, (b"host", wanted.encode())]
        app = self._hosts.find(wanted)
        if app is None:
            known = ", ".join(self._hosts)
            message = f"apim-sandbox does not stand in for {wanted!r}; it does for {known}\n"
            await PlainTextResponse(message, 421)(scope, receive, send)
            return
        await app(scope, receive, send)


# A request that is cancelled because we stop, and a client that has gone, are no errors; uvicorn logs
# them as such, with a traceback.
_NO_ERRORS = ("CancelledError", "ClientDisconnect")


def _worth_telling(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ not in _NO_ERRORS


class Server(uvicorn.Server):
    """uvicorn that leaves the process's signals alone: whoever started us handles them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    app: ASGIApp, bound: socket.socket, tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Serve `app` on `bound` while the block runs."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_keep_alive=KEEP_ALIVE, server_header=False,
        date_header=True, timeout_graceful_shutdown=1, lifespan="off", ws="none", proxy_headers=False,
        h11_max_incomplete_event_size=65536,
    )  # fmt: skip
    config.load()
    logging.getLogger("uvicorn.error").addFilter(_worth_telling)
    config.ssl = tls
    server = Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [bound])
        try:
            await server.ready.wait()
            yield
        finally:
            server.should_exit = server.force_exit = True


class Target(Struct, frozen=True):
    """Where the proxy connects for a host."""

    host: str
    port: int


def _no_fault(_: str) -> ConnectionFault | None:
    return None


class ConnectProxy(Struct, frozen=True):
    """HTTP CONNECT: `route(host)` says where an emulated host listens, None where it is not ours.

    `fault(host)` is asked at each connection what keeps it from being made.
    """

    route: Callable[[str], Target | None]
    allow_internet: bool = False
    fault: Callable[[str], ConnectionFault | None] = _no_fault
    tunnels: dict[anyio.CancelScope, str] = field(default_factory=dict)

    async def run(self, bound: socket.socket) -> None:
        """Serve until cancelled."""
        listener = await anyio.abc.SocketListener.from_socket(bound)
        async with listener:
            await listener.serve(self._serve)

    async def _serve(self, client: SocketStream) -> None:
        async with client:
            try:
                with anyio.fail_after(HEAD_TIMEOUT):
                    head, rest = await _read_head(client)
            except (TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError, ValueError):
                return
            target, problem = self._target(head)
            try:
                if target is None:
                    await client.send(_refusal(problem))
                    return
                host = head.split(" ")[1].rpartition(":")[0].lower()
                fault = self.fault(host)
                if fault is not None:
                    await _fail(client, fault, host)
                    return
                with anyio.CancelScope() as scope:
                    self.tunnels[scope] = host
                    try:
                        await self._connect(client, target, rest)
                    finally:
                        del self.tunnels[scope]
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
                return

    def close(self, is_broken: Callable[[str], bool]) -> None:
        """End the connections to hosts that are broken: nobody would connect anew while they last."""
        for scope, host in list(self.tunnels.items()):
            if is_broken(host):
                scope.cancel()

    async def _connect(self, client: SocketStream, target: Target, rest: bytes) -> None:
        try:
            server = await anyio.connect_tcp(target.host, target.port)
        except OSError as error:
            await client.send(_refusal(f"could not reach {target.host}:{target.port}: {error}", 502))
            return
        async with server:
            await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if rest:
                await server.send(rest)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_copy, client, server, tasks.cancel_scope)
                await _copy(server, client, tasks.cancel_scope)

    def _target(self, head: str) -> tuple[Target | None, str]:
        method, _, rest = head.partition(" ")
        authority = rest.partition(" ")[0]
        if method != "CONNECT":
            return None, (
                f"this is a proxy for HTTPS (CONNECT) only, and {method} {authority[:200]} is not; "
                "unset HTTP_PROXY, or add the host to NO_PROXY"
            )
        host, _, port = authority.rpartition(":")
        host = host.strip("[]").lower()
        if port == "443" and (found := self.route(host)) is not None:
            return found, ""
        if not port.isdigit() or not host:
            return None, f"CONNECT {authority[:200]!r} names no host and port"
        if self.allow_internet:
            return Target(host, int(port)), ""
        return None, (
            f"apim-sandbox does not stand in for {host}:{port} and keeps the rest of the internet out; "
            f"add {host} to NO_PROXY, or start with --allow-internet"
        )


def port_holder(port: int) -> str:
    """The process that listens on a local TCP port, as far as this system lets us read it (Linux)."""
    import os
    from pathlib import Path

    wanted = f":{port:04X}"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[1].endswith(wanted) and fields[3] == "0A":
                inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                command = (
                    (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                )
                return f"process {process.name} ({command[:80]})"
        except OSError:
            continue
    return ""


def _host(header: bytes) -> str:
    """The name in a Host header, without its port."""
    value = header.decode("latin-1").lower()
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.partition(":")[0]


async def _read_head(client: ByteStream) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > MAX_HEAD:
            raise ValueError("request head too long")
        data += await client.receive()
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


async def _fail(client: SocketStream, fault: ConnectionFault, host: str) -> None:
    """What a client meets instead of a connection. A proxy alone can know why, so it says so."""
    if isinstance(fault, Unreachable):
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                await client.receive()
    elif isinstance(fault, PlainHttp):
        await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await client.receive()
        await client.send(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    else:
        reason = str(fault.failure()).partition("] ")[2]
        await client.send(_refusal(f"could not reach {host}: {reason}", 502, reason))


def _refusal(problem: str, status: int = 403, reason: str = "") -> bytes:
    reason = reason or {403: "Forbidden", 502: "Bad Gateway"}[status]
    body = f"{problem}\n".encode()
    return (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode() + body


async def _copy(source: ByteStream, sink: ByteStream, scope: anyio.CancelScope) -> None:
    """Copy until `source` ends; a half-closed TLS connection is of no use, so both sides end with it."""
    try:
        async for chunk in source:
            await sink.send(chunk)
    except anyio.BrokenResourceError:
        with suppress(anyio.TypedAttributeLookupError, OSError):
            _reset_at_close(sink.extra(SocketAttribute.raw_socket))  # noqa: S610  no database here
    except anyio.ClosedResourceError:
        pass
    scope.cancel()


def _reset_at_close(connection: socket.socket) -> None:
    """Let the peer see a reset, not an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _drop(send: Send, abruptly: bool) -> None:
    """End the connection of a request that uvicorn serves: its `send` is a method of the cycle."""
    transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        return
    if abruptly:
        _reset_at_close(transport.get_extra_info("socket"))
        transport.abort()
    else:
        transport.close()
