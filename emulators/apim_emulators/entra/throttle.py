"""Throttling: too many requests of a tenant, and the client that asks for the same token over and over.

Both are off unless the settings say otherwise. The front door's 429 is plain text, not JSON
(AzureAD/microsoft-authentication-library-for-dotnet#2855); the loop answer is AADSTS50196.
"""

from collections.abc import Callable
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import PlainTextResponse, Response

from apim_emulators.core.faults import Asks, LoopDetection, TooManyRequests
from apim_emulators.core.provenance import HEADER
from apim_emulators.entra import behaviours
from apim_emulators.entra.errors import Cause
from apim_emulators.entra.forms import TokenRequest
from apim_emulators.entra.settings import Settings
from apim_emulators.entra.state import Directory

MAX_TRACKED = 10_000  # counters; when there are more, all start again


class Throttled(Struct, frozen=True):
    """A client that is put off; `retry_after` is the seconds of the header, None without one."""

    cause: Cause
    retry_after: int | None


class Throttle:
    """Counts requests in the directory's volatile memory."""

    def __init__(self, directory: Directory, faults: Asks) -> None:
        self._directory = directory
        self._faults = faults

    def refuses(
        self, request: TokenRequest, now: float, tenants: Callable[[], tuple[str, ...]]
    ) -> Response | Throttled | None:
        """The front door's answer, or Entra's cause, when there were too many requests."""
        return self._too_many(request, now, tenants) or self._loop(request, now, tenants)

    def _too_many(
        self, request: TokenRequest, now: float, tenants: Callable[[], tuple[str, ...]]
    ) -> Response | Throttled | None:
        key, settings = f"tenant/{request.tenant}", self._directory.settings
        within = self._count(key, now, settings.rate_window) if settings.rate_limit else 0
        fault = self._faults.ask(
            TooManyRequests,
            tenants=tenants,
            when=lambda one: self._count(f"fault/{key}", now, one.window) > one.limit,
        )
        if fault is not None:
            settings = replace(settings, rate_answer=fault.form, retry_after=fault.retry_after)
        elif within <= settings.rate_limit:
            return None
        return _put_off(settings)

    def _loop(
        self, request: TokenRequest, now: float, tenants: Callable[[], tuple[str, ...]]
    ) -> Throttled | None:
        settings = self._directory.settings
        key = _same_request(request)
        fault = self._faults.ask(
            LoopDetection,
            tenants=tenants,
            when=lambda one: self._count(f"fault/loop/{key()}", now, one.window) > one.limit,
        )
        loops = settings.loop_limit and (
            self._count(f"loop/{key()}", now, settings.loop_window) > settings.loop_limit
        )
        return Throttled(Cause("client-loop", 50196), None) if fault is not None or loops else None

    def _count(self, key: str, now: float, window: float) -> int:
        calls = self._directory.volatile.calls
        if len(calls) > MAX_TRACKED:
            calls.clear()
        recent = [moment for moment in calls.get(key, ()) if moment > now - window]
        recent.append(now)
        calls[key] = recent
        return len(recent)


def _same_request(request: TokenRequest) -> Callable[[], str]:
    """What identifies a request: a digest, since its credential is part of it."""

    def digest() -> str:
        text = "\n".join(
            (request.tenant, *(f"{name}={value}" for name, value in sorted(request.form.items())))
        )
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    return digest


def _put_off(settings: Settings) -> Response | Throttled:
    if settings.rate_answer == "json":
        return Throttled(Cause("tenant-throttled", 90055), settings.retry_after)
    headers = {HEADER: behaviours.RATE_LIMIT.header}
    if settings.retry_after is not None:
        headers["retry-after"] = str(settings.retry_after)
    return PlainTextResponse("Too Many Requests", 429, headers)
