"""Explanations on paper."""

import pytest
from tests.sandbox.cli.render import golden
from tests.sandbox.insight.story import STORIES

from apim_sandbox.cli.render.explanation import (
    code_lines,
    command_lines,
    explanation_lines,
    nothing_broken,
)
from apim_sandbox.cli.render.line import WIDTH, plain
from apim_sandbox.insight.codes import CODES, explain_code
from apim_sandbox.insight.explain import explain

BROKEN = [name for name in STORIES if name != "healthy"]


@pytest.mark.parametrize("name", BROKEN)
def test_the_explanation_reads_as_its_golden_text(name: str) -> None:
    explanation = explain(STORIES[name]().records)
    assert explanation is not None
    golden.check(f"explain-{name}", plain(explanation_lines(explanation)))


@pytest.mark.parametrize("name", BROKEN)
def test_an_explanation_ends_with_the_next_command(name: str) -> None:
    explanation = explain(STORIES[name]().records)
    assert explanation is not None
    assert explanation_lines(explanation)[-1].plain.startswith("More:  apim-sandbox ")


def test_a_code_reads_as_its_golden_text() -> None:
    code = explain_code("AADSTS700213")
    assert code is not None
    golden.check(
        "code-AADSTS700213", plain(code_lines(code, ["entra/subject-mismatch", "entra/subject-case"]))
    )


@pytest.mark.parametrize("number", CODES)
def test_no_line_about_a_code_is_wider_than_the_page(number: int) -> None:
    lines = code_lines(CODES[number])
    assert [line.plain for line in lines if len(line.plain) > WIDTH] == []


def test_a_long_command_is_continued_so_that_it_can_be_pasted() -> None:
    command = "az role assignment create --role 'A Role' --scope /subscriptions/1 --assignee x"
    assert command_lines(command, 44) == [
        "az role assignment create --role 'A Role' \\",
        "  --scope /subscriptions/1 --assignee x",
    ]


def test_nothing_broken_is_said_in_one_line() -> None:
    assert len(nothing_broken()) == 1
