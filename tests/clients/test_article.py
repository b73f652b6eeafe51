"""docs/article.md, block by block: the article's steps with the Azure CLI end in a Ready gateway."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apim_emulators.core.events import ConfigurationAnswered
from apim_sandbox.client import Sandbox

pytestmark = pytest.mark.large

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "article.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "the block is done"


class Shell:
    """One bash that is given a block at a time; it ends at the first command that fails."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash"], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, block: str) -> str:
        """What the block printed. Fails the test when one of its commands fails."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"set -e -o pipefail\n{block}\necho '{_DONE}'\n")
        self._bash.stdin.flush()
        printed: list[str] = []
        for line in self._bash.stdout:
            if line.strip() == _DONE:
                return "".join(printed)
            printed.append(line)
        pytest.fail(f"the shell ended in:\n{block}\n{''.join(printed)}")

    def close(self) -> None:
        with self._bash:
            assert self._bash.stdin is not None
            self._bash.stdin.close()


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose sandbox is down afterwards, wherever the page stopped."""
    yield tmp_path
    down = [sys.executable, "-m", "apim_sandbox", "down", "--state-dir", str(tmp_path)]
    subprocess.run(down, check=False, capture_output=True, timeout=60)


def test_the_page_ends_with_a_ready_gateway(az: str, state_dir: Path) -> None:
    """Every block as it stands, but for the ports, which may be taken on this machine."""
    path = os.pathsep.join([str(Path(az).parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = Shell({**os.environ, "PATH": path, "APIM_SANDBOX_STATE_DIR": str(state_dir)})
    blocks = _BLOCK.findall(PAGE.read_text())
    assert blocks[0].startswith("apim-sandbox up --detach")
    blocks[0] = blocks[0].replace("--detach", "--detach --edge-port 0 --proxy-port 0 --control-port 0")
    try:
        for block in blocks[:-2]:
            shell.run(block)
        with Sandbox.connect(state_dir) as sandbox:
            (gateway,) = sandbox.gateways()
            events = [record.event for record in sandbox.journal()]
        for block in blocks[-2:]:
            shell.run(block)
    finally:
        shell.close()
    assert (gateway["gateway"], gateway["state"], gateway["apis"]) == ("on-prem", "ready", ["echo-api"])
    answers = [each for each in events if isinstance(each, ConfigurationAnswered)]
    assert {each.operation for each in answers if each.status == 200} >= {"snapshot"}
    assert {each.status for each in answers} <= {200, 204}
