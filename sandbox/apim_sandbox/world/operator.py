"""Who seeds and changes the world, and the form with which it signs in."""

from msgspec import Struct


class Operator(Struct, frozen=True):
    """A service principal with Owner in the default world."""

    tenant: str
    client_id: str
    secret: str


def token_form(operator: Operator, resource: str) -> dict[str, str]:
    """What the operator posts to the token endpoint to get a token for `resource`."""
    return {
        "grant_type": "client_credentials",
        "client_id": operator.client_id,
        "client_secret": operator.secret,
        "scope": f"{resource}/.default",
    }
