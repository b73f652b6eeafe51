"""What of an object may be shown: a Secret's certificates, of all else in it only how long it is. Pure."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

CERTIFICATE = ".crt"


def public(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object without anything secret."""
    if raw.get("kind") != "Secret":
        return raw
    hidden: dict[str, dict[str, str]] = {}
    for part in ("data", "stringData"):
        values = raw.get(part)
        if isinstance(values, dict):
            hidden[part] = {
                name: str(value) if name.endswith(CERTIFICATE) else f"… {_length(part, str(value))} bytes"
                for name, value in values.items()
            }
    return {**raw, **hidden}


def _length(part: str, value: str) -> int:
    try:
        return len(base64.b64decode(value) if part == "data" else value.encode())
    except binascii.Error:
        return len(value)
