"""The examples of docs/ci.md: each parses, has its system's shape, and types commands that exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from apim_sandbox.cli.app import app

ROOT = Path(__file__).parents[2]
CI = ROOT / "docs" / "ci.md"
# Heading of the system before each block, then the block.
BLOCKS = re.findall(r"(?ms)^(GitHub Actions|GitLab CI|Azure Pipelines).*?```yaml\n(.*?)```", CI.read_text())


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans: `on` is a key of GitHub's, not true."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:bool"]
    for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def scripts(system: str, content: dict[str, Any]) -> list[str]:
    """Every command of a pipeline; asserts the shape that the system's schema demands."""
    if system == "GitHub Actions":
        assert {"name", "on", "jobs"} == set(content)
        steps = [step for job in content["jobs"].values() for step in job["steps"]]
        assert all(job["runs-on"] for job in content["jobs"].values())
        assert all(("uses" in step) != ("run" in step) for step in steps)
        return [step["run"] for step in steps if "run" in step]
    if system == "GitLab CI":
        jobs = list(content.values())
        assert all(isinstance(job["script"], list) for job in jobs)
        keys = ("before_script", "script", "after_script")
        return [line for job in jobs for key in keys for line in job.get(key, [])]
    assert set(content) <= {"pool", "variables", "steps"}
    assert all(("task" in step) != ("script" in step) for step in content["steps"])
    return [step["script"] for step in content["steps"] if "script" in step]


SCHEMAS = {
    "GitHub Actions": ("vendor.github-workflows",),
    "GitLab CI": ("vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
    "Azure Pipelines": ("vendor.azure-pipelines", "--data-transform", "azure-pipelines"),
}


def check(schema: tuple[str, ...], file: Path) -> str:
    """What the published schema of a system, as check-jsonschema carries it, says of a file."""
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema, str(file)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("system", "text"), BLOCKS, ids=[f"{system} {i}" for i, (system, _) in enumerate(BLOCKS)]
)
def test_examples_are_valid_by_their_systems_own_schema(system: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(text)
    assert check(SCHEMAS[system], file) == ""


@pytest.mark.parametrize("name", ["compose.yaml", "compose.override.example.yaml"])
def test_compose_files_are_valid_by_composes_schema(name: str) -> None:
    assert check(("vendor.compose-spec",), ROOT / name) == ""


@pytest.mark.parametrize("system", SCHEMAS)
def test_the_schemas_do_refuse(system: str, tmp_path: Path) -> None:
    """A misspelled key is found, so that silence of the others means something."""
    text = next(text for one, text in BLOCKS if one == system)
    file = tmp_path / "example.yaml"
    file.write_text(re.sub(r"(?m)^(\s*)(steps|script):", r"\1skripts:", text))
    assert "errors were encountered" in check(SCHEMAS[system], file)


def test_three_systems_have_three_examples_each() -> None:
    systems = [system for system, _ in BLOCKS]
    assert {system: systems.count(system) for system in systems} == {
        "GitHub Actions": 3, "GitLab CI": 3, "Azure Pipelines": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("system", "text"), BLOCKS, ids=[f"{system} {i}" for i, (system, _) in enumerate(BLOCKS)]
)
def test_examples_have_their_systems_shape_and_call_what_exists(system: str, text: str) -> None:
    content = yaml.load(text, Loader=_Loader)
    known = typer.main.get_command(app)
    called = 0
    for script in scripts(system, content):
        for command in re.split(r"&&|\|\||\n", script):
            words = shlex.split(command)
            if "apim-sandbox" not in words[:1]:
                continue
            called += 1
            group: Any = known
            for word in words[1:]:
                if word.startswith("-") or not hasattr(group, "commands"):
                    break
                assert word in group.commands, f"{command}: no command {word}"
                group = group.commands[word]
            options = {flag for parameter in group.params for flag in parameter.opts}
            given = [word for word in words[1:] if word.startswith("-")]
            for option in given[: given.index("--")] if "--" in given else given:
                assert option in options, f"{command}: no option {option}"
    assert called or "docker compose" in text
