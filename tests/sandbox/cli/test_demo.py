"""The demo tells its story to the end."""

import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def told() -> str:
    """What `apim-sandbox demo` prints where there is no terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "apim_sandbox", "demo"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_all_nine_hops_pass_in_order(told: str) -> None:
    """The first walk shows each hop once, in order, with its verdict."""
    first = told.partition("Failure 1")[0]
    assert re.findall(r"^  (\d)  .*? (ok|failed)\b", first, re.MULTILINE) == [
        (str(hop), "ok") for hop in range(1, 10)
    ]


def test_an_api_answers_before_and_after_the_role_is_lost(told: str) -> None:
    """The gateway serves through its configuration, then from memory."""
    assert told.count('200 OK   {"method":"GET","path":"/api/hello"') == 2


def test_both_failures_are_explained_under_the_gateways_own_line(told: str) -> None:
    """Azure's symptom first, then the reason."""
    symptoms = re.findall(r"\[ConfigurationApiV2NotAvailable\]|^\S.*\(hop \d\): .*$", told, re.MULTILINE)
    assert symptoms == [
        "[ConfigurationApiV2NotAvailable]",
        "The configuration API refused (hop 8): the reader role is not assigned any more.",
        "[ConfigurationApiV2NotAvailable]",
        "Entra refused the exchange (hop 5): the subject of no federated credential matches.",
    ]


def test_the_differing_character_is_marked(told: str) -> None:
    """Expected over presented, the caret under the first difference."""
    lines = told.splitlines()
    at = next(index for index, text in enumerate(lines) if '"t" expected, "i" presented' in text)
    expected, presented = lines[at - 2].rstrip(), lines[at - 1].rstrip()
    caret = lines[at].index("^")
    assert (expected[caret], presented[caret]) == ("t", "i")
    assert expected[:caret].partition("system:")[2] == presented[:caret].partition("system:")[2]


def test_the_gateway_recovers_by_itself(told: str) -> None:
    """After the role is given back the next poll is accepted."""
    assert re.search(r"Recovered by itself: GET /gateways/on-prem/events\S+ → 200", told)


def test_it_ends_with_a_table_and_the_next_command(told: str) -> None:
    """Hops and times last, then what to type."""
    tail = told.partition("Hops and times")[2]
    assert len(re.findall(r"^ +\d(?:, \d)?  ", tail, re.MULTILINE)) == 12
    assert tail.rstrip().splitlines()[-1].strip().startswith("apim-sandbox run -- YOUR PROGRAM")


def test_no_line_is_wider_than_a_page(told: str) -> None:
    """100 columns, but for a single word that can't be broken."""
    assert [text for text in told.splitlines() if len(text) > 100 and max(map(len, text.split())) < 60] == []
