"""The scenario commands, as a person types them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from apim_sandbox.cli.app import app
from apim_sandbox.documents import DocumentError
from apim_sandbox.instance import InstanceError

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


def test_a_new_scenario_begins_with_one_of_the_catalogue(tmp_path: Path) -> None:
    """The same story under another id, which passes."""
    path = tmp_path / "Mine 2.yaml"
    made = runner.invoke(app, ["scenario", "new", str(path), "--from", "rbac/reader-missing"])
    assert made.exit_code == 0
    assert "id: mine-2\n" in path.read_text()
    ran = runner.invoke(app, ["scenario", "run", str(path)])
    assert (ran.exit_code, ran.output.splitlines()[-1][:8]) == (0, "1 passed"), ran.output


def test_explain_tells_story_walk_and_reason() -> None:
    """All that one needs to learn from a failure, in one go."""
    told = runner.invoke(app, ["scenario", "explain", "entra/subject-mismatch"])
    assert told.exit_code == 0
    wanted = (
        "Somebody typed",
        "4  gateway → Entra",
        "Entra refused the exchange (hop 5)",
        "expected",
        "Mend",
    )
    assert [word for word in wanted if word not in told.output] == []


def test_different_tags_narrow_and_values_of_one_tag_widen() -> None:
    """As people search."""
    both = runner.invoke(app, ["scenario", "list", "hop:5", "actor:oidc"]).output
    assert "entra/token-lives-too-long" in both
    assert "entra/subject-mismatch" not in both
    wide = runner.invoke(app, ["scenario", "list", "actor:oidc", "actor:you", "hop:5"]).output
    assert "entra/subject-mismatch" in wide


def test_tags_that_no_scenario_has_together_are_refused() -> None:
    """An empty run would look like a good one."""
    result = runner.invoke(app, ["scenario", "run", "webhook", "code:AADSTS700213"])
    assert isinstance(result.exception, DocumentError)
    assert "no scenario is all of that" in str(result.exception)


def test_on_a_cluster_that_is_not_up(tmp_path: Path) -> None:
    """The next thing to type is said; nothing has run."""
    arguments = ["scenario", "run", "rbac", "--on", "kind", "--name", "nobody", "--state-dir", str(tmp_path)]
    result = runner.invoke(app, arguments)
    assert isinstance(result.exception, InstanceError)
    assert (str(result.exception), result.exception.hint) == (
        "no kind sandbox called nobody is up", f"apim-sandbox kind up --name nobody --state-dir {tmp_path}",
    )  # fmt: skip


def test_what_cannot_run_there_is_skipped_with_its_reason(tmp_path: Path) -> None:
    """It is no failure, and it has not passed."""
    path, junit = tmp_path / "one.yaml", tmp_path / "junit.xml"
    path.write_text(
        "id: one\ntitle: One\nstory: Once.\nsource: here\ntags: {hop: 9, actor: you}\n"
        "notOn: {live: a second node is needed}\nexpect:\n  - {gateway: ready}\n"
    )
    result = runner.invoke(app, ["scenario", "run", str(path), "--on", "live", "--junit", str(junit)])
    assert result.exit_code == 0
    assert "skipped one   a second node is needed" in result.output
    assert result.output.splitlines()[-1].startswith("0 passed, 1 skipped of 1 scenario")
    assert 'skipped="1"' in junit.read_text()


def test_list_tells_how_many_cannot_run_in_a_place() -> None:
    """Show tells why."""
    listed = runner.invoke(
        app, ["scenario", "list", "oidc/clock-ahead", "rbac/reader-denied", "--on", "kind"]
    )
    assert "rbac/reader-denied" in listed.output
    assert "oidc/clock-ahead" not in listed.output
    assert "1 scenario; 1 can't run on kind." in listed.output
    shown = runner.invoke(app, ["scenario", "show", "oidc/clock-ahead"])
    assert "kind      skews the signer's clock: the API server signs by the machine's time" in shown.output
