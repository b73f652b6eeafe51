"""How many requests a minute a gateway may make."""

from collections import deque

WINDOW = 60.0  # seconds


class Throttle:
    """A sliding window per key; `limit` 0 lets everything through."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[str, deque[float]] = {}

    def wait(self, key: str, now: float) -> float:
        """Count a request at `now`; the seconds until another may come where this is one too many, else 0."""
        if self._limit <= 0:
            return 0.0
        seen = self._seen.setdefault(key, deque(maxlen=self._limit))
        if len(seen) == self._limit and now - seen[0] < WINDOW:
            return WINDOW - (now - seen[0])
        seen.append(now)
        return 0.0
