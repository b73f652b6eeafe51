"""Reading the annotations of a pod and of its service account (pure).

Names follow `pkg/webhook/webhook.go`. Values are strings: whether they are is decided at decoding.
"""

import re
from collections.abc import Mapping
from typing import Any

from apim_emulators.webhook.model import (
    CLIENT_ID,
    EXPIRATION,
    INJECT_PROXY,
    PROXY_PORT,
    SKIP_CONTAINERS,
    TENANT_ID,
    CustomTokenEndpoint,
    Denial,
)

DEFAULT_EXPIRATION = 3600
MIN_EXPIRATION = 3600
MAX_EXPIRATION = 86400
DEFAULT_PROXY_PORT = 8000

_DECIMAL = re.compile(r"[+-]?[0-9]+")


class ParseIntError(ValueError):
    """A number that Go's `strconv.ParseInt` does not take, in its words."""


def parse_int(text: str, bits: int) -> int:
    """`strconv.ParseInt(text, 10, bits)`. Raises `ParseIntError`."""
    if not _DECIMAL.fullmatch(text):
        raise ParseIntError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    # Python refuses to read numbers of thousands of digits; 20 significant ones decide the range.
    sign, digits = text.startswith("-"), text.lstrip("+-").lstrip("0") or "0"
    value = int(digits[:20]) if len(digits) <= 20 else 2**64
    value = -value if sign else value
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ParseIntError(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return value


def quote(text: str) -> str:
    """Go's `strconv.Quote`."""
    escapes = {
        '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
        "\t": "\\t", "\v": "\\v",
    }  # fmt: skip

    def escape(character: str) -> str:
        if character in escapes:
            return escapes[character]
        if character.isprintable():
            return character
        code = ord(character)
        if code < 0x20 or code == 0x7F:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return f'"{"".join(map(escape, text))}"'


def annotations(thing: Mapping[str, Any]) -> Mapping[str, str]:
    """`metadata.annotations`; empty when there are none."""
    found = (thing.get("metadata") or {}).get("annotations") or {}
    return {key: "" if value is None else value for key, value in found.items()}


def token_expiration(pod: Mapping[str, str], account: Mapping[str, str]) -> int | Denial:
    """Seconds: the pod's annotation unless empty, else the account's unless empty, else an hour."""
    text = pod.get(EXPIRATION) or account.get(EXPIRATION) or ""
    try:
        seconds = parse_int(text, 64) if text else DEFAULT_EXPIRATION
    except ParseIntError as error:
        return Denial(str(error))
    if not MIN_EXPIRATION <= seconds <= MAX_EXPIRATION:
        return Denial(
            f"token expiration {seconds} not valid. Expected value to be between "
            f"{MIN_EXPIRATION} and {MAX_EXPIRATION}"
        )
    return seconds


def client_id(account: Mapping[str, str]) -> str:
    """Empty when the account names none: the variable is then not injected."""
    return account.get(CLIENT_ID, "")


def tenant_id(account: Mapping[str, str], of_cluster: str) -> str:
    """The account's, even when empty, else the cluster's."""
    return account.get(TENANT_ID, of_cluster)


def skip_containers(pod: Mapping[str, str]) -> frozenset[str] | None:
    """Container names, separated by `;` and trimmed; None without the annotation or its value."""
    text = pod.get(SKIP_CONTAINERS, "")
    return frozenset(name.strip() for name in text.split(";")) if text else None


def wants_proxy(pod: Mapping[str, str]) -> bool:
    """The key's presence decides, not its value."""
    return INJECT_PROXY in pod


def proxy_port(pod: Mapping[str, str]) -> int | Denial:
    """Any 32-bit number: whether it is a port is left to the API server's validation."""
    text = pod.get(PROXY_PORT)
    if text is None:
        return DEFAULT_PROXY_PORT
    try:
        return parse_int(text, 32)
    except ParseIntError as error:
        return Denial(f"failed to parse proxy sidecar port: {error}")


def uses_custom_endpoint(pod: Mapping[str, str], custom: CustomTokenEndpoint | None) -> bool:
    """Whether the pod opted in to the custom token endpoint, in any case of letters."""
    return custom is not None and pod.get(custom.annotation, "").casefold() == "true"
