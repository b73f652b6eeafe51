"""A live sandbox for other people's clients, and what those need to be installed."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from apim_sandbox.cli.run import ephemeral_sandbox
from apim_sandbox.client import Sandbox

HERE = Path(__file__).parent
CACHE = HERE / ".cache"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs other people's clients."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("clients")


@pytest.fixture(scope="session")
def live() -> Iterator[Sandbox]:
    """A sandbox of its own in a process of its own."""
    with ephemeral_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder with Node programs and their dependencies."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = HERE / "node"
    if not (folder / "node_modules" / ".package-lock.json").exists():
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True, timeout=300
        )
    return folder


@pytest.fixture(scope="session")
def go_program() -> Path:
    """The Go program, built."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    CACHE.mkdir(exist_ok=True)
    program = CACHE / "workload-identity-go"
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE / "go", check=True, timeout=540)
    return program
