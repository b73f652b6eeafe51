"""The live gateway's tie to the sandbox: the common clock, the journal, its parent's life."""

import os
from contextlib import suppress

import anyio
import httpx
import msgspec

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import Faults
from apim_emulators.core.journal import RemoteJournal
from apim_sandbox.serving.following import BROKEN, follow_clock, follow_faults, take_plan


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
        self._name = name
        self.faults = Faults()
        self.journal = RemoteJournal(self._http, f"{self._url}/journal")

    async def take_clock(self) -> None:
        """Set the clock once, so that the first line of log is dated right; gives up quietly."""
        with suppress(*BROKEN):
            self._clock.take(msgspec.json.decode((await self._http.get(f"{self._url}/clock")).content))

    async def take_faults(self) -> None:
        """Take over the faults that are in force, before anything is done; gives up quietly."""
        with suppress(*BROKEN):
            take_plan(self.faults, msgspec.json.decode((await self._http.get(f"{self._url}/faults")).content))

    async def follow_clock(self) -> None:
        """Follow every move, for ever; comes back after each break of the connection."""
        await follow_clock(self._clock, self._http, self._url, self._name)

    async def follow_faults(self) -> None:
        """Follow every change of the faults in force, for ever, and say which was taken over."""
        await follow_faults(self.faults, self._http, self._url, self._name)

    async def tell_all(self) -> None:
        """Wait, for at most a second, until the journal has everything."""
        with anyio.move_on_after(1.0):
            await self.journal.drained()

    async def close(self) -> None:
        await self._http.aclose()


async def die_with(parent: int) -> None:
    """End this process at once when `parent`, the reading end of a pipe, reads its end: nobody owns us."""
    os.set_blocking(parent, False)
    while True:
        await anyio.wait_readable(parent)
        with suppress(BlockingIOError):
            if not os.read(parent, 4096):
                os._exit(1)
