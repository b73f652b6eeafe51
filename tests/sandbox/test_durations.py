"""Durations as people write them."""

import pytest

from apim_sandbox.durations import DurationError, parse_duration, parse_signed


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("10m", 600.0), ("1h30m", 5400.0), ("2d", 172800.0), ("250ms", 0.25), ("0", 0.0)],
)
def test_a_duration_in_words(text: str, seconds: float) -> None:
    """Units add up; nothing needs none."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("-5m", -300.0), ("+5m", 300.0), ("0", 0.0)])
def test_a_duration_that_may_go_back(text: str, seconds: float) -> None:
    """As a skewed clock does."""
    assert parse_signed(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5 minutes", "-5m", "m", "1h-5m"])
def test_what_is_no_duration(text: str) -> None:
    """The message shows how one looks."""
    with pytest.raises(DurationError, match="is not a duration; write 90s, 10m, 1h30m or 2d"):
        parse_duration(text)
