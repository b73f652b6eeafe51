"""The live gateway's tie to the sandbox: the common clock, the journal, its parent's life."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import anyio
import httpx
import msgspec

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import FaultError, Faults, read_planned
from apim_emulators.core.journal import RemoteJournal

RETRY_SECONDS = 0.5
_BROKEN = (httpx.HTTPError, msgspec.MsgspecError, KeyError, TypeError, ValueError)


class NoSink:
    """Events of a gateway that runs without a sandbox go nowhere."""

    def add(self, *_: object) -> None: ...


class ControlService:
    """The sandbox's control service as a gateway uses it; `name` is what it knows the gateway by."""

    def __init__(self, url: str, clock: MasterClock, name: str, token: str = "") -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        # The sandbox's proxy is for the cloud's names; its control service is a neighbour.
        self._http = httpx.AsyncClient(trust_env=False, headers=headers, timeout=5.0)
        self._url = url.rstrip("/")
        self._clock = clock
        self._name = f"{name}-{os.getpid()}"
        self.faults = Faults()
        self.journal = RemoteJournal(self._http, f"{self._url}/journal")

    async def take_clock(self) -> None:
        """Set the clock once, so that the first line of log is dated right; gives up quietly."""
        with suppress(*_BROKEN):
            self._clock.take(msgspec.json.decode((await self._http.get(f"{self._url}/clock")).content))

    async def take_faults(self) -> None:
        """Take over the faults that are in force, before anything is done; gives up quietly."""
        with suppress(*_BROKEN):
            answer = await self._http.get(f"{self._url}/faults")
            self._plan(msgspec.json.decode(answer.content))

    async def follow_clock(self) -> None:
        """Follow every move, for ever; comes back after each break of the connection."""

        async def take(shown: Any) -> None:
            self._clock.take(shown)

        await self._follow("clock/stream", {}, take)

    async def follow_faults(self) -> None:
        """Follow every change of the faults in force, for ever, and say which was taken over."""

        async def take(shown: Any) -> None:
            self._plan(shown["faults"])
            seen = {"process": self._name, "version": shown["version"]}
            await self._http.post(f"{self._url}/faults/seen", json=seen)

        await self._follow("faults/stream", {"process": self._name}, take)

    def _plan(self, faults: Any) -> None:
        with suppress(FaultError):  # one that this gateway's version does not know
            self.faults.follow([read_planned(one) for one in faults])

    async def _follow(
        self, path: str, params: Mapping[str, str], take: Callable[[Any], Awaitable[None]]
    ) -> None:
        url, timeout = f"{self._url}/{path}", httpx.Timeout(5.0, read=None)
        while True:
            with suppress(*_BROKEN):
                async with self._http.stream("GET", url, params=params, timeout=timeout) as answer:
                    if answer.is_success:
                        async for data in server_sent(answer.aiter_lines()):
                            await take(msgspec.json.decode(data))
            await anyio.sleep(RETRY_SECONDS)

    async def tell_all(self) -> None:
        """Wait, for at most a second, until the journal has everything."""
        with anyio.move_on_after(1.0):
            await self.journal.drained()

    async def close(self) -> None:
        await self._http.aclose()


async def server_sent(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The data of each server-sent event."""
    data: list[str] = []
    async for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data.clear()


async def die_with(parent: int) -> None:
    """End this process at once when `parent`, the reading end of a pipe, reads its end: nobody owns us."""
    os.set_blocking(parent, False)
    while True:
        await anyio.wait_readable(parent)
        with suppress(BlockingIOError):
            if not os.read(parent, 4096):
                os._exit(1)
