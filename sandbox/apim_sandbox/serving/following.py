"""How a process apart from the control service keeps up with its clock and its faults."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any

import anyio
import httpx
import msgspec

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import FaultError, Faults, read_planned

RETRY = 0.2  # seconds
_BROKEN = (httpx.HTTPError, msgspec.MsgspecError, KeyError, TypeError, ValueError)


async def follow_clock(clock: MasterClock, http: httpx.AsyncClient, control: str) -> None:
    """Keep `clock` at what the control service says, for ever; a lost connection is made again."""
    while True:
        with suppress(*_BROKEN):
            async with aclosing(_events(http, f"{control}/clock/stream", {})) as events:
                async for shown in events:
                    clock.take(shown)
        await anyio.sleep(RETRY)


async def follow_faults(faults: Faults, http: httpx.AsyncClient, control: str, process: str) -> None:
    """Keep `faults` at what the control service plans, for ever, and tell it so under a name of ours."""
    name = f"{process}-{os.getpid()}"
    while True:
        with suppress(*_BROKEN):
            stream = _events(http, f"{control}/faults/stream", {"process": name})
            async with aclosing(stream) as events:
                async for shown in events:
                    with suppress(FaultError):
                        faults.follow([read_planned(one) for one in shown["faults"]])
                    seen = {"process": name, "version": shown["version"]}
                    await http.post(f"{control}/faults/seen", json=seen)
        await anyio.sleep(RETRY)


async def _events(
    http: httpx.AsyncClient, url: str, params: Mapping[str, str]
) -> AsyncGenerator[Mapping[str, Any], None]:
    async with http.stream("GET", url, params=params, timeout=httpx.Timeout(10, read=None)) as answer:
        answer.raise_for_status()
        async for row in answer.aiter_lines():
            if row.startswith("data: "):
                yield msgspec.json.decode(row.removeprefix("data: "))
