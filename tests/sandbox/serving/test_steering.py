"""What is done to emulators by nobody in the cloud, in this process or over their edge."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from apim_emulators.core import vocabulary as names
from apim_emulators.core.events import ResourceChanged
from apim_sandbox.assembly import EMULATORS, Assembly
from apim_sandbox.serving.edge import EdgeApp
from apim_sandbox.serving.steering import Steering, create_app, reload_everywhere, steered, steering_hosts
from apim_sandbox.virtual import run_virtual
from apim_sandbox.virtual_sandbox import VirtualSandbox, virtual_sandbox
from apim_sandbox.world import resolve
from apim_sandbox.world.content import content
from apim_sandbox.world.default import default_world

CREDENTIALS = "/v1.0/applications/{0}/federatedIdentityCredentials"


def within(test: Callable[[VirtualSandbox, Assembly], Awaitable[None]]) -> None:
    """Run with a sandbox and what its process would steer."""

    async def main() -> None:
        async with virtual_sandbox() as sandbox:
            built = list(EMULATORS)
            await test(sandbox, Assembly(sandbox.world, sandbox.around, sandbox.hosts, built=built))

    run_virtual(main)


def client(assembly: Assembly, secret: str = "") -> httpx.AsyncClient:
    """Whoever holds the secret (the right one without), at the edge of the process."""
    edge = EdgeApp(assembly.hosts, steering=steered(assembly))
    headers = {"authorization": f"Bearer {secret or assembly.around.secrets.admin}"}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(edge), base_url=f"https://{names.LOGIN_HOST}", headers=headers
    )


async def answer(assembly: Assembly, path: str, body: Any, secret: str = "") -> tuple[int, Any]:
    """Status and JSON of a steering route."""
    async with client(assembly, secret) as http:
        told = await http.post(f"/.apim-sandbox/{path}", json=body)
        return told.status_code, told.json()


def test_an_emulator_begins_anew_with_a_world() -> None:
    """What was changed is as the world says; the operator's old token is worth nothing."""

    async def test(sandbox: VirtualSandbox, assembly: Assembly) -> None:
        owner = resolve.application(sandbox.world, "apim-gateway")
        path = CREDENTIALS.format(owner.object_id)
        (before,) = (await sandbox.graph("GET", path))["value"]
        await sandbox.graph("DELETE", f"{path}/{before['id']}")
        async with client(assembly) as http:
            await reload_everywhere(http, sandbox.world, default_world(), sandbox.around.secrets.admin)
        (after,) = (await sandbox.graph("GET", path))["value"]
        assert after == before

    within(test)


def test_every_emulator_with_a_memory_is_reached_by_a_name_that_it_has() -> None:
    """The webhook remembers nothing."""
    assert steering_hosts(default_world()) == {
        "oidc": "oidc.sandbox.test", "entra": names.LOGIN_HOST, "arm": names.ARM_HOST,
        "apim": names.APIM_PROVIDER_HOST,
    }  # fmt: skip


def test_a_rotated_key_signs_and_is_told_to_the_journal() -> None:
    """Unpublished, it is in no JWKS."""

    async def test(sandbox: VirtualSandbox, assembly: Assembly) -> None:
        body = {"cluster": "contoso", "keep_old": True, "publish": False}
        status, told = await answer(assembly, "oidc/keys", body)
        changed = sandbox.records()[-1].event
        assert (status, told) == (200, {"kid": changed.id if isinstance(changed, ResourceChanged) else ""})
        keys = (await sandbox.http.get("https://oidc.sandbox.test/contoso/openid/v1/jwks")).json()["keys"]
        assert told["kid"] not in [key["kid"] for key in keys]

    within(test)


def test_a_policy_blocks_the_sign_in_of_a_principal() -> None:
    """The same object id that Graph shows."""

    async def test(sandbox: VirtualSandbox, assembly: Assembly) -> None:
        principal = resolve.application(sandbox.world, "apim-gateway").service_principal
        assert principal is not None
        body = {"name": "Block", "principal": principal.object_id}
        assert await answer(assembly, "entra/policies", body) == (200, {})

    within(test)


def test_what_cannot_be_done_is_refused_with_its_reason() -> None:
    """No secret, an unknown cluster or emulator, a world with a mistake, a field that nobody knows."""

    async def test(_: VirtualSandbox, assembly: Assembly) -> None:
        body = {"cluster": "fabrikam", "keep_old": True, "publish": True}
        assembly.built.remove("arm")
        refusals = [
            await answer(assembly, "oidc/keys", body, "guessed"),
            await answer(assembly, "oidc/keys", body),
            await answer(assembly, "arm/world", content(default_world())),
            await answer(assembly, "entra/world", {"tenant": []}),
            await answer(assembly, "oidc/keys", {"kluster": "contoso"}),
        ]
        assert [status for status, _ in refusals] == [401, 422, 422, 422, 422]
        texts = [told["detail"] for _, told in refusals]
        assert texts[0] == "steering wants the sandbox's own secret"
        assert texts[1] == "no cluster is called 'fabrikam'; there are contoso"
        assert texts[2] == "no arm runs here; there are oidc, webhook, entra, apim"
        assert texts[3].startswith("<world>: the world lacks tenants")
        assert "kluster" in texts[4]

    within(test)


def test_somebody_else_answers_at_a_hosts_path_and_no_more() -> None:
    """With the true answer's fields left out, until the host is restored."""

    async def test(sandbox: VirtualSandbox, assembly: Assembly) -> None:
        jwks = "https://oidc.sandbox.test/contoso/openid/v1/jwks"
        body = {"host": "oidc.sandbox.test", "path": "/contoso/openid", "drop": ["use"]}
        assert await answer(assembly, "answers", body) == (200, {})
        (without,) = (await sandbox.http.get(jwks)).json()["keys"]
        assert await answer(assembly, "restored", {"host": "oidc.sandbox.test"}) == (200, {})
        (again,) = (await sandbox.http.get(jwks)).json()["keys"]
        assert {**without, "use": "sig"} == again
        assert await answer(assembly, "restored", {"host": "oidc.sandbox.test"}) == (
            422, {"detail": "oidc.sandbox.test answers for itself"},
        )  # fmt: skip

    within(test)


def test_steering_signs_with_the_first_clusters_key() -> None:
    """So that a token can be made that the API server would never make."""

    async def test(sandbox: VirtualSandbox, assembly: Assembly) -> None:
        token = Steering(assembly).sign({"sub": "x"}, {"alg": "RS256", "kid": "k"})
        assert token.count(".") == 2
        assert create_app(Steering(assembly), "s") is not None
        assert sandbox.records()

    within(test)
