"""What a start must not cost."""

import subprocess
import sys


def loaded_after(program: str) -> set[str]:
    """The packages that a new interpreter has loaded after `program`, whose parts they import."""
    program += (
        "; import sys; print(*{name.partition('.')[0] for name, one in sys.modules.items()"
        " if one and type(one).__name__ != '_Later'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_server_does_without_what_httpx_needs_for_its_own_command_line() -> None:
    """httpx would import rich and pygments."""
    loaded = loaded_after(
        "from apim_sandbox.lean import without_unused; without_unused(); import apim_sandbox.serving.server"
    )
    assert loaded & {"rich", "pygments", "fastapi", "pydantic", "trio", "typer"} == set()
    assert {"httpx", "starlette"} <= loaded


def test_a_live_process_does_without_trio() -> None:
    """httpcore would import it for a loop that does not run here."""
    loaded = loaded_after(
        "from apim_sandbox.lean import without_unused; without_unused()\n"
        "import httpx; from apim_sandbox.cli.updown import run_live\n"
        "async def main(): httpx.AsyncClient()\n"
        "run_live(main)"
    )
    assert "trio" not in loaded
    assert "httpcore" in loaded


def test_a_sandbox_in_a_thread_does_without_what_reads_files() -> None:
    """The built-in world was read before: pydantic waits for a file, FastAPI for who asks for docs."""
    loaded = loaded_after(
        "from apim_sandbox import Sandbox\n"
        "with Sandbox.start() as sandbox:\n"
        "    sandbox.restore()\n"
        "    sandbox.status()\n"
        "0"
    )
    assert loaded & {"rich", "pygments", "fastapi", "pydantic", "trio", "typer"} == set()


def test_up_itself_does_without_an_http_client() -> None:
    """It waits for what the server writes down, and imports little more than that."""
    loaded = loaded_after("import apim_sandbox.cli.updown")
    assert loaded & {"httpx", "starlette", "pydantic", "cryptography", "yaml", "rich"} == set()
