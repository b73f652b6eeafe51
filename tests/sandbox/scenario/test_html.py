"""The report is one file that needs nothing else, shows each walk, and says what it must."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from apim_sandbox.insight.walk import Walk
from apim_sandbox.scenario.command import run_scenarios
from apim_sandbox.scenario.html import html
from apim_sandbox.scenario.load import load
from apim_sandbox.scenario.picture import picture
from apim_sandbox.scenario.runner import Result, run, told_walk

VOID = {"meta", "link", "br", "hr", "img", "input"}
OPTIONAL = {"li", "p", "tr", "td", "th", "tbody", "thead"}


class Balanced(HTMLParser):
    """Every element that is opened is closed in order; attributes that load something are noted."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.mistakes: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "data", "action") or (
                name == "href" and not str(value).startswith("#")
            ):
                self.loads.append(f"{tag} {name}={value}")
            if name == "id":
                self.ids.append(str(value))
            if name == "href":
                self.links.append(str(value)[1:])

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(tag)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    names = (
        "entra/subject-mismatch",
        "healthy/article",
        "rbac/reader-propagating",
        "webhook/pod-label-missing",
    )
    return {name: run(load(Path("scenarios") / f"{name}.yaml")) for name in names}


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    parser.close()
    return parser


def test_the_page_is_well_formed_and_loads_nothing(results: dict[str, Result]) -> None:
    """No address is fetched, no script runs; every link leads into the page itself."""
    page = html(list(results.values()))
    seen = parsed(page)
    assert (seen.mistakes, seen.open, seen.loads) == ([], [], [])
    assert set(seen.links) <= set(seen.ids)
    assert len(seen.ids) == len(set(seen.ids)) == len(results)
    assert not re.search(r"<script|@import|url\(", page)


def test_the_broken_hop_is_marked_and_what_follows_was_never_reached(results: dict[str, Result]) -> None:
    svg = picture(told_walk(results["entra/subject-mismatch"]))
    styles = re.findall(r'<circle class="number (\w+)"', svg)
    assert styles == ["ok"] * 4 + ["failed"] + ["never"] * 4
    assert svg.count('class="cross"') == svg.count('class="band"') == 1
    assert 'aria-label="The walk stops at hop 5' in svg


def test_a_walk_that_went_well_has_no_mark(results: dict[str, Result]) -> None:
    svg = picture(told_walk(results["healthy/article"]))
    assert re.findall(r'<circle class="number (\w+)"', svg) == ["ok"] * 9
    assert "band" not in svg
    assert "cross" not in svg


def test_nothing_happened_is_a_picture_too() -> None:
    assert picture(Walk("", ())).count("number never") == 9


def test_what_differs_is_marked_in_both_values(results: dict[str, Result]) -> None:
    page = html([results["entra/subject-mismatch"]])
    assert page.count("<mark>") == 2
    assert "AADSTS700213" in page
    assert "az ad app federated-credential update" in page


def test_every_text_is_escaped(results: dict[str, Result]) -> None:
    """Stories, problems and values of a journal are words, never markup."""
    result = results["healthy/article"]
    scenario = result.scenario.model_copy(update={"title": "<b>&\"'", "story": "</article><script>"})
    page = html([replace(result, scenario=scenario, problem="<i>")], title="<u>")
    assert "&lt;/article&gt;&lt;script&gt;" in page
    assert (parsed(page).mistakes, "<script" in page, "<u>" in page, "<i>" in page) == (
        [],
        False,
        False,
        False,
    )


def test_a_long_journal_is_shortened_in_its_middle(results: dict[str, Result]) -> None:
    result = results["healthy/article"]
    many = tuple(replace(result.records[0], sequence=number) for number in range(1, 301))
    page = html([replace(result, records=many, explanation=None)])
    assert "Journal: 300 records" in page
    assert "200 records are left out here" in page


def test_the_outcomes_are_counted(results: dict[str, Result]) -> None:
    mine = list(results.values())
    mine[0] = replace(mine[0], problem="it did not end")
    mine[1] = replace(mine[1], skipped="needs live: a program")
    page = html(mine)
    assert "2 passed" in page
    assert "1 failed" in page
    assert "1 skipped" in page
    assert "Skipped: needs live: a program" in page


def test_no_signature_and_no_secret_is_in_the_page(results: dict[str, Result]) -> None:
    """Tokens are shown decoded; three base64url parts joined by dots would be a whole one."""
    assert not re.search(r"eyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}", html(list(results.values())))


def test_the_command_writes_the_report_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`scenario run --html FILE`."""
    file = tmp_path / "report.html"
    assert run_scenarios(["healthy/article"], html=file) == 0
    assert parsed(file.read_text(encoding="utf-8")).ids == ["healthy-article"]
    assert file.as_uri() in capsys.readouterr().out


def test_a_hop_that_the_explanation_names_is_marked_where_no_hop_says_so() -> None:
    """A pod that never ran has no failed hop, but a place where it stopped."""
    svg = picture(Walk("", ()), 3)
    assert re.findall(r'<circle class="number (\w+)"', svg) == ["never", "never", "failed"] + ["never"] * 6
    assert svg.count('class="band"') == 1
