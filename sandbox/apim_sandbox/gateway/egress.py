"""The pod's way out: open, unless a fault has cut it."""

import httpx
from msgspec import Struct

from apim_emulators.core.clock import Clock
from apim_emulators.core.faults import Asks, EgressCut
from apim_sandbox.gateway.token_source import AccessToken, TokenError, TokenSource


class Egress(Struct, frozen=True):
    """Asked before each request; `timeout` in seconds is the gateway's own."""

    faults: Asks
    clock: Clock
    gateway: str
    timeout: float

    async def passed(self) -> None:
        """Return where the way is open. Raises `httpx.TransportError`, for drops after the time-out."""
        cut = self.faults.ask(EgressCut, gateway=self.gateway)
        if cut is None:
            return
        failure = cut.failure()
        if isinstance(failure, httpx.TimeoutException):
            await self.clock.sleep(self.timeout)
        raise failure


class TokensThrough(Struct, frozen=True):
    """A token source behind the pod's way out."""

    egress: Egress
    source: TokenSource

    @property
    def authority(self) -> str:
        return self.source.authority

    @property
    def client_id(self) -> str:
        return self.source.client_id

    async def get_token(self) -> AccessToken:
        try:
            await self.egress.passed()
        except httpx.TransportError as error:
            raise TokenError(str(error)) from None
        return await self.source.get_token()
