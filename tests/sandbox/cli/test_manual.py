"""The manual, the help texts and what stands in them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from apim_sandbox.cli.app import app
from apim_sandbox.cli.manual import commands, example, page, purpose
from apim_sandbox.cli.problems import STATUSES

ROOT = Path(__file__).parents[3]
COMMANDS = dict(commands())
HEAVY = {
    "anyio",
    "cryptography",
    "fastapi",
    "httpx",
    "msgspec",
    "pydantic",
    "rich",
    "starlette",
    "trio",
    "yaml",
}


def test_the_manual_is_what_the_commands_say() -> None:
    """docs/cli.md is written by scripts/docs; nobody forgets to run it."""
    assert (ROOT / "docs/cli.md").read_text() == page()


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_its_purpose_in_one_line_and_an_example(path: str) -> None:
    """The example names the command itself."""
    command: Any = COMMANDS[path]
    text = command.help.strip().splitlines()
    assert purpose(command).endswith(".")
    assert text[1] == ""
    assert sum(row.strip().startswith("Example: ") for row in text) == 1
    assert path in example(command)
    assert all(one.help for one in command.params), [one.name for one in command.params if not one.help]


def test_the_root_help_lists_every_exit_status() -> None:
    """One table, here and in the manual."""
    shown = CliRunner().invoke(app, ["--help"]).output
    listed = [row.strip() for row in shown.splitlines()]
    assert [row for row in (f"{one.number}  {one.meaning}" for one in STATUSES) if row not in listed] == []


def test_help_imports_nothing_heavy() -> None:
    """What a command needs it imports when it runs: --help answers at once."""
    program = f"import sys, apim_sandbox.cli.app; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("cl", ["clock"]),
        ("get ap", ["apis"]),
        ("get p", ["pods"]),
        ("env --for no", ["node"]),
        ("token ", ["sa", "gateway", "access"]),
    ],
)
def test_a_shell_completes_commands_and_values(words: str, offered: list[str]) -> None:
    """Typer's completion, asked as bash asks it."""
    line = f"apim-sandbox {words}"
    environment = {
        "_APIM_SANDBOX_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")),
    }  # fmt: skip
    done = CliRunner().invoke(app, [], prog_name="apim-sandbox", env=environment)
    assert done.output.split() == offered


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        (["--help"], "80"),
        (["-h"], "200"),
        (["--help"], "60"),
        (["--version"], "80"),
    ],
)
def test_what_is_answered_at_once_is_what_the_commands_say(arguments: list[str], columns: str) -> None:
    """The help that is kept as a file, and the version, are the commands' own at every width."""
    program = "import sys; sys.argv[0] = 'apim-sandbox'; from apim_sandbox.cli{0} import {1}; {1}()"
    answers = [
        subprocess.run(
            [sys.executable, "-c", program.format(*where), *arguments],
            capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": columns},
        ).stdout
        for where in (("", "main"), (".app", "app"))
    ]  # fmt: skip
    assert answers[0] == answers[1] != ""


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_do_without_the_commands(argument: str) -> None:
    """They cost an interpreter's start and nothing else."""
    program = (
        "import sys; from apim_sandbox.cli import main; sys.argv = ['apim-sandbox', sys.argv[1]]; main();"
        "sys.exit('typer' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, argument], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "COLUMNS": "80"})  # fmt: skip
