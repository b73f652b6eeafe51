"""The Walk on paper."""

import pytest
from msgspec.structs import replace
from tests.sandbox.cli.render import golden
from tests.sandbox.insight.story import ADMITTED, STORIES, healthy, subject_mismatch

from apim_emulators.core.events import ClockMoved
from apim_emulators.core.journal import Record
from apim_sandbox.cli.render.line import WIDTH, plain
from apim_sandbox.cli.render.walk import WalkPrinter, render
from apim_sandbox.insight.walk import build


@pytest.mark.parametrize("name", STORIES)
def test_the_walk_reads_as_its_golden_text(name: str) -> None:
    golden.check(f"walk-{name}", plain(render(build(STORIES[name]().records))))


def test_the_full_walk_leaves_nothing_out() -> None:
    golden.check("walk-full", plain(render(build(healthy().records), full=True)))


@pytest.mark.parametrize("name", STORIES)
def test_no_line_of_a_walk_is_wider_than_the_page(name: str) -> None:
    lines = render(build(STORIES[name]().records), full=True)
    assert [line.plain for line in lines if len(line.plain) > WIDTH] == []


def test_an_empty_journal_names_the_first_command() -> None:
    assert plain(render(build([]))) == "Nothing has happened yet.   Begin:  apim-sandbox demo\n"


def printed(records: list[Record]) -> list[str]:
    """The hop numbers in the order in which a printer shows them."""
    printer = WalkPrinter()
    lines = [line for record in records for line in printer.feed(record)] + printer.flush()
    return [text.strip()[0] for line in lines if (text := line.plain)[:4].strip().isdigit()]


def test_the_printer_shows_each_hop_once_and_in_order() -> None:
    records = healthy().polled(200, "request-2").polled(200, "request-3").records
    assert printed(records) == list("123456789")


def test_the_printer_waits_for_a_hop_that_is_reported_late() -> None:
    records = healthy().records
    late = [record for record in records if record.kind == "cluster.projected"]
    others = [record for record in records if record.kind != "cluster.projected"]
    assert printed([*others[:-1], *late, others[-1]]) == list("123456789")


def test_the_printer_shows_what_it_has_when_a_hop_never_comes() -> None:
    records = [record for record in healthy().records if record.kind != "cluster.admitted"]
    assert printed(records) == list("13456789")


def test_the_printer_says_as_much_as_the_walk_does_at_its_end() -> None:
    records = subject_mismatch().records
    printer = WalkPrinter()
    lines = [line for record in records for line in printer.feed(record)] + printer.flush()
    whole = plain(render(build(records)))
    assert whole.startswith(plain(lines))
    assert "Stopped at hop 5" in whole.removeprefix(plain(lines))


def test_the_printer_begins_anew_with_a_new_pod() -> None:
    story = healthy()
    printer = WalkPrinter()
    for record in story.records:
        printer.feed(record)
    printer.flush()
    record = story.add("webhook", replace(ADMITTED, pod="apim-gateway-7c9f5d4b8-zzzzz"))
    lines = [*printer.feed(record), *printer.flush()]
    assert "webhook apim-gateway-7c9f5d4b8-zzzzz: +4 env" in plain(lines)


def test_the_printer_ignores_a_record_fed_twice_and_kinds_that_tell_nothing() -> None:
    story = healthy()
    printer = WalkPrinter()
    for record in story.records:
        printer.feed(record)
    moved = story.add("control", ClockMoved(10.0))
    assert [printer.feed(story.records[0]), printer.feed(moved), printer.flush()] == [[], [], []]
