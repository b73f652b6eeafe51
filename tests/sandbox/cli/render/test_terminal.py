"""Where lines go."""

from io import StringIO

import pytest

from apim_sandbox.cli.render.line import fold, line, milliseconds
from apim_sandbox.cli.render.terminal import Terminal, wants_color

LINES = [line("plain ", ("broken", "failed"), ("", "ok")), line(("[not markup]", "command"))]


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_lines_are_plain() -> None:
    stream = StringIO()
    Terminal(stream).print(LINES)
    assert stream.getvalue() == "plain broken\n[not markup]\n"


def test_on_a_terminal_colour_repeats_what_the_words_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Screen()
    Terminal(stream).print(LINES)
    assert "\x1b[1;31mbroken\x1b[0m" in stream.getvalue()
    assert "[not markup]" in stream.getvalue()


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM"])
def test_who_wants_no_colour_gets_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, "dumb")
    assert not wants_color(Screen())


def test_long_text_is_folded_at_blanks_and_addresses_at_a_slash() -> None:
    assert fold("one two three", 8) == ["one two", "three"]
    assert fold("GET a.example.org/gateways/on-prem", 24) == ["GET a.example.org", "/gateways/on-prem"]
    assert fold("x" * 10, 4) == ["xxxx", "xxxx", "xx"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.0001, "<1 ms"), (0.0114, "11 ms"), (1.24, "1.2 s")]
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert milliseconds(seconds) == text
