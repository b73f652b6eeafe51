"""Where two strings first differ, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim_sandbox.insight.difference import Difference, common_prefix, compare, distance, name, nearest


def test_equal_strings_do_not_differ() -> None:
    assert compare("same", "same") is None


def test_the_first_differing_character_is_counted_from_one() -> None:
    assert compare("identity", "identty") == Difference(6, "i", "t", "")


@pytest.mark.parametrize(
    ("expected", "presented", "note"),
    [
        ("https://x/", "https://x", "a trailing slash in the expected value"),
        ("https://x", "https://x/", "a trailing slash in the presented value"),
        ("Default", "default", "letter case only"),
        ("name", "name ", "white space around the value"),
        ("name", "nаme", "a look-alike or invisible character"),
        ("a-b", "a–b", "a look-alike or invisible character"),
        ("name", "na\u200bme", "a look-alike or invisible character"),
        ("name", "nmae", "two characters swapped"),
        ("name", "other", ""),
    ],
)
def test_the_kind_of_difference_is_named(expected: str, presented: str, note: str) -> None:
    difference = compare(expected, presented)
    assert difference is not None
    assert difference.note == note


@pytest.mark.parametrize(
    ("character", "words"),
    [
        ("", "the end"),
        (" ", "a space"),
        ("\n", "a line feed"),
        ("a", '"a"'),
        ("а", '"а" (U+0430 CYRILLIC SMALL LETTER A)'),
        ("\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\x07", "U+0007"),
    ],
)
def test_a_character_is_named_so_that_it_can_be_read(character: str, words: str) -> None:
    assert name(character) == words


@given(st.text(max_size=30), st.text(max_size=30))
def test_both_strings_agree_before_the_position_and_not_at_it(left: str, right: str) -> None:
    difference = compare(left, right)
    if difference is None:
        assert left == right
    else:
        at = difference.position - 1
        assert left[:at] == right[:at]
        assert left[at : at + 1] != right[at : at + 1]
        assert common_prefix(left, right) == at


@given(st.text(max_size=12), st.text(max_size=12))
def test_distance_is_symmetric_and_zero_for_equals_alone(left: str, right: str) -> None:
    assert distance(left, right) == distance(right, left)
    assert (distance(left, right) == 0) == (left == right)


def test_the_nearest_candidate_has_the_fewest_differences() -> None:
    assert nearest("on-prem", ["cloud", "on-perm", "edge"]) == "on-perm"
    assert nearest("on-prem", []) is None
