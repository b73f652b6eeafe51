"""The scope parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim_emulators.entra.scopes import RESERVED, WantedScope, audience, parse_resource, parse_scope

resources = st.text(st.sampled_from("abcX:/.-"), min_size=1, max_size=20)


@given(
    resource=resources, words=st.lists(st.sampled_from(sorted(RESERVED)), max_size=4), at=st.integers(0, 4)
)
def test_exactly_the_suffix_is_cut_off(resource: str, words: list[str], at: int) -> None:
    """Whatever stands before it is the resource, slashes and all; OpenID's words may stand anywhere."""
    text = " ".join([*words[:at], f"{resource}/.default", *words[at:]])
    assert parse_scope(text) == WantedScope(text, resource)


@given(text=st.text(max_size=30))
def test_any_text_is_a_resource_or_a_problem(text: str) -> None:
    """Never both and never neither."""
    found = parse_scope(text)
    assert bool(found.resource) != bool(found.problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "missing"), ("  ", "missing"), ("openid", "not-default"), ("https://a.test", "not-default"),
        ("/.default", "malformed"), ("https://a.test/.default\n", "malformed"), ("ä/.default", "malformed"),
        ("a/.default b/.default", "several"), ("a/.default b", "not-default"), ("a/.DEFAULT", "not-default"),
    ],
)  # fmt: skip
def test_each_problem_has_its_name(text: str, problem: str) -> None:
    """Each leads to another code."""
    assert parse_scope(text).problem == problem


def test_the_audience_is_what_was_asked_for_or_the_client_id() -> None:
    """v1 repeats the question, v2 never does."""
    assert (audience("https://x/", "id", 1), audience("https://x/", "id", 2)) == ("https://x/", "id")
    assert parse_resource("https://x/") == WantedScope("https://x/", "https://x/")
