"""azwi towards Azure: its authentication arguments, the tenant of a subscription, what answers mean.

`pkg/cmd/serviceaccount/auth` and `pkg/cloud`, whose texts these are.
"""

import re

import httpx
from msgspec import Struct

from apim_emulators.core.vocabulary import ARM_HOST
from apim_emulators.oidc.azwi.create import ArgumentError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_AUTHORIZATION_URI = re.compile(r'authorization_uri=".*/([0-9a-f\-]+)"')


class AuthArguments(Struct, frozen=True):
    """The flags that say who azwi signs in as."""

    method: str = "cli"
    client_id: str = ""
    client_secret: str = ""
    certificate_path: str = ""
    private_key_path: str = ""

    def check(self) -> None:
        """Raises `ArgumentError`."""
        if not self.method:
            raise ArgumentError("--auth-method is a required parameter")
        method = self.method
        if method == "cli" and self.client_id and self.client_secret:
            method = "client_secret"
        if method not in ("cli", "client_secret", "client_certificate"):
            raise ArgumentError(f'--auth-method: ERROR: method unsupported. method="{method}"')
        if method == "cli":
            return
        _check_uuid("--client-id", self.client_id)
        if method == "client_secret" and not self.client_secret:
            raise ArgumentError('--client-secret must be specified when --auth-method="client_secret"')
        if method == "client_certificate" and not (self.certificate_path and self.private_key_path):
            raise ArgumentError(
                "--certificate-path and --private-key-path must be specified when "
                '--auth-method="client_certificate"'
            )


def _check_uuid(flag: str, text: str) -> None:
    """github.com/google/uuid's two complaints; it also takes braces, `urn:uuid:` and no dashes."""
    bare = text.removeprefix("urn:uuid:") if len(text) == 45 else text
    bare = bare[1:-1] if len(bare) == 38 else bare
    if len(bare) not in (32, 36):
        raise ArgumentError(f"parsing {flag}: invalid UUID length: {len(text)}")
    dashed = (
        "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:])) if len(bare) == 32 else bare
    )
    if not _UUID.fullmatch(dashed):
        raise ArgumentError(f"parsing {flag}: invalid UUID format")


async def tenant_of(subscription: str, http: httpx.AsyncClient) -> str:
    """The tenant of a subscription, read from ARM's refusal of a request without a token.

    Raises `ArgumentError`.
    """
    answer = await http.get(
        f"https://{ARM_HOST}/subscriptions/{subscription}", params={"api-version": "2022-12-01"}
    )
    if answer.status_code != 401:
        raise ArgumentError(f"Unexpected response from Get Subscription: {answer.status_code}")
    challenge = answer.headers.get("www-authenticate", "")
    if not challenge:
        raise ArgumentError('header "WWW-Authenticate" not found in get subscription response')
    match = _AUTHORIZATION_URI.search(challenge)
    if match is None:
        raise ArgumentError(f'Could not find the tenant ID in header: WWW-Authenticate "{challenge}"')
    return match[1]


def display_name_filter(name: str) -> str:
    """Graph's `$filter` for an application; quotes are not doubled, as upstream leaves them."""
    return f"displayName eq '{name}'"


def subject_filter(subject: str) -> str:
    """Graph's `$filter` for a federated credential; the issuer is compared by azwi itself."""
    return f"subject eq '{subject}'"


class CloudError(Struct, frozen=True):
    """An answer that is no success: Graph's error `code`, or ARM's HTTP `status`; a bare `message`."""

    code: str = ""
    status: int = 0
    message: str = ""

    def credential_not_found(self) -> bool:
        return self.code == "Request_ResourceNotFound"

    def credential_exists(self) -> bool:
        return self.code == "Request_MultipleObjectsWithSameKeyValue"

    def role_assignment_exists(self) -> bool:
        return self.status == 409

    def role_assignment_deleted(self) -> bool:
        return self.status == 204

    def not_found(self) -> bool:
        return "not found" in self.message
