"""Unmodified programs get a token by name: no authority override, no weakened verification."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apim_emulators.core import jose
from apim_emulators.core.events import TokenAnswered
from apim_sandbox.client import Sandbox

HERE = Path(__file__).parent


def run(sandbox: Sandbox, *command: str, cwd: Path | None = None) -> dict[str, Any]:
    """What `apim-sandbox run -- command` prints, decoded."""
    program = [
        sys.executable,
        "-m",
        "apim_sandbox",
        "run",
        "--state-dir",
        sandbox.instance.state_dir,
        "--",
        *command,
    ]
    done = subprocess.run(program, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    decoded: dict[str, Any] = json.loads(done.stdout)
    return decoded


def exchange(sandbox: Sandbox, uti: str) -> TokenAnswered:
    """Entra's side of the exchange that gave the access token with this uti."""
    found = [record.event for record in sandbox.journal() if isinstance(record.event, TokenAnswered)]
    return next(event for event in found if event.uti == uti)


def check(sandbox: Sandbox, printed: dict[str, Any]) -> None:
    """The token is for the configuration API and came from a federated assertion that passed every check."""
    claims = jose.parse(printed["token"]).claims
    assert claims["aud"] == "https://azure-api.net/configuration"
    event = exchange(sandbox, claims["uti"])
    assert (event.grant, event.matched, event.status) == (
        "federated-assertion", "apim-gateway-federated-credential", 200,
    )  # fmt: skip
    assert {rung.verdict for rung in event.ladder} == {"passed"}
    assert event.host == "login.microsoftonline.com"


@pytest.mark.parametrize("program", ["sync_credential.py", "async_credential.py"])
def test_python_azure_identity(live: Sandbox, program: str) -> None:
    """azure-identity's WorkloadIdentityCredential, sync and async."""
    check(live, run(live, sys.executable, str(HERE / "python" / program)))


def test_node_azure_identity(live: Sandbox, node: Path) -> None:
    """@azure/identity's WorkloadIdentityCredential."""
    check(live, run(live, "node", "workload_identity.mjs", cwd=node))


def test_go_azidentity(live: Sandbox, go_program: Path) -> None:
    """azidentity's WorkloadIdentityCredential, instance discovery and issuer check included."""
    check(live, run(live, str(go_program)))
