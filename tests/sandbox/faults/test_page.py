"""docs/faults.md is true: its catalogue, its example, its scenario and its commands."""

import re
import shlex
import types

import httpx
import pytest

from apim_emulators.core.events import FaultFired
from apim_emulators.core.faults import BEHAVIOURS, REGISTRY
from apim_sandbox.control.planning import FaultRequest
from apim_sandbox.fault_page import PATH, page
from apim_sandbox.scenario.load import loads
from apim_sandbox.virtual import run_virtual
from apim_sandbox.virtual_sandbox import virtual_sandbox

TEXT = PATH.read_text(encoding="utf-8")
URL = "https://login.microsoftonline.com/common/discovery/v2.0/keys"


def block(language: str, holding: str) -> str:
    """The page's one code block of a language that holds a text."""
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (found,) = [one for one in blocks if holding in one]
    return found


def test_the_catalogue_is_the_registrys() -> None:
    """`scripts/docs` writes it anew."""
    assert page(TEXT) == TEXT


def test_the_example_of_the_page_acts() -> None:
    """As the page has it: registered, added by name, met by a request, journalled."""
    module = types.ModuleType("example")
    exec(block("python", "class Maintenance"), module.__dict__)

    async def main() -> tuple[int, str, list[FaultFired]]:
        async with virtual_sandbox() as sandbox:
            sandbox.add_fault(FaultRequest("maintenance", "entra", {"minutes": "7"}, calls="2"))
            answers: list[httpx.Response] = [await sandbox.http.get(URL) for _ in range(3)]
            assert [one.status_code for one in answers] == [200, 503, 200]
            fired = [one.event for one in sandbox.records() if isinstance(one.event, FaultFired)]
            return answers[1].status_code, answers[1].text, fired

    try:
        assert run_virtual(main) == (
            503, "Back in 7 minutes.",
            [FaultFired("maintenance", "entra", 2, "promised to be back in 7 minutes", "maintenance")],
        )  # fmt: skip
    finally:
        del REGISTRY["maintenance"], BEHAVIOURS["maintenance"]


def test_the_scenario_of_the_page_loads() -> None:
    """Its time line, in a scenario that has the rest."""
    head = "id: a/b\ntitle: t\nstory: s\nsource: x\ntags: {hop: 5, actor: entra}\n"
    loaded = loads(head + block("yaml", "addFault") + "expect:\n  - {gateway: ready}\n")
    assert [step.action for step in loaded.scenario.cause.timeline] == ["add_fault", "add_fault"]


COMMANDS = re.findall(r"^\$ (apim-sandbox [^#\n]*?)\s*(?:#.*)?$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_exists(command: str) -> None:
    """With the options and arguments that it shows."""
    from typer.main import get_command

    from apim_sandbox.cli.app import app

    words = shlex.split(command)[1:]
    found = get_command(app)
    while words and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]  # type: ignore[attr-defined]
    with found.make_context("apim-sandbox", words):
        pass
