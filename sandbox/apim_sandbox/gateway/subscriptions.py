"""Subscription keys: where they are looked for, and which subscription they open an API with."""

import hmac

from starlette.requests import Request

from apim_sandbox.gateway.errors import KEY_INVALID, KEY_MISSING, DataPlaneError
from apim_sandbox.gateway.state import ApiData, SubscriptionData, SubscriptionKeyNames


def check(
    subscriptions: tuple[SubscriptionData, ...], api: ApiData, request: Request
) -> DataPlaneError | None:
    """Why the request may not call `api`; None when its key opens it. The header goes before the query."""
    names = api.subscription_key_parameter_names or SubscriptionKeyNames()
    key = request.headers.get(names.header) or request.query_params.get(names.query)
    if not key:
        return KEY_MISSING
    for subscription in subscriptions:
        if subscription.state == "active" and _covers(subscription, api) and _fits(subscription, key):
            return None
    return KEY_INVALID


def _covers(subscription: SubscriptionData, api: ApiData) -> bool:
    scope = subscription.scope.rstrip("/")
    return scope.endswith(("/apis", f"/apis/{api.name.partition(';')[0]}")) or api.name in subscription.apis


def _fits(subscription: SubscriptionData, key: str) -> bool:
    return any(
        own and hmac.compare_digest(own.encode(), key.encode())
        for own in (subscription.primary_key, subscription.secondary_key)
    )
