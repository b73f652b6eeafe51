"""How often federated credentials may be read and written: Microsoft's figures, by resource and above it.

Per second: writes and deletes 0.25 a resource, 2 a subscription, 10 a tenant; reads 0.5, 10 and 30
(Microsoft's page on federated credentials of managed identities). Over which time Azure counts is not
public; here it is twenty seconds.
"""

from collections.abc import Mapping

from apim_emulators.arm.errors import FEDERATED_RATE, ArmRefusedError
from apim_emulators.core.provenance import Behaviour

WINDOW = 20.0  # seconds
WRITES: Mapping[str, float] = {"resource": 0.25, "subscription": 2.0, "tenant": 10.0}
READS: Mapping[str, float] = {"resource": 0.5, "subscription": 10.0, "tenant": 30.0}
_MOST_TRACKED = 10_000  # counters; when there are more, all start again

RATES = Behaviour(
    "arm-federated-rates",
    "documented",
    "where the world says so, requests for federated credentials beyond Microsoft's rates are answered 429",
    "Microsoft's page on federated credentials of managed identities; the counting over 20 s is assumed",
    "tests/emulators/arm/test_identities.py::test_writes_faster_than_azures_rate_are_refused",
)


class Rates:
    """Counts requests over the last `WINDOW`, by what they are for."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str, str], list[float]] = {}

    def count(
        self, operation: str, places: Mapping[str, str], rates: Mapping[str, float], now: float
    ) -> None:
        """Take a request for each of `places` (by the names in `rates`); raises `ArmRefusedError` (429)."""
        if len(self._calls) > _MOST_TRACKED:
            self._calls.clear()
        recent = {}
        for level, place in places.items():
            key = (operation, level, place.lower())
            calls = recent[key] = [moment for moment in self._calls.get(key, ()) if moment > now - WINDOW]
            if len(calls) >= rates[level] * WINDOW:
                wait = max(1, round(calls[0] + WINDOW - now))
                raise ArmRefusedError(FEDERATED_RATE, {"retry-after": str(wait)}, level=level, seconds=wait)
        for key, calls in recent.items():
            self._calls[key] = [*calls, now]
