"""Gateway tokens: pure. `{gateway id}&{yyyyMMddHHmm}&{base64 signature}`, signed with one of two keys.

The parts are documented, the signature is not: HMAC-SHA512 over the id, a newline and the expiry is
ours, after the sibling that Azure's direct management API uses.
"""

import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha512
from typing import Literal

from msgspec import Struct

from apim_emulators.apim.model import GatewayKeys

SCHEME = "GatewayKey"
LONGEST = 30 * 24 * 3600.0  # seconds (Microsoft's Gateway - Generate Token)

GatewayTokenCause = Literal[
    "gateway-token-malformed",
    "gateway-token-other-gateway",
    "gateway-token-expired",
    "gateway-token-signature",
]

_FORM = re.compile(r"(?P<id>[^&\s]{1,80})&(?P<expiry>[0-9]{12})&(?P<signature>[A-Za-z0-9+/]+={0,2})")


class GatewayToken(Struct, frozen=True):
    """A token taken apart; `expires_at` in epoch seconds. Nothing is verified yet."""

    gateway: str
    expiry: str
    signature: str
    expires_at: float


def make_token(gateway: str, expires_at: float, key: str) -> str:
    """A token for `gateway`, good until the minute of `expires_at`."""
    expiry = datetime.fromtimestamp(expires_at, UTC).strftime("%Y%m%d%H%M")
    return f"{gateway}&{expiry}&{_signature(gateway, expiry, key)}"


def parse_token(text: str) -> GatewayToken | None:
    """None for what is not a token, such as a raw key."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    try:
        expires_at = datetime.strptime(match["expiry"], "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return GatewayToken(match["id"], match["expiry"], match["signature"], expires_at)


def check_token(text: str, gateway: str, keys: GatewayKeys | None, now: float) -> GatewayTokenCause | None:
    """Why `text` does not open `gateway`'s configuration; None when it does."""
    token = parse_token(text)
    if token is None:
        return "gateway-token-malformed"
    if token.gateway.lower() != gateway.lower():
        return "gateway-token-other-gateway"
    signatures = (
        [_signature(token.gateway, token.expiry, key) for key in (keys.primary, keys.secondary)]
        if keys
        else []
    )
    # Both are compared, always: time tells nothing about which key signed.
    good = [hmac.compare_digest(token.signature, signature) for signature in signatures]
    if not any(good):
        return "gateway-token-signature"
    return "gateway-token-expired" if now >= token.expires_at else None


def _signature(gateway: str, expiry: str, key: str) -> str:
    return b64encode(hmac.new(key.encode(), f"{gateway}\n{expiry}".encode(), sha512).digest()).decode()
