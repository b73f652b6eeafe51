"""How a process apart from the control service keeps up with its clock and its faults."""

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any

import anyio
import httpx
import msgspec

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import FaultError, Faults, read_planned

RETRY = 0.2  # seconds
BROKEN = (httpx.HTTPError, msgspec.MsgspecError, KeyError, TypeError, ValueError)
Shown = Mapping[str, Any]


async def follow_clock(
    clock: MasterClock, http: httpx.AsyncClient, control: str, process: str, *, ahead: bool = False
) -> None:
    """Keep `clock` at what the control service says, for ever; a lost connection is made again.

    `ahead`: be told of a move before those who may act upon it, as an emulator must.
    """
    stream = f"{control}/clock/{'ahead' if ahead else 'stream'}"
    await _follow(http, stream, process, clock.take)


async def follow_faults(faults: Faults, http: httpx.AsyncClient, control: str, process: str) -> None:
    """Keep `faults` at what the control service plans, for ever; a lost connection is made again."""
    await _follow(http, f"{control}/faults/stream", process, lambda shown: take_plan(faults, shown["faults"]))


def take_plan(faults: Faults, shown: Any) -> None:
    """Put in force what the control service shows, unless this process's version does not know it."""
    with suppress(FaultError):
        faults.follow([read_planned(one) for one in shown])


async def _follow(http: httpx.AsyncClient, stream: str, process: str, take: Callable[[Shown], None]) -> None:
    """Take everything over, and tell so under a name of ours: the control service waits for that."""
    name = f"{process}-{os.getpid()}"
    while True:
        with suppress(*BROKEN):
            async with aclosing(_events(http, stream, name)) as events:
                async for shown in events:
                    take(shown)
                    await http.post(f"{stream}/seen", json={"process": name, "version": shown["version"]})
        await anyio.sleep(RETRY)


async def _events(http: httpx.AsyncClient, url: str, process: str) -> AsyncGenerator[Shown, None]:
    timeout = httpx.Timeout(10, read=None)
    async with http.stream("GET", url, params={"process": process}, timeout=timeout) as answer:
        answer.raise_for_status()
        async for row in answer.aiter_lines():
            if row.startswith("data: "):
                yield msgspec.json.decode(row.removeprefix("data: "))
