"""docs/authentication.md: the three ways to sign in, side by side, from runs of the code.

`UPDATE_GOLDEN=1 pytest tests/sandbox/gateway/test_authentication.py` writes the page anew.
"""

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import httpx
from tests.sandbox.gateway.story import GATEWAY, READER, Story, story

from apim_sandbox.virtual import run_virtual

PAGE = Path(__file__).parents[3] / "docs/authentication.md"
TEMPLATE = Path(__file__).with_name("authentication.template.md")
AUTH = "config.service.auth: workloadIdentity"
APP = """config.service.auth: azureAdApp
  config.service.auth.azureAd.tenantId: 11111111-1111-4111-8111-111111111111
  config.service.auth.azureAd.clientId: 33333333-3333-4333-8333-333333333333
  config.service.auth.azureAd.clientSecret: not-a-real-secret-of-the-gateway"""
Step = Callable[[Story], Awaitable[None]]


async def workload_identity(changes: Mapping[str, str], it: Story) -> None:
    await it.deploy(changes)


async def entra_app(changes: Mapping[str, str], it: Story) -> None:
    await it.deploy({AUTH: APP, **changes})


async def an_old_secret(it: Story) -> None:
    it.sandbox.clock.advance(181 * 86400)
    await it.deploy({AUTH: APP})


async def gateway_token(it: Story, *, cut: str = "", seconds: float = 86400) -> None:
    token = await it.gateway_token(seconds)
    await it.deploy({AUTH: f"config.service.auth: {token.removeprefix(cut)}"})


async def regenerated(it: Story) -> None:
    await gateway_token(it)
    await it.arm("POST", f"{GATEWAY}/regenerateKey", {"keyType": "primary"})
    await it.sandbox.sleep(20)


async def expired(it: Story) -> None:
    await gateway_token(it, seconds=120)
    await it.sandbox.sleep(120)


SUBJECT = {"apim-gateway-wi:apim-gateway-workload-identity": "apim-gateway-wi:somebody-else"}
RUNS: dict[str, list[tuple[str, Mapping[str, str], Step]]] = {
    "workload-identity": [
        ("nothing", {}, partial(workload_identity, {})),
        ("the federated credential names another subject", SUBJECT, partial(workload_identity, {})),
        ("the service account has no client id", {}, partial(
            workload_identity, {"azure.workload.identity/client-id": "azure.workload.identity/client"})),
        ("no reader role", {READER: ""}, partial(workload_identity, {})),
    ],
    "entra-app": [
        ("nothing", {}, partial(entra_app, {})),
        ("the secret is another", {}, partial(entra_app, {"real-secret-of": "valid-secret-of"})),
        ("the secret is past its end", {}, an_old_secret),
        ("no secret is set", {}, partial(entra_app, {
            "\n  config.service.auth.azureAd.clientSecret: not-a-real-secret-of-the-gateway": ""})),
        ("no reader role", {READER: ""}, partial(entra_app, {})),
    ],
    "gateway-token": [
        ("nothing", {}, gateway_token),
        ("the prefix is missing", {}, partial(gateway_token, cut="GatewayKey ")),
        ("the token is past its end", {}, expired),
        ("its key was regenerated", {}, regenerated),
    ],
}  # fmt: skip


def exception_of(it: Story) -> str:
    """The newest complaint of the gateway, without what differs from run to run."""
    warnings = it.lines("ConfigurationApiV2NotAvailable")
    if not warnings:
        startup = it.lines("GatewayStartup")
        return startup[-1].partition("message: ")[2].partition(";")[0] if startup else ""
    text = warnings[-1].partition("exception: ")[2]
    found = re.search(r"StatusCode: \w+|AADSTS\d+|Missing required arguments: '\w+'", text)
    return found[0] if found else text[:80]


def see(mode: str, changes: Mapping[str, str], step: Step) -> str:
    """One row's observed cells."""
    cells: list[str] = []

    async def main() -> None:
        async with story(changes, mode) as it:
            await step(it)
            answers = [f"{status} {cause}".strip() for status, cause in it.answers()]
            state = "ready" if await it.ready() == [True] else "not ready"
            try:
                calls = f"calls get {(await it.call())[0]}"
            except httpx.ConnectError:
                calls = "calls find nobody"
            cells.extend(
                (exception_of(it) or "–", ", then ".join(answers) or "not asked", f"{state}, {calls}")
            )

    run_virtual(main)
    return " | ".join(f"`{cell}`" if cell not in ("–", "not asked") else cell for cell in cells)


def rendered() -> str:
    lines = [
        "| sign-in | what is wrong | the gateway's log says | configuration API (and cause) | pod |",
        "|---|---|---|---|---|",
    ]
    for mode, runs in RUNS.items():
        lines += [f"| {mode} | {wrong} | {see(mode, changes, step)} |" for wrong, changes, step in runs]
    return TEMPLATE.read_text(encoding="utf-8").replace("<!-- observed -->", "\n".join(lines))


def test_the_page_shows_what_runs_show() -> None:
    """Every cell of the table is what a run of the three worlds showed."""
    text = rendered()
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text
