"""Expected over presented."""

from apim_sandbox.cli.render.comparison import render
from apim_sandbox.cli.render.line import WIDTH
from apim_sandbox.insight.explanation import Comparison


def text(expected: str, presented: str) -> list[str]:
    return [line.plain for line in render(Comparison("subject", expected, presented), titled=False)]


def test_the_mark_stands_under_the_first_differing_character() -> None:
    assert text("identity", "identty") == [
        "    expected    identity",
        "    presented   identty",
        '                     ^ position 6: "i" expected, "t" presented',
    ]


def test_a_missing_end_is_called_the_end() -> None:
    assert text("https://x/", "https://x")[2] == (
        '                         ^ position 10: "/" expected, the end presented '
        "(a trailing slash in the expected value)"
    )


def test_what_no_terminal_shows_is_made_visible() -> None:
    assert text("name", "na\u200bme\n")[1:] == [
        "    presented   na\\u200bme\\n",
        '                  ^ position 3: "m" expected, U+200B ZERO WIDTH SPACE presented '
        "(a look-alike or invisible character)",
    ]


def test_an_absent_value_is_called_empty() -> None:
    assert text("a", "")[1] == "    presented   (empty)"


def test_the_words_stand_before_the_mark_where_the_page_ends() -> None:
    lines = text("x" * 70 + "a", "x" * 70 + "b")
    assert lines[2].endswith(' position 71: "a" expected, "b" presented ^')
    assert lines[2].index("^") == lines[1].index("b")


def test_values_longer_than_the_page_begin_shortly_before_the_difference() -> None:
    lines = text("s" * 100 + "/service/contoso", "s" * 100 + "/service/fabrikam")
    assert lines[0] == "    expected    …" + "s" * 15 + "/service/contoso"
    assert lines[2].index("^") == lines[1].index("f")
    assert max(map(len, lines)) <= WIDTH
