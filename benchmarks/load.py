"""A tight load generator: keep-alive connections that each send the next request when answered.

Bounded in connections and time; speaks to loopback only.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What came back: answers a second, and their latencies in seconds, sorted."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


class Client(asyncio.Protocol):
    """One connection. `requests` are complete HTTP/1.1 requests, sent in turn."""

    def __init__(self, load: Load, requests: list[bytes], first: int) -> None:
        self._load = load
        self._requests = requests
        self._next = first
        self._received = b""
        self._sent_at = 0.0
        self.counting = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._next = (self._next + 1) % len(self._requests)
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests[self._next])

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        head = received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = received.index(b"content-length: ") + 16
        length = int(received[at : received.index(b"\r", at)])
        if len(received) < head + 4 + length:
            return
        self._received = b""
        if self.counting:
            self._load.latencies.append(time.perf_counter() - self._sent_at)
            if not received.startswith(b"HTTP/1.1 200"):
                self._load.refused += 1
        self._send()

    def close(self) -> None:
        self._transport.close()


async def run(
    port: int, requests: list[bytes], connections: int, seconds: float, tls: ssl.SSLContext | None
) -> Load:
    """Load `127.0.0.1:port` over `connections` connections for `seconds`, after half a second's warm-up."""
    loop, load = asyncio.get_running_loop(), Load()
    clients: list[Client] = []
    for number in range(connections):
        client = Client(load, requests, number * 7)
        await loop.create_connection(
            lambda client=client: client,
            "127.0.0.1", port, ssl=tls, server_hostname="login.microsoftonline.com" if tls else None,
        )  # fmt: skip
        clients.append(client)
    await asyncio.sleep(0.5)
    started = time.perf_counter()
    for client in clients:
        client.counting = True
    await asyncio.sleep(seconds)
    for client in clients:
        client.counting = False
    load.seconds = time.perf_counter() - started
    for client in clients:
        client.close()
    await asyncio.sleep(0.05)
    load.latencies.sort()
    return load
