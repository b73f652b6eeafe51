"""A pod's log across container restarts."""

from collections import deque
from collections.abc import AsyncIterator

import anyio

KEPT = 20_000  # lines; the oldest go first


class LogBuffer:
    """Lines so far, and a way to wait for more."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._total = 0
        self._closed = False
        self._grown = anyio.Event()

    def add(self, line: str) -> None:
        self._lines.append(line)
        self._total += 1
        self._wake()

    def close(self) -> None:
        """No more lines will come."""
        self._closed = True
        self._wake()

    def lines(self) -> list[str]:
        return list(self._lines)

    async def follow(self) -> AsyncIterator[str]:
        """The lines so far, then new ones until the buffer is closed."""
        seen = 0
        while True:
            grown = self._grown
            while seen < self._total:
                index = max(seen - (self._total - len(self._lines)), 0)
                seen = self._total - len(self._lines) + index + 1
                yield self._lines[index]
            if self._closed:
                return
            if seen == self._total:
                await grown.wait()

    def _wake(self) -> None:
        grown, self._grown = self._grown, anyio.Event()
        grown.set()
