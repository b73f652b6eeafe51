"""What a client asks a token for, and the token's `aud` that follows. Pure."""

import re
from typing import Literal

from msgspec import Struct

SUFFIX = "/.default"
# MSAL Go and MSAL Java add these to client-credentials requests; they ask for nothing here.
RESERVED = frozenset({"openid", "offline_access", "profile", "email"})
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 3.3

Problem = Literal["", "missing", "malformed", "several", "not-default"]


class WantedScope(Struct, frozen=True):
    """`resource` without the suffix, or the `problem` that there is with `text`."""

    text: str
    resource: str = ""
    problem: Problem = ""


def parse_scope(text: str) -> WantedScope:
    """The one resource that a v2.0 `scope` names: exactly `/.default` is cut off, no more."""
    if not text.strip():
        return WantedScope(text, problem="missing")
    words = [word for word in text.split(" ") if word]
    if not all(_SCOPE_TOKEN.fullmatch(word) for word in words):
        return WantedScope(text, problem="malformed")
    asked = list(dict.fromkeys(word for word in words if word not in RESERVED))
    if not asked or not all(word.endswith(SUFFIX) for word in asked):
        return WantedScope(text, problem="not-default")
    if len(asked) > 1:
        return WantedScope(text, problem="several")
    resource = asked[0][: -len(SUFFIX)]
    return WantedScope(text, resource) if resource else WantedScope(text, problem="malformed")


def parse_resource(text: str) -> WantedScope:
    """The v1 endpoint's `resource`, as it came."""
    return WantedScope(text, text) if text.strip() else WantedScope(text, problem="missing")


def audience(resource: str, app_id: str, token_version: Literal[1, 2]) -> str:
    """`aud`: what was asked for in a v1 token, always the API's client id in a v2 token."""
    return app_id if token_version == 2 else resource
