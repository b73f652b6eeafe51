"""What a world's settings choose is what its emulators do."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx

from apim_emulators.core.vocabulary import LOGIN_HOST
from apim_sandbox.client import SandboxError
from apim_sandbox.documents import Document
from apim_sandbox.virtual import run_virtual
from apim_sandbox.virtual_sandbox import VirtualSandbox, virtual_sandbox
from apim_sandbox.world import resolve
from apim_sandbox.world.content import content
from apim_sandbox.world.default import default_world
from apim_sandbox.world.load import from_document

GROUP = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/contoso-rg"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders"
CREDENTIALS = f"{IDENTITY}/federatedIdentityCredentials"


def within(settings: dict[str, Any], test: Callable[[VirtualSandbox], Awaitable[None]]) -> None:
    """Run `test` in the default world with `settings`, in the world file's words."""
    world = from_document(Document("<world>", {**content(default_world()), "settings": settings}))

    async def main() -> None:
        async with virtual_sandbox(world) as sandbox:
            await test(sandbox)

    run_virtual(main)


async def sign_in(sandbox: VirtualSandbox, secret: str = "wrong") -> httpx.Response:
    tenant, application = resolve.tenant(sandbox.world), resolve.application(sandbox.world, "apim-gateway")
    form = {
        "grant_type": "client_credentials", "client_id": application.app_id, "client_secret": secret,
        "scope": "https://azure-api.net/configuration/.default",
    }  # fmt: skip
    return await sandbox.http.post(f"https://{LOGIN_HOST}/{tenant.id}/oauth2/v2.0/token", data=form)


async def put(sandbox: VirtualSandbox, name: str, **properties: Any) -> str:
    """Make a credential; the error's code, or "" where it was made."""
    whole = {
        "issuer": "https://issuer.example", "subject": name, "audiences": ["api://AzureADTokenExchange"],
        **properties,
    }  # fmt: skip
    body, version = {"properties": whole}, "2025-01-31-preview"
    try:
        await sandbox.arm("PUT", f"{CREDENTIALS}/{name}", body=body, api_version=version)
    except SandboxError as error:
        return str(error)
    return ""


def test_a_client_that_loops_is_told_so() -> None:
    """The third identical request is one too many; another one is none."""

    async def test(sandbox: VirtualSandbox) -> None:
        codes = [(await sign_in(sandbox)).json()["error_codes"][0] for _ in range(3)]
        assert codes == [7000215, 7000215, 50196]
        assert (await sign_in(sandbox, "other")).json()["error_codes"] == [7000215]

    within({"entra": {"loopLimit": 2}}, test)


def test_a_tenant_that_asks_too_often_is_throttled() -> None:
    """In plain text by default, in JSON by choice, with or without Retry-After."""

    async def text(sandbox: VirtualSandbox) -> None:
        answers = [await sign_in(sandbox) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [401, 429]
        assert (answers[1].text, answers[1].headers["retry-after"]) == ("Too Many Requests", "60")

    async def json(sandbox: VirtualSandbox) -> None:
        answers = [await sign_in(sandbox) for _ in range(2)]
        assert answers[1].json()["error_codes"] == [90055]
        assert "retry-after" not in answers[1].headers

    within({"entra": {"requestsPerMinute": 1}}, text)
    within({"entra": {"requestsPerMinute": 1, "throttledAs": "json", "retryAfter": None}}, json)


def test_parallel_writes_of_credentials_meet() -> None:
    """With the time that a write takes, one of two that begin together is refused, and may come again."""

    async def test(sandbox: VirtualSandbox) -> None:
        await sandbox.arm("PUT", IDENTITY, body={"location": "westeurope"}, api_version="2024-11-30")
        refusals: list[str] = []

        async def write(name: str) -> None:
            refusals.append(await put(sandbox, name))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, "first")
            tasks.start_soon(write, "second")
        first, second = sorted(refusals)
        assert first == ""
        assert "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity" in second
        assert [await put(sandbox, name) for name in ("first", "second")] == ["", ""]

    within({"arm": {"credentialWrite": "3s"}}, test)


def test_an_expression_is_read_by_entra_wherever_it_is_written() -> None:
    """ARM passes on what Entra says of a wrong one, with its place."""

    async def test(sandbox: VirtualSandbox) -> None:
        await sandbox.arm("PUT", IDENTITY, body={"location": "westeurope"}, api_version="2024-11-30")
        wrong = {"value": "claims['sub'] like 'x'", "languageVersion": 1}
        refused = await put(sandbox, "flexible", subject=None, claimsMatchingExpression=wrong)
        assert "The claims matching expression is not valid" in refused
        assert "position 1" in refused

    within({}, test)
