"""Writes `client/sync`, the synchronous script API, from `client/aio`, the asynchronous one.

The one source is `client/aio`. With --check it only says whether `client/sync` is what it should be.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import unasync

CLIENT = Path(__file__).parent.parent / "sandbox" / "apim_sandbox" / "client"
WORDS = {
    "AsyncArm": "Arm",
    "AsyncClient": "Client",
    "AsyncClock": "Clock",
    "AsyncCloud": "Cloud",
    "AsyncControl": "Control",
    "AsyncFaults": "Faults",
    "AsyncFederatedCredentials": "FederatedCredentials",
    "AsyncGateway": "Gateway",
    "AsyncGenerator": "Generator",
    "AsyncGraph": "Graph",
    "AsyncOperatorSource": "OperatorSource",
    "AsyncRoleAssignments": "RoleAssignments",
    "AsyncSandbox": "Sandbox",
    "aclose": "close",
    "aclosing": "closing",
    "aio": "sync",
    "aiter_lines": "iter_lines",
    "aread": "read",
    "in_thread": "at_once",
}
HEAD = "# Written by scripts/docs from client/aio: change it there.\n"


def write(target: Path) -> None:
    """Write the synchronous package into the folder `target`."""
    sources = sorted((CLIENT / "aio").glob("*.py"))
    rule = unasync.Rule(f"{CLIENT / 'aio'}/", f"{target}/", WORDS)
    unasync.unasync_files([str(path) for path in sources], [rule])
    for path in sorted(target.glob("*.py")):
        path.write_text(HEAD + path.read_text())
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--quiet", "--select", "I", "--fix", str(target)], check=True)
    subprocess.run([*ruff, "format", "--quiet", str(target)], check=True)


def differing() -> list[str]:
    """The names of the files that are not what `client/aio` makes them."""
    with tempfile.TemporaryDirectory(dir=CLIENT.parent, prefix=".unasync-") as directory:
        wanted = Path(directory) / "sync"
        write(wanted)
        names = {path.name for folder in (wanted, CLIENT / "sync") for path in folder.glob("*.py")}
        return sorted(name for name in names if _text(wanted / name) != _text(CLIENT / "sync" / name))


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        found = differing()
        if found:
            sys.exit(f"client/sync: {', '.join(found)} is not what client/aio makes it; run scripts/docs")
    else:
        write(CLIENT / "sync")
