"""What a client sees of each transport fault."""

import httpx
import pytest

from apim_emulators.core.faults import Planned, make_fault

from .lab import TRUE_ANSWER, Lab, in_lab

Seen = tuple[int, bytes] | str


def seen(name: str, **arguments: object) -> tuple[Seen, float, list[str]]:
    """Status and body, or the exception's name; the seconds that it took; the effects journalled."""

    async def main(lab: Lab) -> tuple[Seen, float, list[str]]:
        found = await lab.ask()
        what: Seen = (
            (found.status_code, found.content) if isinstance(found, httpx.Response) else found.__name__
        )
        return what, lab.seconds, [one.effect for one in lab.fired()]

    return in_lab(main, Planned("x", "entra", make_fault(name, **arguments)))


def test_a_fault_that_does_nothing_fires_and_lets_pass() -> None:
    """So that one can see which calls a scope names."""
    assert seen("none") == ((200, TRUE_ANSWER), 0.0, ["let it pass"])


def test_latency_delays_and_lets_pass() -> None:
    """In the sandbox's time."""
    assert seen("latency", seconds=7) == ((200, TRUE_ANSWER), 7.0, ["waited 7 s"])


def test_without_an_answer_the_client_runs_into_its_time_out() -> None:
    """Which is ten seconds here."""
    assert seen("no-answer") == ("ReadTimeout", 10.0, ["never answered"])


def test_a_status_answers_in_the_targets_place() -> None:
    """With the body and Retry-After that were asked for."""

    async def main(lab: Lab) -> tuple[int, str, str, str]:
        found = await lab.ask()
        assert isinstance(found, httpx.Response)
        return found.status_code, found.text, found.headers["retry-after"], found.headers["content-type"]

    fault = make_fault("status", code=429, body="Too Many Requests", retry_after=60)
    expected = 429, "Too Many Requests", "60", "text/plain; charset=utf-8"
    assert in_lab(main, Planned("x", "entra", fault)) == expected


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reset_ends_the_connection(when: str) -> None:
    """Before or after the target has acted; the client can't tell which."""
    effect = f"reset the connection {when} the target was asked"
    assert seen("reset", when=when) == ("ReadError", 0.0, [effect])


def test_a_slow_body_comes_piece_by_piece() -> None:
    """27 bytes in pieces of ten are three pauses; the client's time-out counts from piece to piece."""
    assert seen("slow-body", seconds=9, size=10)[:2] == ((200, TRUE_ANSWER), 27.0)
    assert seen("slow-body", seconds=11, size=10)[:2] == ("ReadTimeout", 10.0)


def test_a_truncated_body_is_no_whole_answer() -> None:
    """Half without a size; a size beyond the body cuts nothing."""
    assert seen("truncated-body")[0] == "RemoteProtocolError"
    assert seen("truncated-body", size=26)[0] == "RemoteProtocolError"
    assert seen("truncated-body", size=27)[0] == (200, TRUE_ANSWER)


def test_malformed_json_is_whole_by_its_length() -> None:
    """The client gets what content-length promised, and it is no JSON."""
    assert seen("malformed-json")[0] == (200, TRUE_ANSWER[:13])


def test_an_empty_body_keeps_the_status() -> None:
    """200, and nothing in it."""
    assert seen("empty-body")[0] == (200, b"")


def test_a_page_answers_where_json_was_wanted() -> None:
    """Its title can't become markup."""
    body = seen("html-page", title="<Wi-Fi>")[0][1]
    assert b"<h1>&lt;Wi-Fi&gt;</h1>" in bytes(body)  # type: ignore[arg-type]
