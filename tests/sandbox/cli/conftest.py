"""The command line as a user has it: arguments in; exit status, standard output and error out."""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from apim_sandbox.cli import main
from apim_sandbox.cli.run import ephemeral_sandbox
from apim_sandbox.client import Sandbox


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Cli = Callable[..., Ended]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `apim-sandbox` with these arguments in this process."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["apim-sandbox", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def live() -> Iterator[Sandbox]:
    """A sandbox of the module's own, in a process of its own."""
    with ephemeral_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def here(live: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The module's sandbox is the one that commands find."""
    monkeypatch.setenv("APIM_SANDBOX_STATE_DIR", live.instance.state_dir)
    return live
