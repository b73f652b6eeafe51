"""What can be set on ARM."""

from msgspec import Struct

from apim_emulators.core.vocabulary import APIM_PROVIDER_HOST, LOGIN_HOST

ARM_AUDIENCES = (
    "https://management.azure.com",
    "https://management.azure.com/",
    "https://management.core.windows.net",
    "https://management.core.windows.net/",
)


class ArmSettings(Struct, frozen=True):
    """`provider_secret` opens the internal routes between ARM, Entra and resource providers.

    `role_propagation_seconds`: how long a written or deleted role or deny assignment takes to act
    (documented: up to 600). `token_leeway`: tolerated clock difference, seconds. `location` is
    where things are that name no place of their own. `credential_write_seconds`: how long the write of a
    managed identity's federated credential takes, during which a second one of the same identity is
    refused; `limit_credential_rates`: whether Microsoft's request rates for them are enforced.
    """

    provider_secret: str
    role_propagation_seconds: float = 0.0
    audiences: tuple[str, ...] = ARM_AUDIENCES
    token_leeway: float = 300.0
    login_host: str = LOGIN_HOST
    apim_provider_host: str = APIM_PROVIDER_HOST
    location: str = "westeurope"
    credential_write_seconds: float = 0.0
    limit_credential_rates: bool = False
