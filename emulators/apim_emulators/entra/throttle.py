"""Throttling: too many requests of a tenant, and the client that asks for the same token over and over.

Both are off unless the settings say otherwise. The front door's 429 is plain text, not JSON
(AzureAD/microsoft-authentication-library-for-dotnet#2855); the loop answer is AADSTS50196.
"""

from hashlib import sha256

from starlette.responses import PlainTextResponse, Response

from apim_emulators.core.provenance import HEADER
from apim_emulators.entra import behaviours
from apim_emulators.entra.errors import Cause
from apim_emulators.entra.forms import TokenRequest
from apim_emulators.entra.state import Directory

MAX_TRACKED = 10_000  # counters; when there are more, all start again


class Throttle:
    """Counts requests in the directory's volatile memory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def refuses(self, request: TokenRequest, now: float) -> Response | Cause | None:
        """The front door's answer, or the loop's cause, when there were too many requests."""
        settings = self._directory.settings
        if (
            settings.rate_limit
            and self._count(f"tenant/{request.tenant}", now, settings.rate_window) > settings.rate_limit
        ):
            if settings.rate_answer == "json":
                return Cause("tenant-throttled", 90055)
            headers = {HEADER: behaviours.RATE_LIMIT.header}
            if settings.retry_after is not None:
                headers["retry-after"] = str(settings.retry_after)
            return PlainTextResponse("Too Many Requests", 429, headers)
        if settings.loop_limit:
            # A digest: what identifies a request holds its credential.
            text = "\n".join(
                (request.tenant, *(f"{name}={value}" for name, value in sorted(request.form.items())))
            )
            key = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            if self._count(f"loop/{key}", now, settings.loop_window) > settings.loop_limit:
                return Cause("client-loop", 50196)
        return None

    def _count(self, key: str, now: float, window: float) -> int:
        calls = self._directory.volatile.calls
        if len(calls) > MAX_TRACKED:
            calls.clear()
        recent = [moment for moment in calls.get(key, ()) if moment > now - window]
        recent.append(now)
        calls[key] = recent
        return len(recent)
