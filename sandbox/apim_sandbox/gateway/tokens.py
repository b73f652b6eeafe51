"""How a request to the configuration API proves who asks, and when that proof is renewed."""

from typing import Protocol

from apim_emulators.core.clock import Clock
from apim_emulators.core.events import TokenAsked
from apim_emulators.core.journal import Journal
from apim_emulators.core.provenance import Behaviour
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.gateway.settings import GatewayToken
from apim_sandbox.gateway.token_source import AccessToken, TokenError, TokenSource

RENEW_BEFORE = 300.0  # seconds before expiry, as every Azure client library does

RENEWAL = Behaviour(
    id="gateway.tokens.renewal",
    label="assumed",
    statement="an access token is renewed by the first poll within 5 minutes of its expiry; a failed early "
    "renewal keeps the old one; heartbeats never ask for a token",
    source="azure-identity's rule; the gateway's own is not public",
    witness="tests/sandbox/gateway/test_tokens.py::test_a_failed_early_renewal_keeps_the_old_token",
)
GATEWAY_TOKEN_HEADER = Behaviour(
    id="gateway.tokens.gateway-key-header",
    label="assumed",
    statement="a gateway token travels as Authorization: GatewayKey ...",
    source="the prefix of the documented setting; the header is not documented",
    witness="tests/sandbox/gateway/test_tokens.py::test_a_gateway_token_travels_as_it_stands",
)


class Authorization(Protocol):
    """What goes into the Authorization header."""

    async def header(self, *, renew: bool) -> str | None:
        """The header's value. With `renew` False nobody is asked: None where there is no valid proof.

        Raises `TokenError` when a needed token can't be had.
        """
        ...

    def refused(self) -> None:
        """The service answered 401: what was sent is no good any more."""
        ...


class EntraAuthorization:
    """A bearer token of Entra, cached and renewed on the gateway's clock."""

    def __init__(self, source: TokenSource, clock: Clock, journal: Journal, pod: PodIdentity) -> None:
        self._source = source
        self._clock = clock
        self._journal = journal
        self._pod = pod
        self._token: AccessToken | None = None

    async def header(self, *, renew: bool) -> str | None:
        token, now = self._token, self._clock.now()
        if renew and (token is None or now >= token.expires_at - RENEW_BEFORE):
            try:
                token = self._token = await self._ask()
            except TokenError:
                if token is None or now >= token.expires_at:
                    raise
        if token is None or self._clock.now() >= token.expires_at:
            return None
        return f"Bearer {token.token}"

    def refused(self) -> None:
        self._token = None

    async def _ask(self) -> AccessToken:
        started = self._clock.tick()
        try:
            token = await self._source.get_token()
        except TokenError as error:
            self._report(False, started, AccessToken("", 0.0, "", error.assertion_jti), str(error))
            raise
        self._report(True, started, token)
        return token

    def _report(self, ok: bool, started: float, token: AccessToken, error: str = "") -> None:
        event = TokenAsked(
            namespace=self._pod.namespace,
            pod=self._pod.name,
            authority=self._source.authority,
            client_id=self._source.client_id,
            assertion_jti=token.assertion_jti,
            ok=ok,
            uti=token.uti,
            expires_at=token.expires_at,
            error=error,
        )
        self._journal.append(event, duration=self._clock.tick() - started)


class GatewayKeyAuthorization:
    """A gateway token: nothing is ever renewed, which is its trouble."""

    def __init__(self, token: GatewayToken) -> None:
        self._value = token.value

    async def header(self, *, renew: bool) -> str | None:  # noqa: ARG002  there is nothing to renew
        if any(character in self._value for character in "\r\n"):
            raise TokenError("New-line characters are not allowed in header values.")
        return self._value

    def refused(self) -> None:
        """A new token needs a new pod."""
