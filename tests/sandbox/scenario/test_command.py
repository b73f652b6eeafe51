"""The scenario commands, as a person types them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from apim_sandbox.cli.app import app
from apim_sandbox.documents import DocumentError

runner = CliRunner()


def test_a_new_scenario_runs_and_passes_as_it_is_written(tmp_path: Path) -> None:
    """Who begins from the template begins green."""
    path = tmp_path / "my-failure.yaml"
    assert runner.invoke(app, ["scenario", "new", str(path)]).exit_code == 0
    ran = runner.invoke(app, ["scenario", "run", str(path), "--twins"])
    assert (ran.exit_code, ran.output.splitlines()[-1][:8]) == (0, "1 passed"), ran.output


def test_a_new_scenario_overwrites_nothing(tmp_path: Path) -> None:
    """Work is never lost."""
    path = tmp_path / "one.yaml"
    path.write_text("mine")
    result = runner.invoke(app, ["scenario", "new", str(path)])
    assert isinstance(result.exception, DocumentError)
    assert path.read_text() == "mine"


def test_a_failing_scenario_ends_with_a_status_for_ci(tmp_path: Path) -> None:
    """And with its JUnit report."""
    path, junit = tmp_path / "one.yaml", tmp_path / "junit.xml"
    path.write_text(
        "id: one\ntitle: One\nstory: Once.\nsource: here\ntags: {hop: 9, actor: you}\n"
        "expect:\n  - {gateway: stopped}\n"
    )
    result = runner.invoke(app, ["scenario", "run", str(path), "--junit", str(junit)])
    assert result.exit_code == 1
    assert "FAILED one" in result.output
    assert 'failures="1"' in junit.read_text()


@pytest.mark.parametrize("word", ["entra", "hop:5", "entra/subject-mismatch"])
def test_list_and_show_take_ids_folders_and_tags(word: str) -> None:
    """The same words as run."""
    for command in ("list", "show"):
        result = runner.invoke(app, ["scenario", command, word])
        assert (result.exit_code, "entra/subject-mismatch" in result.output) == (0, True)
