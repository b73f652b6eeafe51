"""What Event Grid is told about gateway tokens: near their end once, and past it once."""

from apim_emulators.apim.gateway_tokens import GatewayToken
from apim_emulators.apim.model import Gateway
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.events import EventGridPublished
from apim_emulators.core.journal import Journal

NEAR_EXPIRY = "Microsoft.ApiManagement.GatewayTokenNearExpiry"
EXPIRED = "Microsoft.ApiManagement.GatewayTokenExpired"
_MAX_REMEMBERED = 10_000


class TokenEvents:
    """Told of each good signature; appends an event when a token has come near its end, or past it.

    Azure finds out by itself; here a token must be used, which a gateway does every 10 seconds.
    """

    def __init__(self, journal: Journal, near: float) -> None:
        self._journal = journal
        self._near = near
        self._told: set[tuple[str, str, str]] = set()

    def used(self, gateway: Gateway, token: GatewayToken, instance: str, now: float) -> None:
        """`instance` is the id of the gateway's instance, empty where none is known."""
        if now < token.expires_at - self._near:
            return
        kind = EXPIRED if now >= token.expires_at else NEAR_EXPIRY
        key = (gateway.id.lower(), token.expiry, kind)
        if key in self._told:
            return
        if len(self._told) >= _MAX_REMEMBERED:
            self._told.clear()
        self._told.add(key)
        when = "expiredAtUtc" if kind == EXPIRED else "expiresAtUtc"
        data = {
            "gateway": {"gatewayId": gateway.id, "instanceId": instance},
            "token": {when: rfc3339(token.expires_at)},
        }
        self._journal.append(EventGridPublished(kind, gateway.id, data))
