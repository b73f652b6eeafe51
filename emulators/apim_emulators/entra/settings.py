"""What may be chosen about this Entra, each with its default. What Microsoft leaves open is a setting."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct, field

NoMatch = Literal["granular", "2023", "2022"]
# What can have a propagation delay of its own.
ObjectKind = Literal[
    "application", "servicePrincipal", "federatedIdentityCredential", "passwordCredential", "keyCredential",
    "group",
]  # fmt: skip


class Settings(Struct, frozen=True):
    """Times in seconds.

    `no_match`: how an assertion that no credential matches is refused: with a code for the part that
    differs, or with the one code 70021 as 401 (2023) or 400 (2022).
    `skew`: tolerance for the assertion's times; `max_lifetime`: 25 hours, as AADSTS70023 says.
    `jwks_cache`: how long an issuer's keys are kept; `refetch_floor`: an unknown `kid` makes Entra ask
    again when its keys are older than this.
    `propagation`: by kind, how long a write through Graph stays unseen by the token endpoint;
    `replication_spread`: while a write propagates, requests flip between old and new for that long.
    `random_lifetime`: application tokens live for 60 to 90 minutes instead of exactly one hour.
    `loop_limit`: more identical token requests than this within `loop_window` are a client loop; 0 is off.
    `rate_limit`: token requests a tenant may make within `rate_window` before it gets 429; 0 is off.
    `rate_answer`: plain text, as the front door does, or AADSTS90055.
    `provider_secret`: what the resource providers show at the internal routes; "" refuses everybody.
    `authority_hosts`: further hosts that instance discovery knows besides Microsoft's and loopback.
    """

    no_match: NoMatch = "granular"
    skew: float = 300.0
    max_lifetime: float = 25 * 3600.0
    trim_assertion: bool = True
    jwks_cache: float = 3600.0
    refetch_floor: float = 300.0
    fetch_timeout: float = 10.0
    fetch_limit: int = 1024 * 1024
    fetch_redirects: int = 3
    token_lifetime: int = 3599
    random_lifetime: bool = False
    long_lifetime: int = 86399
    propagation: Mapping[ObjectKind, float] = field(default_factory=lambda: MappingProxyType({}))
    replication_spread: float = 0.0
    loop_limit: int = 0
    loop_window: float = 300.0
    rate_limit: int = 0
    rate_window: float = 60.0
    rate_answer: Literal["plain", "json"] = "plain"
    retry_after: int | None = 60
    reject_replay: bool = False
    provider_secret: str = ""
    authority_hosts: tuple[str, ...] = ()
