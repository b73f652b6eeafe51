"""What happens to a cluster: killed while it is made, beside another one, deleted by somebody, foreign."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from tests.kind.conftest import Kind, apim_sandbox

from apim_sandbox.cluster.kind.layout import Layout

pytestmark = pytest.mark.kind_lives
SECOND = "apim-sandbox-second"


@pytest.fixture
def second(engine: None, kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kind]:
    """A sandbox of another name, gone afterwards."""
    made = Kind(Layout.of(SECOND, tmp_path_factory.mktemp("second")))
    yield made
    made.down()


def test_a_killed_up_is_taken_up_again_beside_the_first(kind: Kind, second: Kind) -> None:
    """SIGKILL while `kind create` runs; the next `up` makes the node anew; neither knows of the other."""
    before = docker("ps", "-q", "--filter", f"network={kind.layout.network}")
    process = subprocess.Popen(
        [sys.executable, "-m", "apim_sandbox", "kind", "up", *second.state_option],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not docker("ps", "-q", "--filter", f"name={second.layout.node}") and time.monotonic() < deadline:
        time.sleep(0.5)
    process.kill()  # it alone: `kind create` goes on, and the next `up` waits for it to end
    process.wait()
    assert not second.layout.created.exists()

    done = second.up()
    assert "made anew" in done.stdout
    assert "Ready in" in done.stdout
    assert docker("ps", "-q", "--filter", f"network={kind.layout.network}") == before
    addresses = {one.layout.name: _login_address(one) for one in (kind, second)}
    assert addresses[kind.layout.name] != addresses[SECOND]

    docker("rm", "--force", "--volumes", second.layout.node)  # somebody deletes the cluster behind our back
    status = apim_sandbox("kind", "status", *second.state_option, check=False)
    assert (status.returncode, "gone: somebody deleted it" in status.stdout) == (3, True)
    again = second.up()
    assert f"{SECOND} created" in again.stdout
    assert "Ready in" in again.stdout
    second.down()
    assert docker("ps", "-aq", "--filter", f"label=apim-sandbox.cluster={SECOND}") == ""
    assert docker("network", "ls", "-q", "--filter", f"name=^{second.layout.network}$") == ""
    assert not second.layout.directory.exists()
    assert docker("ps", "-q", "--filter", f"network={kind.layout.network}") == before


def test_a_foreign_cluster_of_the_same_name_is_left_alone(
    engine: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A node container that we did not make: `up` refuses, `down` does not remove it."""
    foreign = Kind(Layout.of("apim-sandbox-foreign", tmp_path_factory.mktemp("foreign")))
    base = ("--entrypoint", "sleep", "python:3.11-slim-bookworm", "600")
    docker("run", "--detach", "--name", foreign.layout.node, *base)
    try:
        refused = foreign.up(check=False)
        assert refused.returncode == 3
        assert "was not made here; it is left alone" in refused.stderr
        foreign.down()
        assert docker("ps", "-q", "--filter", f"name={foreign.layout.node}")
    finally:
        docker("rm", "--force", foreign.layout.node)


def _login_address(kind: Kind) -> str:
    """Who answers for Entra's name, as a pod of this cluster sees it."""
    script = "import socket; print(socket.gethostbyname('login.microsoftonline.com'))"
    return kind.kubectl(
        "exec", "-n", "apim-gateway-wi", "deployment/apim-gateway", "--", "python", "-c", script
    ).strip()


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip()
