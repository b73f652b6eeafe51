"""The processes that follow something of the control service, and how far each has come."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import anyio
from msgspec import Struct, field
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from apim_sandbox.control.offers import Body
from apim_sandbox.control.server_sent import server_sent

# Seconds of real time that other processes get to take a change over: what a machine with too much to do
# may need. A move of the clock waits up to three times, and whoever asked for it waits thirty seconds.
TAKEN_OVER_WITHIN = 8.0
LONGEST_NAME = 128  # characters of a process's name


class Seen(Body, frozen=True):
    """A process says which version it has taken over."""

    process: str
    version: int


class Followers(Struct):
    """`seen`: the version that each process which follows has taken over. `silent`: whom to wait for no more.

    A process that was waited for in vain, because it is stopped or cut off, is not until it speaks again.
    """

    seen: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    _moved: anyio.Event = field(default_factory=anyio.Event)

    def stream(self, process: str, events: AsyncGenerator[bytes, None]) -> StreamingResponse:
        """`events` for a process that follows; one without a name is not waited for."""
        if len(process) > LONGEST_NAME:
            raise HTTPException(422, f"process is longer than {LONGEST_NAME} characters")
        return server_sent(self._followed(process, events))

    async def _followed(self, process: str, events: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
        if process:
            self.seen[process] = 0
            self.silent.discard(process)
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self.seen.pop(process, None)
            self.silent.discard(process)
            self._look_again()

    def take_note(self, seen: Seen) -> None:
        """What a process says of itself, unless it follows no longer."""
        if seen.process in self.seen:
            self.seen[seen.process] = seen.version
            self.silent.discard(seen.process)
            self._look_again()

    async def have(self, version: int) -> None:
        """Wait until every process that follows has come to `version`, for a moment at most."""
        with anyio.move_on_after(TAKEN_OVER_WITHIN):
            while self._behind(version) - self.silent:
                await self._moved.wait()
        self.silent |= self._behind(version)

    def _behind(self, version: int) -> set[str]:
        return {process for process, seen in self.seen.items() if seen < version}

    def _look_again(self) -> None:
        moved, self._moved = self._moved, anyio.Event()
        moved.set()
