"""What becomes of a sandbox's processes, its objects and its clock when it ends, however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import httpx
import pytest

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.events import PodChanged
from apim_emulators.core.journal import Record
from apim_sandbox.client import Sandbox
from apim_sandbox.examples import article_manifest
from apim_sandbox.instance import StateDir

pytestmark = pytest.mark.clients

PROMISED = 2.0  # seconds
ATTEMPTS = 5
PATIENCE = 60.0


@contextmanager
def foreground(directory: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`apim-sandbox up` in the foreground, once it answers; killed at the end if it still runs."""
    ports = [f"--{name}-port=0" for name in ("edge", "proxy", "control")]
    command = [sys.executable, "-m", "apim_sandbox", "up", "--state-dir", str(directory), *ports, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith(b"Sandbox ready: ")
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def crowd() -> float:
    """How many programs share a processor, at least 1: what takes a second alone takes that many."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def is_ready(record: Record) -> bool:
    return isinstance(record.event, PodChanged) and record.event.ready


def children(pid: int) -> list[int]:
    """Every process that descends from `pid`."""
    shown = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, row.split())) for row in shown.splitlines()]
    found = [pid]
    for one in found:
        found += [child for child, parent in pairs if parent == one and child not in found]
    return found[1:]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def until_gone(pids: list[int], patience: float) -> list[int]:
    """Wait until these processes are gone; those that are not."""

    async def wait() -> list[int]:
        with anyio.move_on_after(patience):
            while any(alive(pid) for pid in pids):  # noqa: ASYNC110  other processes' doing
                await anyio.sleep(0.01)
        return [pid for pid in pids if alive(pid)]

    return anyio.run(wait, backend="trio")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("options", [(), ("--separate",)], ids=["one-process", "several-processes"])
def test_ctrl_c_ends_every_process(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The gateway, and the emulators where they are processes, end with the sandbox, in two seconds.

    Every time they all end; how fast is measured again while other programs may have had the processors.
    """
    fastest = float("inf")
    for _ in range(ATTEMPTS):
        fastest = min(fastest, end_by_ctrl_c(tmp_path, options))
        if fastest < PROMISED:
            break
    assert fastest < PROMISED * crowd()


def end_by_ctrl_c(directory: Path, options: tuple[str, ...]) -> float:
    """The seconds that all processes of a sandbox took to end."""
    clock = SystemTime()
    with foreground(directory, *options) as process:
        with Sandbox.connect(directory) as sandbox:
            sandbox.apply([article_manifest()])
            sandbox.wait_for("a ready pod", is_ready, timeout=PATIENCE)
        started = children(process.pid)
        assert len(started) == (4 if options else 1)
        began = clock.tick()
        process.send_signal(signal.SIGINT)
        assert until_gone([process.pid, *started], PATIENCE) == []
        took = clock.tick() - began
        assert process.wait() == 0
    assert StateDir(directory).running() is None
    return took


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_killed_sandbox_leaves_no_orphan_and_comes_back(tmp_path: Path) -> None:
    """Its gateway ends with it; the next `up` has the applied objects, and runs them again."""
    with foreground(tmp_path) as process:
        with Sandbox.connect(tmp_path) as sandbox:
            sandbox.apply([article_manifest()])
            sandbox.wait_for("a ready pod", is_ready, timeout=PATIENCE)
            accounts = sandbox.service_accounts()
        started = children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert started
        assert until_gone(started, PATIENCE) == []
    with foreground(tmp_path), Sandbox.connect(tmp_path) as sandbox:
        sandbox.wait_for("a ready pod", is_ready, timeout=PATIENCE)
        assert sandbox.service_accounts() == accounts
        pods = sandbox.pods()
        assert [pod["name"].startswith("apim-gateway-") for pod in pods] == [True]
        answer = httpx.get(f"http://127.0.0.1:{pods[0]['ports']['8080']}/echo/hello", trust_env=False)
        assert answer.status_code == 200


def test_a_restarted_sandbox_goes_on_at_its_own_time(tmp_path: Path) -> None:
    """The clock's offset and skews are kept, also over a kill; `--reset` forgets them."""
    day = 86400.0
    with foreground(tmp_path) as process:
        with Sandbox.connect(tmp_path) as sandbox:
            sandbox.clock.advance(day)
            sandbox.clock.skew("entra", -300)
            before = sandbox.clock.show()
        process.send_signal(signal.SIGKILL)
        process.wait()
    with foreground(tmp_path) as process:
        with Sandbox.connect(tmp_path) as sandbox:
            after = sandbox.clock.show()
        assert (after["offset"], after["skews"]) == (day, {"entra": -300.0})
        assert after["now"] >= before["now"]
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    kept = json.loads((tmp_path / "clock.json").read_text())
    assert kept.pop("now") > before["now"] - 60  # when it last moved
    assert kept == {"offset": day, "skews": {"entra": -300.0}, "frozen": None}
    with foreground(tmp_path, "--reset"), Sandbox.connect(tmp_path) as sandbox:
        clock = sandbox.clock.show()
        assert (clock["offset"], clock["skews"]) == (0.0, {})
