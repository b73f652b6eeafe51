"""A sandbox is found by a lock that dies with it."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from apim_emulators.core.ids import SeededIds
from apim_sandbox import instance
from apim_sandbox.instance import Instance, InstanceError, Secrets, StateDir

INSTANCE = Instance(
    pid=4711, version="1", world="contoso", control="http://127.0.0.1:1", edge="https://localhost:2",
    proxy="http://127.0.0.1:3", ca_file="/ca.pem", bundle_file="/bundle.pem", state_dir="/state",
)  # fmt: skip


def test_a_running_sandbox_is_found(tmp_path: Path) -> None:
    """While the lock is held, others read where the sandbox listens."""
    state = StateDir(tmp_path)
    with state.lock():
        state.publish(INSTANCE)
        found = subprocess.run(
            [sys.executable, "-c", f"from pathlib import Path; from apim_sandbox.instance import StateDir;"
             f" print(StateDir(Path({str(tmp_path)!r})).running().pid)"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert found.stdout == "4711\n"


def test_a_killed_sandbox_leaves_nothing_that_a_person_must_delete(tmp_path: Path) -> None:
    """The kernel lets go of the lock; the stale file counts for nothing."""
    holder = (
        "import os, signal; from pathlib import Path; from apim_sandbox.instance import *\n"
        f"state = StateDir(Path({str(tmp_path)!r})); lock = state.lock()\n"
        "state.publish(Instance(1, '1', 'w', 'c', 'e', 'p', 'a', 'b', 's'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", holder], check=False)
    state = StateDir(tmp_path)
    assert (tmp_path / "instance.json").exists()
    assert state.running() is None
    state.lock().close()


def test_a_second_sandbox_is_told_where_the_first_one_runs(tmp_path: Path) -> None:
    """The message names pid and control service, and the next command."""
    state = StateDir(tmp_path)
    with state.lock():
        state.publish(INSTANCE)
        with pytest.raises(InstanceError, match=r"pid 4711, control http://127\.0\.0\.1:1") as caught:
            state.lock()
    assert caught.value.hint.startswith("apim-sandbox status")


def test_who_only_looks_keeps_no_sandbox_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that looks whether a sandbox runs, just when one starts, and has looked a moment later."""
    state = StateDir(tmp_path)
    state.lock().close()
    looking = (tmp_path / "lock").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    taken = instance._taken

    def has_looked(file: int, lock: int) -> bool:
        if lock == fcntl.LOCK_SH:
            looking.close()
        return taken(file, lock)

    monkeypatch.setattr(instance, "_taken", has_looked)
    with state.lock():
        assert looking.closed


def test_a_directory_that_can_not_be_written_says_so(tmp_path: Path) -> None:
    """The message names the directory and the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InstanceError, match="can't be written") as caught:
        StateDir(tmp_path / "file" / "state").create()
    assert "--state-dir" in caught.value.hint


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    """The same at every start, mode 0600, and obviously not real."""
    first = StateDir(tmp_path).secrets()
    assert StateDir(tmp_path).secrets() == first
    assert oct((tmp_path / "secrets.json").stat().st_mode & 0o777) == "0o600"
    assert first.provider.startswith("not-a-real-secret-")


def test_seeded_secrets_are_reproducible() -> None:
    """Virtual runs have equal secrets from equal seeds."""
    assert Secrets.generate(SeededIds("1")) == Secrets.generate(SeededIds("1"))


def test_reset_forgets_everything_but_the_ca(tmp_path: Path) -> None:
    """Who trusted the CA keeps on trusting it."""
    (tmp_path / "ca").mkdir()
    (tmp_path / "pods").mkdir()
    (tmp_path / "entra.sqlite").write_text("")
    StateDir(tmp_path).reset()
    assert [path.name for path in tmp_path.iterdir()] == ["ca"]
