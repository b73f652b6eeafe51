"""The package as it is installed: whole without the repository."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

CARRIED = ("examples/article", "scenarios", "docs/scenario.schema.json")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the wheel, in a folder."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], check=True)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as opened:
        opened.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, folder: Path, *words: str) -> str:
    """What the installed command prints."""
    command = [sys.executable, "-P", "-m", "apim_sandbox", *words]
    env = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(folder), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.clients
def test_what_commands_read_is_in_the_package(installed: Path) -> None:
    """Each file of the article's example and of the catalogue, as it is in the repository."""
    expected = {
        file: file.read_bytes()
        for name in CARRIED
        for file in ([Path(name)] if Path(name).is_file() else Path(name).rglob("*"))
        if file.is_file()
    }
    root = installed / "apim_sandbox" / "installed"
    found = {file.relative_to(root): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    assert found == expected


@pytest.mark.clients
def test_the_package_plays_its_catalogue_and_its_demo(installed: Path, tmp_path: Path) -> None:
    """From an empty directory, without the repository."""
    assert "healthy" in run(installed, tmp_path, "scenario", "run", "healthy")
    assert (
        str(installed)
        in run(installed, tmp_path, "scenario", "new", "mine.yaml") + (tmp_path / "mine.yaml").read_text()
    )
    assert "the reader role is not assigned" in run(installed, tmp_path, "demo")
