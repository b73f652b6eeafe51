"""The catalogue: every scenario proves its cause, and every report has its place."""

from pathlib import Path

import pytest

from apim_sandbox.documents import DocumentError
from apim_sandbox.scenario.catalogue import coverage, folder, select
from apim_sandbox.scenario.load import Loaded, load_all
from apim_sandbox.scenario.runner import prove, run
from apim_sandbox.scenario.suite import run_all

CATALOGUE = load_all([folder()])


@pytest.fixture(params=CATALOGUE, ids=lambda loaded: loaded.scenario.id)
def loaded(request: pytest.FixtureRequest) -> Loaded:
    """Each scenario in turn."""
    found: Loaded = request.param
    return found


def test_a_scenario_shows_its_cause_and_its_mended_twin_is_healthy(loaded: Loaded) -> None:
    """All expectations are met; without the cause some are not, and nothing is left to explain."""
    assert prove(loaded).complaints == ()


def test_a_scenario_is_named_after_its_file(loaded: Loaded) -> None:
    """Ids are paths, so that who has seen one finds the other."""
    file = Path(loaded.document.file)
    assert loaded.scenario.id == f"{file.parent.name}/{file.stem}"


def test_every_broken_scenario_says_how_it_is_explained() -> None:
    """A cause without an explanation teaches nothing; `silent` is for files of one's own."""
    unexplained = [
        one.scenario.id
        for one in CATALOGUE
        if one.scenario.cause and not any(each.explanation for each in one.scenario.expect)
    ]
    assert unexplained == []


def test_no_two_scenarios_have_the_same_cause() -> None:
    """The same cause in other words is one scenario too many."""
    causes: dict[str, list[str]] = {}
    for one in CATALOGUE:
        if one.scenario.cause:
            key = one.scenario.cause.model_dump_json() + str(one.scenario.world) + str(one.scenario.manifest)
            causes.setdefault(key, []).append(one.scenario.id)
    assert [ids for ids in causes.values() if len(ids) > 1] == []


@pytest.mark.long
def test_the_same_seed_gives_the_same_journal_in_any_order_and_in_any_process() -> None:
    """Byte for byte."""
    forwards = {one.broken.scenario.id: one.broken.journal for one in run_all(CATALOGUE, seed=7, jobs=2)}
    backwards = {one.scenario.id: run(one, seed=7).journal for one in reversed(CATALOGUE)}
    assert [name for name in forwards if forwards[name] != backwards[name]] == []


def test_every_report_has_its_scenario_or_its_reason() -> None:
    """No row of the three tables is lost."""
    found = coverage(CATALOGUE)
    assert found.problems == ()
    numbers = {
        "entra": [int(row) for row in found.causes.entra],
        "apim": [int(row) for row in found.causes.apim],
        "kubernetes": [int(row) for row in found.causes.kubernetes],
    }
    assert numbers == {
        "entra": list(range(1, 52)),
        "apim": list(range(1, 49)),
        "kubernetes": list(range(1, 39)),
    }


def test_a_test_that_shows_a_report_exists() -> None:
    """Where only a real cluster or another tool can make the cause."""
    named = [report.test for _, _, report in coverage(CATALOGUE).causes.rows() if report.test]
    assert named
    missing = []
    for one in named:
        file, _, name = one.partition("::")
        if f"def {name}(" not in Path(file).read_text(encoding="utf-8"):
            missing.append(one)
    assert missing == []


def test_every_scenario_of_a_report_is_named_once() -> None:
    """A second row with the same cause is merged, not told again."""
    told = [report.scenario for _, _, report in coverage(CATALOGUE).causes.rows() if report.scenario]
    assert sorted(set(told)) == sorted(told)


def test_scenarios_are_found_by_id_folder_and_tag() -> None:
    """What the command line takes."""
    assert [one.scenario.id for one in select(CATALOGUE, ["healthy/article"])] == ["healthy/article"]
    assert {one.scenario.folder for one in select(CATALOGUE, ["rbac"])} == {"rbac"}
    assert {one.scenario.tags.hop for one in select(CATALOGUE, ["hop:8"])} == {8}
    assert "entra/subject-case" in {one.scenario.id for one in select(CATALOGUE, ["code:AADSTS7002138"])}


def test_an_unknown_name_meets_the_nearest_one() -> None:
    """A person mistypes."""
    with pytest.raises(DocumentError, match='write "entra/subject-mismatch"'):
        select(CATALOGUE, ["entra/subject-missmatch"])


def test_the_beginning_of_a_name_meets_those_that_begin_so() -> None:
    """A person remembers half of it."""
    with pytest.raises(DocumentError, match='write one of "rbac/validator-at-other-group", "rbac/val'):
        select(CATALOGUE, ["rbac/val"])
