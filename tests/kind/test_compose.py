"""`docker compose up --wait`: the same image, one service an emulator, a Ready gateway at the end."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from tests.kind.conftest import missing

from apim_sandbox.cluster.kind import image
from apim_sandbox.serving.edge import listen

pytestmark = pytest.mark.kind_lives
ROOT = Path(__file__).parents[2]


class Compose:
    """A compose project of its own, on free ports."""

    def __init__(self, name: str, wanted: str) -> None:
        sockets = [listen(0, "--port") for _ in range(3)]
        self.gateway, control, proxy = (one.getsockname()[1] for one in sockets)
        for one in sockets:
            one.close()
        self._command = ["docker", "compose", "--project-name", name, "--file", str(ROOT / "compose.yaml")]
        self._environment = {
            **os.environ,
            "APIM_SANDBOX_IMAGE": wanted,
            "GATEWAY_PORT": str(self.gateway),
            "CONTROL_PORT": str(control),
            "PROXY_PORT": str(proxy),
        }

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            env=self._environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    if reason := missing():
        pytest.skip(reason)
    wanted, _ = anyio.run(image.ensure, None, backend="asyncio")
    made = Compose("apim-sandbox-test", wanted)
    try:
        made("up", "--wait", "--wait-timeout", "240")
        yield made
    finally:
        made("down", "--volumes", "--timeout", "2")


def test_the_gateway_serves(compose: Compose) -> None:
    """`up --wait` ends with a gateway that signed in by federation and serves the world's API."""
    answer = httpx.get(f"http://127.0.0.1:{compose.gateway}/echo/hello", trust_env=False)
    assert (answer.status_code, answer.json()["path"]) == (200, "/api/hello")
    kinds = [
        json.loads(line)
        for line in compose("exec", "control", "apim-sandbox", "journal", "--json").splitlines()
    ]
    grants = [
        one["event"]["grant"]
        for one in kinds
        if one["kind"] == "entra.token" and one["event"]["status"] == 200
    ]
    assert "federated-assertion" in grants


DIRECTORY = """
import json
from apim_sandbox.client import Sandbox
with Sandbox.connect() as sandbox:
    applications = sandbox.graph.pages("/v1.0/applications")
    paths = [f"/v1.0/applications/{one['id']}/federatedIdentityCredentials" for one in applications]
    print(json.dumps([applications, [sandbox.graph.pages(path) for path in paths]]))
"""
ADD = """
from apim_sandbox.client import Sandbox
with Sandbox.connect() as sandbox:
    sandbox.graph.federated_credentials.add(
        "apim-gateway", "added", issuer="https://issuer.example", subject="somebody"
    )
"""


def test_a_restart_of_entra_loses_nothing(compose: Compose) -> None:
    """Entra comes back from its volume with every object under the same id, also what was added meanwhile."""
    compose("exec", "control", "python", "-c", ADD)
    before = json.loads(compose("exec", "control", "python", "-c", DIRECTORY))
    assert "added" in [one["name"] for found in before[1] for one in found]
    compose("restart", "--timeout", "2", "entra")
    compose("up", "--wait", "--wait-timeout", "120")
    assert json.loads(compose("exec", "control", "python", "-c", DIRECTORY)) == before
    assert httpx.get(f"http://127.0.0.1:{compose.gateway}/echo/hello", trust_env=False).status_code == 200


PROGRAM = """
from azure.identity import WorkloadIdentityCredential
print(WorkloadIdentityCredential().get_token("https://azure-api.net/configuration/.default").token.count("."))
"""


def test_the_override_example_runs_a_service_of_ones_own(compose: Compose, tmp_path: Path) -> None:
    """As the example says: copied beside compose.yaml, with a program of one's own in its directory."""
    example = (ROOT / "compose.override.example.yaml").read_text()
    assert "./app:" in example
    (tmp_path / "app").mkdir(mode=0o755)
    (tmp_path / "app" / "app.py").write_text(PROGRAM)
    override = tmp_path / "compose.override.yaml"
    override.write_text(example.replace("./app:", f"{tmp_path}/app:"))
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(path.stat().st_mode | 0o055)
    assert compose("--file", str(override), "run", "--rm", "--no-deps", "-T", "my-service").endswith("2\n")


def test_only_loopback_ports_are_published(compose: Compose) -> None:
    """Nothing listens on an address that somebody else could reach."""
    listed = [json.loads(line) for line in compose("ps", "--format", "json").splitlines()]
    published = {
        port["URL"] for one in listed for port in one.get("Publishers") or [] if port.get("PublishedPort")
    }
    assert published == {"127.0.0.1"}
