"""What a test's report says of the sandbox."""

import re

import pytest
from tests.sandbox.insight.story import STORIES

from apim_sandbox.cli.render.explanation import explanation_lines
from apim_sandbox.cli.render.line import plain
from apim_sandbox.cli.render.story import story
from apim_sandbox.cli.render.walk import hops
from apim_sandbox.insight.explain import explain
from apim_sandbox.insight.walk import build

OF_A_RUNNING_SANDBOX = re.compile(r"apim-sandbox (journal|explain(?! AADSTS))")


@pytest.mark.parametrize("name", STORIES)
def test_it_is_the_walk_and_its_explanation(name: str) -> None:
    """Without the commands that would ask a sandbox which has gone by then."""
    records = STORIES[name]().records
    walk, found = plain(hops(build(records))), explain(records)
    if found is None:
        assert story(records).startswith(walk)
        assert story(records).endswith("Nothing is broken.\n")
        return
    explained = plain(explanation_lines(found)).splitlines()
    kept = "\n".join(one for one in explained if not OF_A_RUNNING_SANDBOX.search(one))
    assert story(records) == f"{walk}\n{kept}\n"


def test_an_empty_journal_is_a_sentence() -> None:
    """Nor is there a walk of nothing since a record."""
    assert story([]) == "Nothing happened in the sandbox.\n"
