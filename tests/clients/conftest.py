"""Live sandboxes for other people's clients, and what those need to be installed.

Each big client has an environment of its own in `.cache`, made at first use from pinned requirements
and kept until those change.
"""

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from apim_sandbox.cli.run import ephemeral_sandbox
from apim_sandbox.cli.updown import UpOptions, start_detached, stop_instance
from apim_sandbox.client import Sandbox

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
WORLD = HERE.parents[1] / "examples" / "article" / "world.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs other people's clients."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("clients")


@pytest.fixture(scope="session")
def live() -> Iterator[Sandbox]:
    """A sandbox of its own in a process of its own, with the built-in world."""
    with ephemeral_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def cloud() -> Iterator[Sandbox]:
    """A sandbox with what the article presupposes: its operator signs in by a service account."""
    with tempfile.TemporaryDirectory(prefix="apim-sandbox-") as directory:
        options = UpOptions(state_dir=Path(directory), world=WORLD, edge_port=0, proxy_port=0, control_port=0)
        instance, process = start_detached(options)
        try:
            with Sandbox.connect(Path(directory)) as sandbox:
                yield sandbox
        finally:
            stop_instance(options.state, instance)
            process.wait()


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder with Node programs and their dependencies."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder, lock = HERE / "node", (HERE / "node" / "package-lock.json").read_bytes()
    stamp = folder / "node_modules" / ".installed"
    with alone("node"):
        if not stamp.exists() or stamp.read_text() != sha256(lock).hexdigest():
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True, timeout=300
            )
            stamp.write_text(sha256(lock).hexdigest())
    return folder


@pytest.fixture(scope="session")
def go_program() -> Path:
    """The Go program, built."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    program = CACHE / "credentials-go"
    with alone("go"):
        subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE / "go", check=True, timeout=540)
    return program


@pytest.fixture(scope="session")
def sdk() -> str:
    """A Python that has Azure's and Microsoft Graph's SDKs."""
    return str(virtual_environment("python") / "bin" / "python")


@pytest.fixture(scope="session")
def az() -> str:
    """The Azure CLI."""
    return str(virtual_environment("az") / "bin" / "az")


def virtual_environment(name: str) -> Path:
    """A virtual environment with `{name}/requirements.txt`, kept while that file stays as it is."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    requirements = HERE / name / "requirements.txt"
    place = CACHE / name
    stamp = place / ".installed"
    wanted = sha256(requirements.read_bytes()).hexdigest()
    with alone(name):
        if not stamp.exists() or stamp.read_text() != wanted:
            python = str(place / "bin" / "python")
            subprocess.run(
                [uv, "venv", "-q", "--clear", "--python", sys.executable, str(place)], check=True, timeout=60
            )
            subprocess.run(
                [uv, "pip", "install", "-q", "--python", python, "-r", str(requirements)],
                check=True,
                timeout=580,
            )
            stamp.write_text(wanted)
    return place


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Install `name` while no other process of the tests does: what is half there would be used."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
