"""Fetching an external issuer's keys: discovery, then the JWKS, over https only and within limits.

How long Entra keeps keys and when it asks again is not public: settings. Only the
first 100 keys are kept (Microsoft's page on federated credentials), and one without `use: sig` was
seen to be ignored. Only issuers that a credential of the application names are ever asked.
"""

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Literal, cast
from urllib.parse import urljoin, urlsplit

import anyio
import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from apim_emulators.core.context import Context
from apim_emulators.core.events import IssuerFetched
from apim_emulators.core.faults import StaleJwks
from apim_emulators.core.jose import JoseError, public_key
from apim_emulators.entra.attempt import FetchFailure, IssuerKeys
from apim_emulators.entra.state import Directory

MAX_KEYS = 100
_DISCOVERY = "/.well-known/openid-configuration"


class _FetchError(Exception):
    def __init__(self, failure: FetchFailure, status: int | None = None) -> None:
        super().__init__(failure.detail)
        self.failure = failure
        self.status = status


class Issuers:
    """Issuers' keys, kept for as long as the settings say."""

    def __init__(self, context: Context, directory: Directory) -> None:
        self._context = context
        self._directory = directory
        self._locks: dict[str, anyio.Lock] = {}

    async def keys(self, issuer: str, kid: object) -> IssuerKeys | FetchFailure:
        """The issuer's keys, fetched when there is reason to; `kid` is the one wanted."""
        cached = self._fresh(issuer, kid)
        if cached is not None:
            return cached
        # One fetch serves all who wait for the same issuer.
        async with self._locks.setdefault(issuer, anyio.Lock()):
            cached = self._fresh(issuer, kid)
            if cached is not None:
                return cached
            try:
                keys = await self._fetch(issuer)
            except _FetchError as error:
                return error.failure
            self._directory.volatile.issuers[issuer] = keys
            return keys

    def _fresh(self, issuer: str, kid: object) -> IssuerKeys | None:
        cached = self._directory.volatile.issuers.get(issuer)
        if cached is None:
            return None
        settings = self._directory.settings
        age = self._context.clock.now() - cached.fetched_at
        if age >= settings.jwks_cache or (kid not in cached.seen and age >= settings.refetch_floor):
            return cached if self._context.faults.ask(StaleJwks) is not None else None
        return cached

    async def _fetch(self, issuer: str) -> IssuerKeys:
        document = await self._document(issuer, issuer.removesuffix("/") + _DISCOVERY, "discovery")
        if (named := document.get("issuer")) != issuer:
            detail = f"discovery names the issuer {named!r}, not {issuer!r}"
            both = (issuer, named) if isinstance(named, str) else ()
            raise _FetchError(FetchFailure("document", detail, *both))
        jwks_uri = document.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise _FetchError(FetchFailure("document", "discovery has no jwks_uri"))
        keys = await self._document(issuer, jwks_uri, "jwks")
        return read_keys(issuer, keys.get("keys"), self._context.clock.now())

    async def _document(
        self, issuer: str, url: str, document: Literal["discovery", "jwks"]
    ) -> dict[str, Any]:
        started = self._context.clock.tick()
        status: int | None = None
        error = ""
        key_ids: tuple[str, ...] = ()
        try:
            status, body = await self._get(url)
            found = _json_object(body, document)
            if document == "jwks":
                key_ids = _kids(found.get("keys"))
            return found
        except _FetchError as failure:
            status, error = failure.status if failure.status is not None else status, failure.failure.detail
            raise
        finally:
            self._context.journal.append(
                IssuerFetched(issuer, url, document, status, key_ids, error),
                duration=self._context.clock.tick() - started,
            )

    async def _get(self, url: str) -> tuple[int, bytes]:
        settings = self._directory.settings
        host = _https_host(url)
        for _ in range(settings.fetch_redirects + 1):
            if (other := _https_host(url)) != host:
                detail = f"redirected from {host} to another host, {other}"
                raise _FetchError(FetchFailure("http", detail), 302)
            try:
                with anyio.fail_after(settings.fetch_timeout):
                    status, body, location = await self._get_once(url)
            except TimeoutError:
                detail = f"no answer from {host} within {settings.fetch_timeout:g} s"
                raise _FetchError(FetchFailure("unreachable", detail)) from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason: Literal["tls", "unreachable"] = "tls" if _is_tls(error) else "unreachable"
                raise _FetchError(FetchFailure(reason, f"{host}: {error or type(error).__name__}")) from None
            if location is None:
                if status != 200:
                    raise _FetchError(FetchFailure("http", f"{url} answered {status}"), status)
                return status, body
            url = urljoin(url, location)
        raise _FetchError(FetchFailure("http", f"more than {settings.fetch_redirects} redirects"), 302)

    async def _get_once(self, url: str) -> tuple[int, bytes, str | None]:
        limit = self._directory.settings.fetch_limit
        async with self._context.http.stream(
            "GET", url, headers={"accept": "application/json"}, follow_redirects=False
        ) as answer:
            if answer.is_redirect:
                return answer.status_code, b"", answer.headers.get("location", "")
            body = bytearray()
            async with aclosing(cast("AsyncGenerator[bytes, None]", answer.aiter_bytes())) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > limit:
                        failure = FetchFailure("http", f"{url} answered more than {limit} bytes")
                        raise _FetchError(failure, answer.status_code)
            return answer.status_code, bytes(body), None


def read_keys(issuer: str, keys: object, now: float) -> IssuerKeys:
    """The key set of a JWKS document's `keys`; what is no key at all is passed over."""
    usable: dict[str, RSAPublicKey] = {}
    seen: set[str] = set()
    unfit: set[str] = set()
    for jwk in keys[:MAX_KEYS] if isinstance(keys, list) else ():
        kid = jwk.get("kid") if isinstance(jwk, Mapping) else None
        if not isinstance(kid, str) or kid in seen:
            continue
        seen.add(kid)
        if jwk.get("use") != "sig":
            continue
        try:
            usable[kid] = public_key(jwk)
        except JoseError:
            unfit.add(kid)
    return IssuerKeys(issuer, now, usable, frozenset(seen), frozenset(unfit))


def _https_host(url: str) -> str:
    """Host and port of an https URL; anything else is refused."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _FetchError(FetchFailure("http", "not a URL")) from None
    if parts.scheme != "https" or not parts.hostname:
        raise _FetchError(FetchFailure("http", f"{url} is not an https URL"))
    return parts.netloc


def _is_tls(error: BaseException) -> bool:
    """Whether TLS failed: httpx wraps OpenSSL's errors into connect errors."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen).lower()
        if isinstance(seen, ssl.SSLError) or "certificate" in text or "[ssl" in text or "tls" in text:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _json_object(body: bytes, document: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _FetchError(FetchFailure("document", f"the {document} document is no JSON object")) from None


def _kids(keys: object) -> tuple[str, ...]:
    if not isinstance(keys, list):
        return ()
    kids = (key.get("kid") for key in keys[:MAX_KEYS] if isinstance(key, Mapping))
    return tuple(kid for kid in kids if isinstance(kid, str))
