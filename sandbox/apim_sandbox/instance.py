"""A sandbox on this machine: its state directory, its secrets, and how others find the running one.

<state>/lock            held (flock) by the running sandbox; the kernel lets go when it dies
<state>/instance.json   where it listens; stale unless the lock is held
<state>/secrets.json    what this sandbox's own parts authenticate with, mode 0600
<state>/ca/             the certificate authority
<state>/*.sqlite        what the emulators remember
<state>/pods/           projected volumes
"""

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Self

from msgspec import Struct, to_builtins

from apim_emulators.core.ids import Ids, RandomIds

STATE_VARIABLE = "APIM_SANDBOX_STATE_DIR"


class InstanceError(Exception):
    """A sandbox that can't start, or that is not there; `hint` is the next command to type."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Secrets(Struct, frozen=True):
    """What the sandbox's parts prove themselves with; generated, and of no use elsewhere."""

    provider: str
    admin: str
    operator: str

    @classmethod
    def generate(cls, ids: Ids) -> Self:
        return cls(
            *(
                f"not-a-real-secret-{ids.child(f'secret/{name}').secret(40)}"
                for name in ("provider", "admin", "operator")
            )
        )


class Instance(Struct, frozen=True):
    """Where a running sandbox listens. `pid` is 0 when it runs as containers."""

    pid: int
    version: str
    world: str
    control: str
    edge: str
    proxy: str
    ca_file: str
    bundle_file: str
    state_dir: str
    control_token: str = ""


class StateDir:
    """The directory of one sandbox, mode 0700."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    def create(self) -> None:
        """Make the directory. Raises `InstanceError` where that can't be."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InstanceError(
                f"state directory {self.path} can't be written: {error.strerror}",
                f"name another with --state-dir DIR or {STATE_VARIABLE}",
            ) from None

    def lock(self) -> "Lock":
        """Take the directory for this process. Raises `InstanceError` when a sandbox runs in it."""
        return Lock(self)

    def secrets(self) -> Secrets:
        """This sandbox's secrets, generated at the first call."""
        path = self.path / "secrets.json"
        try:
            return Secrets(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            secrets = Secrets.generate(RandomIds())
            write_private(path, json.dumps(to_builtins(secrets)))
            return secrets

    def publish(self, instance: Instance) -> None:
        """Tell others on this machine where the sandbox listens."""
        write_private(self.path / "instance.json", json.dumps(to_builtins(instance), indent=2) + "\n")

    def running(self) -> Instance | None:
        """The sandbox that runs here, None when none does (a stale file counts for nothing)."""
        try:
            instance = Instance(**json.loads((self.path / "instance.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None
        # A lock held in a container can't be seen from everywhere; there, who answers counts.
        alive = self._locked() if instance.pid else answers(instance.control)
        return instance if alive else None

    def reset(self) -> None:
        """Forget everything but the certificate authority."""
        for child in self.path.iterdir():
            if child.name in ("ca", "lock"):
                continue
            if child.is_dir():
                shutil.rmtree(child, ignore_errors=True)
            else:
                child.unlink(missing_ok=True)

    def _locked(self) -> bool:
        try:
            with (self.path / "lock").open("r") as file:
                return not _taken(file.fileno(), fcntl.LOCK_SH)
        except OSError:
            return False


class Lock:
    """Holds the state directory until closed or until the process dies, however it dies."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._file = os.open(state.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while not _taken(self._file, fcntl.LOCK_EX):
            # Who looks whether a sandbox runs shares the lock for an instant: no sandbox does that.
            if _taken(self._file, fcntl.LOCK_SH):
                fcntl.flock(self._file, fcntl.LOCK_UN)
                continue
            os.close(self._file)
            running = state.running()
            where = f" (pid {running.pid}, control {running.control})" if running else ""
            raise InstanceError(
                f"a sandbox runs already in {state.path}{where}",
                "apim-sandbox status, or apim-sandbox down, or another one with --state-dir DIR",
            )

    def close(self) -> None:
        (self._state.path / "instance.json").unlink(missing_ok=True)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _taken(file: int, lock: int) -> bool:
    """Whether the lock could be had at once."""
    try:
        fcntl.flock(file, lock | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def answers(control: str) -> bool:
    """Whether a control service listens at this URL."""
    import httpx

    try:
        return httpx.get(f"{control}/health", timeout=10, trust_env=False).status_code in (200, 401)
    except httpx.HTTPError:
        return False


def default_state_dir() -> Path:
    """`$APIM_SANDBOX_STATE_DIR`, else `apim-sandbox` in the user's state directory (XDG)."""
    if named := os.environ.get(STATE_VARIABLE):
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "apim-sandbox"


def write_private(path: Path, text: str) -> None:
    """Write whole or not at all, mode 0600."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
