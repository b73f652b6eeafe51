"""Where access tokens come from: azure-identity live, a small HTTP form post in virtual runs.

azure-identity reads real time, caches and retries by itself. So each renewal gets a fresh credential
with its retries off, and everything about time is taken from the gateway's clock: what `expires_in`
says counts from the moment of asking.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import anyio.to_thread
import httpx
import msgspec
from msgspec import Struct

from apim_emulators.core import jose
from apim_emulators.core.clock import Clock
from apim_emulators.core.ids import Ids
from apim_emulators.core.vocabulary import JWT_BEARER
from apim_sandbox.gateway.certificate_assertion import certificate_assertion
from apim_sandbox.gateway.settings import EntraApp, WorkloadIdentity

if TYPE_CHECKING:
    from azure.identity import ClientAssertionCredential, ClientSecretCredential

EntraSignIn = WorkloadIdentity | EntraApp
ReadFile = Callable[[str], str]

_UNCONFIGURED = (
    "WorkloadIdentityCredential authentication unavailable. The workload options are not fully "
    "configured. See the troubleshooting guide for more information: "
    "https://aka.ms/azsdk/python/identity/workloadidentitycredential/troubleshoot"
)


class AccessToken(Struct, frozen=True):
    """`expires_at` in epoch seconds of the gateway's clock; `uti`, `assertion_jti` empty when not known."""

    token: str
    expires_at: float
    uti: str = ""
    assertion_jti: str = ""


class TokenError(Exception):
    """No token could be had; the message is what azure-identity says, AADSTS text included."""

    def __init__(self, message: str, assertion_jti: str = "") -> None:
        super().__init__(message)
        self.assertion_jti = assertion_jti


class TokenSource(Protocol):
    """Asks Entra once for each call: no cache, no retry."""

    @property
    def authority(self) -> str: ...

    @property
    def client_id(self) -> str: ...

    async def get_token(self) -> AccessToken:
        """A new token. Raises `TokenError`."""
        ...


def read_text_file(path: str) -> str:
    """The file as it stands now, a trailing line break included, as azure-identity reads it."""
    return Path(path).read_text(encoding="utf-8")


def authority_url(authority: str) -> str:
    """azure-identity's rule: https only, a bare host gets it. Raises `ValueError` with its text."""
    scheme = httpx.URL(authority).scheme if "://" in authority else authority.partition(":")[0]
    if "://" not in authority and ":" not in authority:
        return "https://" + authority.rstrip(" /")
    if scheme != "https":
        raise ValueError(
            f"'{authority}' is an invalid authority. The value must be a TLS protected (https) URL."
        )
    return authority.rstrip(" /")


class HttpTokenSource(Struct):
    """The same request as azure-identity's, over an injected client: for virtual runs."""

    sign_in: EntraSignIn
    audience: str
    http: httpx.AsyncClient
    clock: Clock
    ids: Ids
    timeout: float = 100.0
    read_file: ReadFile = read_text_file

    @property
    def authority(self) -> str:
        return self.sign_in.authority

    @property
    def client_id(self) -> str:
        return self.sign_in.client_id

    async def get_token(self) -> AccessToken:
        jti = ""
        try:
            url = f"{authority_url(self.sign_in.authority)}/{self.sign_in.tenant_id}/oauth2/v2.0/token"
            form = self._form(url)
            jti = _member(form.get("client_assertion", ""), "jti")
            asked = self.clock.now()
            answer = await self.http.post(url, data=form, timeout=self.timeout)
        except (ValueError, OSError) as error:
            raise TokenError(str(error), jti) from None
        except httpx.HTTPError as error:
            raise TokenError(str(error) or type(error).__name__, jti) from None
        by_msal = isinstance(self.sign_in, EntraApp) and bool(self.sign_in.client_secret)
        return read_answer(answer.content, asked, jti, by_msal=by_msal)

    def _form(self, token_url: str) -> dict[str, str]:
        proof = credential_form(self.sign_in, token_url, self.clock, self.ids, self.read_file)
        return {
            **proof,
            "client_id": self.sign_in.client_id,
            "grant_type": "client_credentials",
            "scope": f"{self.audience}/.default",
        }


def credential_form(
    sign_in: EntraSignIn, token_url: str, clock: Clock, ids: Ids, read_file: ReadFile
) -> dict[str, str]:
    """The form fields that prove who the client is. Raises `ValueError` or `OSError`."""
    if isinstance(sign_in, WorkloadIdentity):
        missing = [
            repr(name)
            for name, value in (
                ("tenant_id", sign_in.tenant_id),
                ("client_id", sign_in.client_id),
                ("token_file_path", sign_in.token_file),
            )
            if not value
        ]
        if missing:
            raise ValueError(f"{_UNCONFIGURED}. Missing required arguments: {', '.join(missing)}.")
        return {"client_assertion": read_file(sign_in.token_file), "client_assertion_type": JWT_BEARER}
    if sign_in.client_secret:
        return {"client_secret": sign_in.client_secret}
    pem = read_file(sign_in.certificate_path)
    assertion = certificate_assertion(pem, sign_in.client_id, token_url, clock.now(), ids.uuid())
    return {"client_assertion": assertion, "client_assertion_type": JWT_BEARER}


def read_answer(content: bytes, asked: float, assertion_jti: str, *, by_msal: bool = False) -> AccessToken:
    """Entra's answer as a token, by azure-identity's rules and in its words. Raises `TokenError`.

    Where azure-identity leaves the exchange to MSAL (`by_msal`: secrets), a refusal reads otherwise.
    """
    if not content:
        raise TokenError("No response content from Microsoft Entra ID", assertion_jti)
    try:
        answer: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise TokenError(
            f"JSON is invalid: {error}\nContent: {content[:200].decode(errors='replace')}", assertion_jti
        ) from None
    if "error" in answer:
        if by_msal:
            text = f"Authentication failed: {answer.get('error_description') or answer['error']}"
        elif "error_description" in answer:
            text = f"Microsoft Entra ID error '({answer['error']}) {answer['error_description']}'"
        else:
            text = f"Microsoft Entra ID error '{answer}'"
        raise TokenError(text, assertion_jti)
    try:
        token, seconds = str(answer["access_token"]), float(answer["expires_in"])
    except (KeyError, TypeError, ValueError):
        shown = {**answer, **{secret: "***" for secret in ("access_token",) if secret in answer}}
        raise TokenError(f"Unexpected response from Microsoft Entra ID: {shown}", assertion_jti) from None
    return AccessToken(token, asked + seconds, _member(token, "uti"), assertion_jti)


class AzureIdentityTokenSource(Struct):
    """A fresh azure-identity credential for each renewal, in a thread: for live runs only."""

    sign_in: EntraSignIn
    audience: str
    clock: Clock
    ids: Ids
    timeout: float = 100.0
    transport: Any = None  # an azure-core transport, for tests

    @property
    def authority(self) -> str:
        return self.sign_in.authority

    @property
    def client_id(self) -> str:
        return self.sign_in.client_id

    async def get_token(self) -> AccessToken:
        return await anyio.to_thread.run_sync(self._ask, abandon_on_cancel=True)

    def _ask(self) -> AccessToken:
        from azure.core.exceptions import AzureError  # costs 200 ms: only when a token is needed

        wire = _Observed()
        options: dict[str, Any] = {
            "authority": self.sign_in.authority,
            "retry_total": 0,
            "raw_request_hook": wire.request,
            "raw_response_hook": wire.response,
            "connection_timeout": self.timeout,
            "read_timeout": self.timeout,
            **({"transport": self.transport} if self.transport else {}),
            **_trust(os.environ),
        }
        asked = self.clock.now()
        try:
            with closing(self._credential(options)) as credential:
                token = credential.get_token(f"{self.audience}/.default")
        except AzureError as error:
            failure = error.message or "authentication failed"
        except (ValueError, OSError) as error:
            failure = str(error)
        else:
            uti = _member(token.token, "uti")
            return AccessToken(token.token, asked + wire.expires_in, uti, wire.assertion_jti)
        # Raised out here, because azure-core's error would keep its response and with it the connection.
        raise TokenError(failure, wire.assertion_jti)

    def _credential(self, options: Mapping[str, Any]) -> "ClientAssertionCredential | ClientSecretCredential":
        from azure.identity import (
            ClientAssertionCredential,
            ClientSecretCredential,
            WorkloadIdentityCredential,
        )

        sign_in = self.sign_in
        if isinstance(sign_in, WorkloadIdentity):
            return WorkloadIdentityCredential(
                tenant_id=sign_in.tenant_id,
                client_id=sign_in.client_id,
                token_file_path=sign_in.token_file,
                **options,
            )
        if sign_in.client_secret:
            # The authority was configured by hand: MSAL need not ask Microsoft's host whether it is one.
            return ClientSecretCredential(
                sign_in.tenant_id,
                sign_in.client_id,
                sign_in.client_secret,
                disable_instance_discovery=True,
                **options,
            )

        # CertificateCredential dates its assertion by real time, which an advanced sandbox has left behind.
        def assertion() -> str:
            url = f"{authority_url(sign_in.authority)}/{sign_in.tenant_id}/oauth2/v2.0/token"
            pem = read_text_file(sign_in.certificate_path)
            return certificate_assertion(pem, sign_in.client_id, url, self.clock.now(), self.ids.uuid())

        return ClientAssertionCredential(sign_in.tenant_id, sign_in.client_id, assertion, **options)


class _Observed:
    """What passed through azure-identity's pipeline: the assertion that travelled, the life it got."""

    def __init__(self) -> None:
        self.assertion_jti = ""
        self.expires_in = 0.0

    def request(self, request: Any) -> None:
        body = request.http_request.body
        if isinstance(body, dict):
            self.assertion_jti = _member(str(body.get("client_assertion", "")), "jti")

    def response(self, response: Any) -> None:
        try:
            answer = msgspec.json.decode(response.http_response.body(), type=dict[str, Any])
            self.expires_in = float(answer["expires_in"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            return  # a discovery document, or an error that the credential itself will tell


def _trust(env: Mapping[str, str]) -> dict[str, str]:
    """requests reads REQUESTS_CA_BUNDLE alone; a pod that sets only OpenSSL's name means the same."""
    if "REQUESTS_CA_BUNDLE" in env or "CURL_CA_BUNDLE" in env or "SSL_CERT_FILE" not in env:
        return {}
    return {"connection_verify": env["SSL_CERT_FILE"]}


def _member(compact: str, name: str) -> str:
    """A string claim of a JWT that nobody verified; empty where there is none."""
    try:
        value = jose.parse(compact.strip()).claims.get(name, "")
    except jose.JoseError:
        return ""
    return value if isinstance(value, str) else ""
