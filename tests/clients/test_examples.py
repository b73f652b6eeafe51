"""examples/: each does what its README says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

EXAMPLES = Path("examples").resolve()


def test_the_apps_makefile_runs_as_a_ci_job(tmp_path: Path) -> None:
    """Manifests, both suites and the scenario pass, and leave their JUnit files."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    make = ["make", "-C", str(tmp_path / "examples" / "app"), "ci", f"PYTHON={sys.executable}"]
    done = subprocess.run(make, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "examples" / "app" / "out"
    assert {path.name: _counted(path) for path in out.iterdir()} == {
        "pytest.xml": (6, 0, 0),
        "scenario.xml": (1, 0, 0),
    }
    assert "Ran 2 tests" in done.stderr


def _counted(path: Path) -> tuple[int, int, int]:
    """Tests, failures and errors of a JUnit file."""
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    tests, failures, errors = (
        sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors")
    )
    return tests, failures, errors


def test_the_node_test_runs_as_a_pod(node: Path, tmp_path: Path) -> None:
    """`npm test`, with a sandbox that lives as long as the test."""
    folder = tmp_path / "node"
    shutil.copytree(EXAMPLES / "node", folder)
    (folder / "node_modules").symlink_to(node / "node_modules")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["npm", "test"],
        cwd=folder,
        env={**os.environ, "PATH": path, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 1" in done.stdout
