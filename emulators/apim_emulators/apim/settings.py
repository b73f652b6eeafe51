"""What can be set on API Management."""

from msgspec import Struct

from apim_emulators.core.vocabulary import (
    ARM_HOST,
    ARM_RESOURCE,
    CONFIGURATION_AUDIENCES,
    CONFIGURATION_DOMAIN,
    LOGIN_HOST,
)


class ApimSettings(Struct, frozen=True):
    """Durations in seconds.

    `provider_secret` opens the internal routes between ARM, Entra and resource providers.
    `provisioning_seconds`: how long a write of a service is under way for those who follow it.
    `audiences` are what a gateway's token may be for. `rbac_cache_seconds`: how long a verdict is
    kept before ARM is asked again. `definitions_cache_seconds`: the same for role definitions and deny
    assignments alone, on which it never refuses anybody. `compaction_length`: the newest changes that
    a gateway's feed keeps; whoever is further behind gets 410. `gone_after`:
    when a silent instance counts as gone.
    `renew_before`: how long before its end the service's own token is replaced.
    `requests_per_minute`: what a gateway may ask in 60 s before it gets 429, 0 for any number.
    `near_expiry`: how long before its end a gateway token counts as near expiry.
    `default_service`: which service answers a host that names none.
    """

    provider_secret: str
    audiences: tuple[str, ...] = CONFIGURATION_AUDIENCES
    provisioning_seconds: float = 0.0
    rbac_cache_seconds: float = 0.0
    definitions_cache_seconds: float = 60.0
    compaction_length: int = 1000
    gone_after: float = 180.0
    token_leeway: float = 300.0
    renew_before: float = 300.0
    requests_per_minute: int = 0
    near_expiry: float = 7 * 86400.0
    default_service: str = ""
    login_host: str = LOGIN_HOST
    arm_host: str = ARM_HOST
    arm_resource: str = ARM_RESOURCE
    configuration_domain: str = CONFIGURATION_DOMAIN
