"""Who calls: a bearer token of Entra for ARM, or a 401 that says where to get one."""

from apim_emulators.arm.errors import (
    AUTHENTICATION_FAILED,
    DIRECTORY_UNAVAILABLE,
    EXPIRED_TOKEN,
    INVALID_AUDIENCE,
    INVALID_TOKEN,
    INVALID_TOKEN_TENANT,
    ArmRefusedError,
)
from apim_emulators.arm.settings import ArmSettings
from apim_emulators.arm.state import ArmState
from apim_emulators.core.bearer import AccessTokens, Caller, Refusal
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.context import Context


class Authentication:
    """Checks the `Authorization` header of every request."""

    def __init__(self, context: Context, state: ArmState, settings: ArmSettings) -> None:
        self._clock = context.clock
        self._state = state
        self._login_host = settings.login_host
        self._tokens = AccessTokens(
            context.http, context.clock, audiences=settings.audiences, leeway=settings.token_leeway
        )

    async def caller(self, authorization: str | None, subscription_id: str) -> Caller:
        """The caller; raises `ArmRefusedError` (401). A subscription takes its own tenant's tokens only."""
        subscription = self._state.subscription(subscription_id) if subscription_id else None
        tenant = subscription.tenant_id if subscription else ""
        checked = await self._tokens.check(authorization)
        if isinstance(checked, Refusal):
            raise self._refused(checked, tenant)
        if tenant and checked.tenant_id.lower() != tenant.lower():
            raise ArmRefusedError(
                INVALID_TOKEN_TENANT,
                self._challenge(tenant, "The access token is from the wrong tenant."),
                presented=checked.tenant_id,
                expected=tenant,
            )
        return checked

    def _refused(self, refusal: Refusal, tenant: str) -> ArmRefusedError:
        tenant = tenant or next((subscription.tenant_id for subscription in self._state.subscriptions()), "")
        match refusal.cause:
            case "token-missing":
                return ArmRefusedError(
                    AUTHENTICATION_FAILED,
                    self._challenge(
                        tenant, "The authentication failed because of missing 'Authorization' header."
                    ),
                )
            case "entra-unreachable":
                return ArmRefusedError(DIRECTORY_UNAVAILABLE, purpose="read its signing keys")
            case "token-expired":
                claims = refusal.token.claims if refusal.token else {}
                return ArmRefusedError(
                    EXPIRED_TOKEN,
                    self._challenge(tenant, "The access token has expired."),
                    expiry=refusal.expected.removeprefix("used before ") or claims.get("exp"),
                    now=rfc3339(self._clock.now()),
                )
            case "token-audience":
                return ArmRefusedError(
                    INVALID_AUDIENCE,
                    self._challenge(tenant, "The audience is wrong."),
                    presented=refusal.presented,
                    expected=refusal.expected.replace(" or ", ","),
                )
            case _:
                return ArmRefusedError(INVALID_TOKEN, self._challenge(tenant, "The access token is invalid."))

    def _challenge(self, tenant: str, description: str) -> dict[str, str]:
        authority = f"https://{self._login_host}/{tenant or 'common'}"
        return {
            "www-authenticate": f'Bearer authorization_uri="{authority}", error="invalid_token", '
            f'error_description="{description}"'
        }
