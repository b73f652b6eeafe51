"""A token request as it came: the form, Basic credentials, ids. Pure; nothing is looked up yet."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import unquote_plus

from msgspec import Struct, field

from apim_emulators.core.vocabulary import LOGIN_HOST
from apim_emulators.entra.model import GUID

MAX_FORM = 256 * 1024  # bytes
MAX_FIELDS = 64
_FORM_TYPE = "application/x-www-form-urlencoded"
_HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


class TokenRequest(Struct, frozen=True):
    """What a client sent to a token endpoint.

    `tenant` is the path's segment as it came; `version` the endpoint's (1 takes `resource`, 2 `scope`).
    `duplicated` names the first form field that came twice; `malformed` says that there is no reading
    the request. `correlation_id` is empty unless the client sent a GUID. `query_length` in characters.
    """

    method: str
    tenant: str
    version: Literal[1, 2]
    host: str
    form: Mapping[str, str] = field(default_factory=dict)
    client_id: str = ""
    secret: str = ""
    duplicated: str = ""
    malformed: bool = False
    correlation_id: str = ""
    return_correlation_id: bool = False
    query_length: int = 0

    @property
    def assertion(self) -> str:
        return self.form.get("client_assertion", "")

    @property
    def scope(self) -> str:
        """What the token is wanted for: `scope`, or `resource` at the v1 endpoint."""
        return self.form.get("scope" if self.version == 2 else "resource", "")


def read_request(
    *,
    method: str,
    tenant: str,
    version: Literal[1, 2],
    headers: Mapping[str, str],
    query: Mapping[str, str],
    body: bytes | None,
    query_length: int = 0,
) -> TokenRequest:
    """The request out of its parts; `body` None means longer than we read. Never raises."""
    form: dict[str, str] = {}
    duplicated = ""
    malformed = body is None
    # Another content type is no form: then every parameter is missing, as Entra says for JSON bodies.
    if body and headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM_TYPE:
        try:
            for name, value in _fields(body):
                if name in form and not duplicated:
                    duplicated = name
                form[name] = value
        except ValueError:
            malformed = True
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    authorization = headers.get("authorization", "")
    if authorization[:6].lower() == "basic ":
        basic = _basic(authorization[6:].strip())
        if basic is None or (client_id and basic[0] != client_id):
            malformed = True
        else:
            client_id, secret = basic[0], basic[1] or secret
    correlation_id = (
        headers.get("client-request-id")
        or query.get("client-request-id")
        or form.get("client-request-id", "")
    )
    return TokenRequest(
        method,
        tenant,
        version,
        host_of(headers),
        form,
        client_id,
        secret,
        duplicated,
        malformed,
        correlation_id if GUID.fullmatch(correlation_id) else "",
        headers.get("return-client-request-id", "").lower() == "true",
        query_length,
    )


def host_of(headers: Mapping[str, str]) -> str:
    """The host under which the client knows us: what metadata must repeat."""
    host = headers.get("host", "")
    return host if _HOST.fullmatch(host) else LOGIN_HOST


def _fields(body: bytes) -> Iterator[tuple[str, str]]:
    """What `urllib.parse.parse_qsl` gives, in a quarter of its time. Raises `ValueError` for too many."""
    fields = body.decode("utf-8", "replace").split("&", MAX_FIELDS)
    if len(fields) > MAX_FIELDS:
        raise ValueError(f"more than {MAX_FIELDS} fields")
    for each in fields:
        name, _, value = each.partition("=")
        if value:  # an empty parameter counts as absent (RFC 6749 3.2)
            yield _unquoted(name), _unquoted(value)


def _unquoted(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def _basic(encoded: str) -> tuple[str, str] | None:
    """User and password of RFC 6749 2.3.1, both form-encoded."""
    try:
        user, colon, password = b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (Base64Error, ValueError):
        return None
    return (unquote_plus(user), unquote_plus(password)) if colon else None
