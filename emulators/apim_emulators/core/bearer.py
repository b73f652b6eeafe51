"""An Entra access token, checked the way a resource checks it: ARM and the configuration API share this.

Cheap questions first, the keys last: form, audience, issuer, time, key, signature. Keys come from
Entra's JWKS by `kid` and are fetched again when a token names one that is not there. Tokens found
good are remembered, since thousands of gateways present theirs every 10 s.
"""

import re
from collections.abc import Callable, Collection
from typing import Literal

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from msgspec import Struct

from apim_emulators.core.clock import Clock, rfc3339
from apim_emulators.core.events import Token
from apim_emulators.core.jose import JoseError, Jws, parse, public_key, verify
from apim_emulators.core.vocabulary import LOGIN_HOST

TokenCause = Literal[
    "token-missing", "token-malformed", "token-audience", "token-issuer", "token-expired",
    "token-not-yet-valid", "token-key", "token-signature", "entra-unreachable",
]  # fmt: skip

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MAX_JWKS = 1024 * 1024  # bytes


class Caller(Struct, frozen=True):
    """Who a good token speaks for. `object_id` is the service principal's (claim `oid`)."""

    object_id: str
    tenant_id: str
    app_id: str
    name: str
    uti: str
    not_before: float
    expires_at: float
    token: Token


class Refusal(Struct, frozen=True):
    """Why a token is not taken. `token` is absent where it could not be read."""

    cause: TokenCause
    expected: str = ""
    presented: str = ""
    token: Token | None = None


class AccessTokens:
    """Checks bearer tokens for one resource. `leeway` is the tolerated clock difference in seconds."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        clock: Clock,
        *,
        audiences: Collection[str],
        leeway: float = 300.0,
        kept: int = 20_000,
    ) -> None:
        self._http = http
        self._clock = clock
        self._audiences = tuple(audiences)
        self._leeway = leeway
        self._kept = kept
        self._keys: dict[str, dict[str, RSAPublicKey]] = {}
        self._good: dict[str, Caller] = {}

    async def check(
        self, authorization: str | None, *, trusts: Callable[[str], bool] = lambda _: True
    ) -> Caller | Refusal:
        """The caller behind an `Authorization` header; `trusts` says which tenants' tokens are taken."""
        scheme, _, compact = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not compact.strip():
            return Refusal("token-missing")
        compact = compact.strip()
        known = self._good.get(compact)
        if known is not None:
            return self._in_time(known) or (
                known if trusts(known.tenant_id) else _issuer_refused(known.token, known.tenant_id)
            )
        try:
            jws = parse(compact)
        except JoseError as error:
            return Refusal("token-malformed", presented=str(error))
        caller = self._read(jws)
        if isinstance(caller, Refusal):
            return caller
        if not trusts(caller.tenant_id):
            return _issuer_refused(caller.token, caller.tenant_id)
        refusal = self._in_time(caller) or await self._signed(jws, caller)
        if refusal is not None:
            return refusal
        if len(self._good) >= self._kept:
            self._good.pop(next(iter(self._good)))
        self._good[compact] = caller
        return caller

    def _read(self, jws: Jws) -> Caller | Refusal:
        """What can be said without time and keys."""
        claims, shown = jws.claims, jws.shown()
        texts = {name: claims.get(name) for name in ("aud", "iss", "tid", "oid")}
        for name, value in texts.items():
            if not isinstance(value, str):
                return Refusal("token-malformed", f"claim {name}", repr(value), shown)
        for name in ("nbf", "exp"):
            if _number(claims.get(name)) is None:
                return Refusal("token-malformed", f"claim {name}", repr(claims.get(name)), shown)
        if texts["aud"] not in self._audiences:
            return Refusal("token-audience", " or ".join(self._audiences), str(texts["aud"]), shown)
        tenant = str(texts["tid"])
        issuers = (f"https://sts.windows.net/{tenant}/", f"https://{LOGIN_HOST}/{tenant}/v2.0")
        if not _GUID.fullmatch(tenant) or texts["iss"] not in issuers:
            return Refusal("token-issuer", " or ".join(issuers), str(texts["iss"]), shown)
        return Caller(
            object_id=str(texts["oid"]),
            tenant_id=tenant,
            app_id=str(claims.get("appid") or claims.get("azp") or ""),
            name=str(claims.get("app_displayname") or claims.get("name") or ""),
            uti=str(claims.get("uti") or ""),
            not_before=float(claims["nbf"]),
            expires_at=float(claims["exp"]),
            token=shown,
        )

    def _in_time(self, caller: Caller) -> Refusal | None:
        now = self._clock.now()
        if now >= caller.expires_at + self._leeway:
            return Refusal(
                "token-expired", f"used before {_moment(caller.expires_at)}", _moment(now), caller.token
            )
        if now < caller.not_before - self._leeway:
            return Refusal(
                "token-not-yet-valid", f"used after {_moment(caller.not_before)}", _moment(now), caller.token
            )
        return None

    async def _signed(self, jws: Jws, caller: Caller) -> Refusal | None:
        kid, algorithm = str(jws.header.get("kid")), jws.header.get("alg")
        if algorithm != "RS256":
            return Refusal("token-signature", "RS256", str(algorithm), caller.token)
        keys = self._keys.get(caller.tenant_id, {})
        if kid not in keys:
            fetched = await self._fetch(caller.tenant_id)
            if fetched is None:
                return Refusal("entra-unreachable", token=caller.token)
            keys = self._keys[caller.tenant_id] = fetched
        key = keys.get(kid)
        if key is None:
            return Refusal("token-key", ", ".join(keys), kid, caller.token)
        if not verify(jws, key, "RS256"):
            return Refusal("token-signature", token=caller.token)
        return None

    async def _fetch(self, tenant: str) -> dict[str, RSAPublicKey] | None:
        """The tenant's signing keys; none for a tenant that Entra does not know, None in an outage."""
        try:
            answer = await self._http.get(f"https://{LOGIN_HOST}/{tenant}/discovery/v2.0/keys")
        except httpx.HTTPError:
            return None
        if 400 <= answer.status_code < 500 and answer.status_code != 429:
            return {}
        if answer.status_code != 200 or len(answer.content) > _MAX_JWKS:
            return None
        try:
            document = answer.json()
            jwks = document["keys"]
        except (ValueError, KeyError, TypeError):
            return None
        keys: dict[str, RSAPublicKey] = {}
        for jwk in jwks if isinstance(jwks, list) else ():
            try:
                keys[str(jwk["kid"])] = public_key(jwk)
            except (JoseError, KeyError, TypeError, AttributeError):
                continue
        return keys


def _number(value: object) -> float | None:
    """A NumericDate that can be compared: JSON as Python reads it also has NaN and 400-digit integers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return float(value)


def _moment(moment: float) -> str:
    """`moment` for people; claims may hold numbers that no calendar has."""
    try:
        return rfc3339(moment)
    except (ValueError, OverflowError, OSError):
        return f"{moment:g}"


def _issuer_refused(token: Token, tenant: str) -> Refusal:
    return Refusal("token-issuer", "a tenant that this resource trusts", tenant, token)
