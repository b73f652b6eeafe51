"""A program in a pod of the gateway's service account, signing in by hand: what libraries get wrong.

It is a real pod as far as identity goes: admitted by the webhook, with a token file that is renewed.
"""

from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec
from anyio.abc import TaskGroup, TaskStatus
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from msgspec import Struct

from apim_emulators.core import jose
from apim_emulators.core.vocabulary import (
    CONFIGURATION_AUDIENCE,
    JWT_BEARER,
    LOGIN_HOST,
    ServiceAccountName,
)
from apim_sandbox.cluster.protocol import Attachment
from apim_sandbox.scenario.model import Present
from apim_sandbox.scenario.venue import Venue

_EC_SECRET = 0x5A4DB0C5  # a test key that everybody may know


class Program(Struct):
    """Starts at its first sign-in and lives to the end of the run."""

    venue: Venue
    tasks: TaskGroup
    account: ServiceAccountName
    attachment: Attachment | None = None
    kept: str = ""
    access_token: str = ""

    async def present(self, wanted: Present) -> None:
        """Sign in as often as wanted; what Entra answers is in the journal."""
        pod = await self._pod()
        tenant = wanted.tenant or pod.environment["AZURE_TENANT_ID"]
        form = {
            "grant_type": "client_credentials",
            "client_id": wanted.client_id or pod.environment["AZURE_CLIENT_ID"],
            "client_assertion_type": JWT_BEARER,
            "client_assertion": await self._assertion(wanted, pod),
            "scope": wanted.scope or f"{CONFIGURATION_AUDIENCE}/.default",
        }
        for _ in range(wanted.times):
            try:
                answer = await self.venue.http.post(
                    f"https://{LOGIN_HOST}/{tenant}/oauth2/v2.0/token", data=form
                )
            except httpx.TransportError:
                continue
            if answer.is_success:
                self.access_token = answer.json()["access_token"]

    async def _pod(self) -> Attachment:
        if self.attachment is None:
            self.attachment = await self.tasks.start(self._live)
        return self.attachment

    async def _live(self, *, task_status: TaskStatus[Attachment]) -> None:
        async with self.venue.attach(self.account) as attachment:
            task_status.started(attachment)
            await anyio.sleep_forever()

    async def _assertion(self, wanted: Present, pod: Attachment) -> str:
        projected = _read(pod.environment["AZURE_FEDERATED_TOKEN_FILE"])
        self.kept = self.kept or projected
        if wanted.token == "kept":
            return self.kept
        if wanted.token == "access":
            return self.access_token
        if wanted.token == "default":
            return await self.venue.default_token(self.account, wanted.lifetime)
        if wanted.text is not None:
            return wanted.text
        if wanted.header or wanted.claims or wanted.lifetime is not None:
            return await self._signed(projected, wanted)
        return projected

    async def _signed(self, projected: str, wanted: Present) -> str:
        """The projected token as another kind of issuer would have made it."""
        parsed = jose.parse(projected)
        claims = parsed.claims
        if wanted.lifetime is not None:
            claims = {**claims, "exp": claims["iat"] + round(wanted.lifetime)}
        header, claims = _merged(parsed.header, wanted.header), _merged(claims, wanted.claims)
        if header.get("alg") == "ES256":
            return _signed_with_ec(claims, header)
        return await self.venue.sign(claims, header)


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _merged(before: Any, changes: Any) -> dict[str, Any]:
    """With the changes; null takes a member away."""
    return {key: value for key, value in {**before, **changes}.items() if value is not None}


def _signed_with_ec(claims: dict[str, Any], header: dict[str, Any]) -> str:
    body = f"{jose.b64url(msgspec.json.encode(header))}.{jose.b64url(msgspec.json.encode(claims))}"
    key = ec.derive_private_key(_EC_SECRET, ec.SECP256R1())
    r, s = decode_dss_signature(key.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{body}.{jose.b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
