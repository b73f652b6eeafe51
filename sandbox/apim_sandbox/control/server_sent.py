"""Server-sent events of something that changes: what it is now, and again after every change."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import anyio
import msgspec
from starlette.responses import StreamingResponse

Subscribe = Callable[[Callable[[], None]], None]


def server_sent(events: AsyncIterator[bytes]) -> StreamingResponse:
    """A stream that nobody keeps."""
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})


async def states(
    shown: Callable[[], Any], subscribe: Subscribe, unsubscribe: Subscribe
) -> AsyncGenerator[bytes, None]:
    """`shown()` as an event now, and after each change that a listener is told of, for ever."""
    wake, changed = anyio.create_memory_object_stream[None](1)

    def on_change() -> None:
        # A change that finds the buffer full is shown by the one that waits in it.
        if wake.statistics().current_buffer_used == 0:
            wake.send_nowait(None)

    subscribe(on_change)
    async with wake, changed:
        try:
            yield b"data: %s\n\n" % msgspec.json.encode(shown())
            async for _ in changed:
                yield b"data: %s\n\n" % msgspec.json.encode(shown())
        finally:
            unsubscribe(on_change)
