"""What processes of our own do without, and others keep."""

import subprocess
import sys

import pytest


def printed(code: str) -> str:
    """What a fresh interpreter prints that runs `code`."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_our_own_processes_import_httpx_without_its_command_line() -> None:
    """rich, click and trio cost two thirds of its import."""
    code = (
        "import sys; from apim_sandbox.lean import without_unused; without_unused(); import httpx; "
        "print({'rich', 'click', 'pygments', 'trio._core'} & sys.modules.keys() or 'none')"
    )
    assert printed(code) == "none"


@pytest.mark.parametrize("module", ["apim_sandbox", "apim_sandbox.pytest_plugin", "apim_sandbox.client"])
def test_other_peoples_processes_keep_it(module: str) -> None:
    """Importing the package, its plugin or the script API hides nothing from the program that does."""
    code = f"import {module}; import httpx._main; print(httpx._main.main.name)"
    assert printed(code) == "main"


def test_other_peoples_processes_start_as_fast() -> None:
    """The script API imports httpx without what httpx alone would bring along."""
    code = (
        "import sys, apim_sandbox.client, httpx; "
        "print({'rich', 'click', 'pygments', 'trio._core'} & sys.modules.keys() or 'none')"
    )
    assert printed(code) == "none"


def test_a_module_that_waits_is_whole_when_it_is_used() -> None:
    """A program on trio can use the script API, whichever it imports first."""
    code = (
        "import apim_sandbox.client, trio, anyio.to_thread, trio.testing, httpx\n"
        "async def answer():\n"
        "    await anyio.sleep(0)\n"
        "    told = httpx.MockTransport(lambda _: httpx.Response(200))\n"
        "    async with httpx.AsyncClient(transport=told) as http:\n"
        "        return (await http.get('https://sandbox.test')).status_code\n"
        "print(trio.run(answer), type(trio.testing.MockClock()).__name__)"
    )
    assert printed(code) == "200 MockClock"


def test_a_part_of_a_module_that_waits_can_be_imported_first() -> None:
    """Its parts need the whole, as they do everywhere."""
    code = "import apim_sandbox.client; from trio.testing import MockClock; print(MockClock().rate)"
    assert printed(code) == "0.0"


def test_httpx_still_has_its_command_line() -> None:
    """Called from a program that uses the script API, it is httpx's own."""
    code = "import sys, apim_sandbox.client, httpx; sys.argv = ['httpx', '--help']; httpx.main()"
    assert "Usage: httpx" in printed(code)
