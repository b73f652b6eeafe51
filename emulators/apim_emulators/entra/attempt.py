"""Everything the checks of one token request look at, gathered beforehand, and what a check answers."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from msgspec import Struct

from apim_emulators.core.events import Rung
from apim_emulators.core.jose import Jws
from apim_emulators.entra.errors import Cause
from apim_emulators.entra.forms import TokenRequest
from apim_emulators.entra.matching import Match
from apim_emulators.entra.model import (
    Application,
    ConditionalAccessPolicy,
    FederatedIdentityCredential,
    KeyCredential,
    PasswordCredential,
    Resource,
    ServicePrincipal,
    Tenant,
)
from apim_emulators.entra.scopes import WantedScope
from apim_emulators.entra.settings import Settings

_MAX_KEPT = 300  # characters of what a client presents

Grant = Literal["federated-assertion", "certificate", "client-secret", "none"]


class IssuerKeys(Struct, frozen=True):
    """An issuer's keys as last fetched: usable ones by `kid`; `seen` are all kids, usable or not.

    `unfit` are kids of keys that are no RSA keys.
    """

    issuer: str
    fetched_at: float
    keys: Mapping[str, RSAPublicKey]
    seen: frozenset[str]
    unfit: frozenset[str] = frozenset()


class FetchFailure(Struct, frozen=True):
    """An issuer's discovery or keys could not be had.

    `reason`: no connection or no answer in time; TLS; an HTTP status, a refused redirect or size; a
    document that is none. `detail` is one sentence. Where discovery names another issuer,
    `expected` is the one that it should and `presented` the one that it does.
    """

    reason: Literal["unreachable", "tls", "http", "document"]
    detail: str
    expected: str | None = None
    presented: str | None = None


class Attempt(Struct):
    """One token request with the directory's facts about it, as of `now` (Entra's time).

    Facts that the request does not lead to stay None or empty; checks that need them are then not
    evaluable. `fetched` is filled between the two stages.
    """

    settings: Settings
    now: float
    request: TokenRequest
    grant: Grant = "none"
    tenant: Tenant | None = None
    application: Application | None = None
    principal: ServicePrincipal | None = None
    jws: Jws | None = None
    malformed: str = ""
    federated: tuple[FederatedIdentityCredential, ...] = ()
    match: Match | None = None
    secrets: tuple[PasswordCredential, ...] = ()
    secret_matches: PasswordCredential | None = None
    certificates: tuple[KeyCredential, ...] = ()
    certificate: KeyCredential | None = None
    certificate_key: RSAPublicKey | None = None
    replayed: bool = False
    assertion_principal: ServicePrincipal | None = None
    assertion_grant: str = ""
    fetched: IssuerKeys | FetchFailure | None = None
    wanted: WantedScope | None = None
    resource: Resource | None = None
    policy: ConditionalAccessPolicy | None = None

    @property
    def app_name(self) -> str:
        if self.application is not None:
            return self.application.display_name
        return self.principal.display_name if self.principal is not None else ""

    @property
    def owner(self) -> str:
        """Object id of whom the credentials belong to; empty when the client is unknown."""
        if self.application is not None:
            return self.application.object_id
        return self.principal.object_id if self.principal is not None else ""

    def claim(self, name: str) -> object:
        return self.jws.claims.get(name) if self.jws is not None else None


Outcome = tuple[Rung, Cause | None]
Check = Callable[[Attempt], Outcome]


def passed(
    name: str, expected: str | None = None, presented: str | None = None, note: str | None = None
) -> Outcome:
    if expected is None and presented is None and note is None:
        return _plain(name)
    if presented is not None and len(presented) > _MAX_KEPT:
        return Rung(name, "passed", expected, presented, note), None
    return _passed(name, expected, presented, note)


@lru_cache(maxsize=128)
def _plain(name: str) -> Outcome:
    return Rung(name, "passed"), None


@lru_cache(maxsize=2048)
def _passed(name: str, expected: str | None, presented: str | None, note: str | None) -> Outcome:
    """The same for every sign-in that goes well; making it anew costs as much as looking it up ten times."""
    return Rung(name, "passed", expected, presented, note), None


def failed(
    name: str,
    cause: Cause,
    expected: str | None = None,
    presented: str | None = None,
    note: str | None = None,
) -> Outcome:
    return Rung(name, "failed", expected, presented, note), cause


def not_evaluable(name: str, note: str | None = None) -> Outcome:
    return Rung(name, "not-evaluable", note=note), None
