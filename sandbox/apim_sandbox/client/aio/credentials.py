"""Federated identity credentials of applications by the names that people know."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from apim_emulators.core.vocabulary import TOKEN_EXCHANGE_AUDIENCE
from apim_sandbox.client.answers import SandboxError
from apim_sandbox.documents import nearest

if TYPE_CHECKING:
    from apim_sandbox.client.aio.cloud import AsyncGraph


class FederatedCredential(Struct, frozen=True):
    """Which issuer's tokens, for which subject and audience, an application trusts."""

    name: str
    issuer: str
    subject: str
    audience: str


class AsyncFederatedCredentials:
    """The federated credentials of an application, which is its display name, client id or object id."""

    def __init__(self, graph: "AsyncGraph") -> None:
        self._graph = graph

    async def list(self, application: str) -> tuple[FederatedCredential, ...]:
        """All of them. Raises `SandboxError` for an application that does not exist."""
        listed = await self._graph.pages(await self._path(application))
        return tuple(
            FederatedCredential(one["name"], one["issuer"], one["subject"], one["audiences"][0])
            for one in listed
        )

    async def add(
        self,
        application: str,
        name: str,
        *,
        issuer: str,
        subject: str,
        audience: str = TOKEN_EXCHANGE_AUDIENCE,
    ) -> FederatedCredential:
        """Trust another issuer and subject. Raises `SandboxError`."""
        body = {"name": name, "issuer": issuer, "subject": subject, "audiences": [audience]}
        await self._graph("POST", await self._path(application), body=body)
        return FederatedCredential(name, issuer, subject, audience)

    async def update(
        self,
        application: str,
        name: str,
        *,
        issuer: str | None = None,
        subject: str | None = None,
        audience: str | None = None,
    ) -> None:
        """Change what is given of the credential `name`. Raises `SandboxError`."""
        body: dict[str, Any] = {
            key: value for key, value in (("issuer", issuer), ("subject", subject)) if value is not None
        }
        if audience is not None:
            body["audiences"] = [audience]
        if not body:
            raise SandboxError("say what changes: issuer=, subject= or audience=")
        path = await self._path(application)
        await self._graph("PATCH", f"{path}/{name}", body=body)

    async def remove(self, application: str, name: str) -> None:
        """Trust it no more. Raises `SandboxError` when there is none of that name."""
        path = await self._path(application)
        await self._graph("DELETE", f"{path}/{name}")

    async def _path(self, wanted: str) -> str:
        known = []
        for one in await self._graph.pages("/v1.0/applications"):
            if wanted in (one["id"], one["appId"], one["displayName"]):
                return f"/v1.0/applications/{one['id']}/federatedIdentityCredentials"
            known.append(one["displayName"])
        meant = nearest(wanted, known)
        hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(known) or 'none'}"
        raise SandboxError(f"no application is called {wanted!r}; {hint}")
