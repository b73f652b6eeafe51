"""What processes of our own do without, and others keep."""

import subprocess
import sys

import pytest


def printed(code: str) -> str:
    """What a fresh interpreter prints that runs `code`."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_our_own_processes_import_httpx_without_its_command_line() -> None:
    """rich and click cost a third of its import."""
    code = (
        "import sys; from apim_sandbox.lean import without_unused; without_unused(); import httpx; "
        "print({'rich', 'click', 'pygments'} & sys.modules.keys() or 'none')"
    )
    assert printed(code) == "none"


@pytest.mark.parametrize("module", ["apim_sandbox", "apim_sandbox.pytest_plugin", "apim_sandbox.client"])
def test_other_peoples_processes_keep_it(module: str) -> None:
    """Importing the package, its plugin or the script API hides nothing from the program that does."""
    code = f"import {module}; import httpx._main; print(httpx._main.main.name)"
    assert printed(code) == "main"
