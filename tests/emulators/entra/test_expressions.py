"""Expressions of flexible federated credentials."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim_emulators.entra.expressions import ExpressionError, parse, wildcard

letters = st.text("ab*?", max_size=8)


@given(pattern=letters, text=st.text("ab", max_size=10))
def test_wildcards_agree_with_a_regular_expression(pattern: str, text: str) -> None:
    """`*` is any run, `?` any one character."""
    slow = re.compile("".join({"*": ".*", "?": "."}.get(each, each) for each in pattern))
    assert wildcard(pattern, text) == bool(slow.fullmatch(text))


def test_a_hostile_pattern_takes_no_time() -> None:
    """Many stars over a long text: steps grow with the product of the lengths, no more."""
    assert not wildcard("*a" * 50 + "b", "a" * 5000)


@pytest.mark.parametrize(
    ("source", "claims", "expected"),
    [
        ("claims['sub'] eq 'a'", {"sub": "a"}, True),
        ("claims['sub'] eq 'a*'", {"sub": "ab"}, False),
        ("claims['sub'] matches 'repo:org/*:ref:*'", {"sub": "repo:org/x:ref:y"}, True),
        ("claims['sub'] matches 'a*' and claims['job'] eq 'b'", {"sub": "ab", "job": "b"}, True),
        ("claims['sub'] matches 'a*' and claims['job'] eq 'b'", {"sub": "ab"}, False),
        ("claims['sub'] eq 'a'", {"sub": ["a"]}, False),
    ],
)
def test_expressions_are_evaluated(source: str, claims: dict[str, object], expected: bool) -> None:
    """All comparisons must hold."""
    assert parse(source).evaluate(claims) is expected


@pytest.mark.parametrize(
    ("source", "position"),
    [("", 1), ("  sub eq 'a'", 3), ("claims['sub'] eq 'a' or claims['x'] eq 'b'", 22),
     ("claims['sub'] eq 'a' and ", 26), ("claims['sub'] like 'a'", 1)],
)  # fmt: skip
def test_a_wrong_expression_is_refused_with_its_position(source: str, position: int) -> None:
    """There is no `or`."""
    with pytest.raises(ExpressionError) as error:
        parse(source)
    assert error.value.position == position
