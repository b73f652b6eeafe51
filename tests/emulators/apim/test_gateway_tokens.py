"""Gateway tokens: what opens a gateway's configuration without Entra, and what does not."""

import pytest

from apim_emulators.apim.gateway_tokens import check_token, make_token, parse_token
from apim_emulators.apim.model import GatewayKeys

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
KEYS = GatewayKeys("primary-key", "secondary-key")
GOOD = make_token("on-prem", NOW + 3600, KEYS.primary)


def test_a_token_holds_for_its_gateway_until_its_expiry() -> None:
    """With either key, in any case of the name; the expiry counts by the minute."""
    assert GOOD.startswith("on-prem&202601010100&")
    assert check_token(GOOD, "ON-PREM", KEYS, NOW + 3599) is None
    assert check_token(make_token("on-prem", NOW + 60, KEYS.secondary), "on-prem", KEYS, NOW) is None
    assert check_token(GOOD, "on-prem", KEYS, NOW + 3600) == "gateway-token-expired"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "gateway-token-malformed"),
        ("primary-key", "gateway-token-malformed"),
        (GOOD.rpartition("&")[0], "gateway-token-malformed"),
        (f"{GOOD}\n", "gateway-token-malformed"),
        (GOOD.replace("202601010100", "202613010100"), "gateway-token-malformed"),
        (GOOD.replace("202601010100", "202701010100"), "gateway-token-signature"),
        (make_token("other", NOW + 60, KEYS.primary), "gateway-token-other-gateway"),
        (make_token("on-prem", NOW + 60, "no key of it"), "gateway-token-signature"),
        (make_token("on-prem", NOW - 60, "no key of it"), "gateway-token-signature"),
    ],
)
def test_every_other_token_is_refused_for_its_reason(text: str, cause: str) -> None:
    """A raw key, a cut token, a newline after pasting, another gateway's, another key's."""
    assert check_token(text, "on-prem", KEYS, NOW) == cause


def test_a_gateway_without_keys_takes_no_token() -> None:
    """Nobody can have made one."""
    assert check_token(GOOD, "on-prem", None, NOW) == "gateway-token-signature"


def test_a_token_shows_its_parts() -> None:
    """Gateway and moment; the moment as epoch seconds."""
    token = parse_token(GOOD)
    assert token is not None
    assert (token.gateway, token.expires_at) == ("on-prem", NOW + 3600)
