"""Virtual and live are one code base: a day runs twice alike, and live does what virtual does."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from tests.sandbox.live_a_day import virtual_records

from apim_emulators.core.events import (
    ConfigurationAnswered,
    GatewayChanged,
    PodChanged,
    TokenAnswered,
    TokenProjected,
)
from apim_emulators.core.journal import Record, read
from apim_sandbox.cli.run import ephemeral_sandbox
from apim_sandbox.client import Sandbox
from apim_sandbox.examples import article_manifest

DAY = 86_400.0


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The journals of a day in the gateway's life, lived by two processes at once."""
    folder = tmp_path_factory.mktemp("days")
    program = Path(__file__).with_name("live_a_day.py")
    files = [folder / "one.jsonl", folder / "other.jsonl"]
    processes = [
        subprocess.Popen(
            [sys.executable, str(program), str(DAY), str(file)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        )
        for seed, file in enumerate(files)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    return files[0].read_bytes(), files[1].read_bytes()


@pytest.fixture(scope="module")
def day(days: tuple[bytes, bytes]) -> list[Record]:
    """A day in the gateway's life."""
    return read(days[0].splitlines())


def times(records: Sequence[Record], wanted: Callable[[Record], bool]) -> list[float]:
    return [record.at for record in records if wanted(record)]


@pytest.mark.long
def test_a_day_gives_the_same_journal_twice(days: tuple[bytes, bytes]) -> None:
    """Byte for byte, from the same seed, whatever order the process's hashes have."""
    assert days[0] == days[1]


@pytest.mark.long
def test_the_gateway_polls_ten_seconds_after_each_answer(day: list[Record]) -> None:
    """A day has 8,640 polls less the start, each exactly on time."""
    polls = times(
        day,
        lambda record: isinstance(record.event, ConfigurationAnswered) and record.event.operation == "events",
    )
    assert {round(later - earlier, 3) for earlier, later in pairwise(polls)} == {10.0}
    assert len(polls) == 8639


@pytest.mark.long
def test_the_gateway_beats_every_minute(day: list[Record]) -> None:
    """A heartbeat each 60 seconds, from the first configuration on."""
    beats = times(
        day,
        lambda record: (
            isinstance(record.event, ConfigurationAnswered) and record.event.operation == "heartbeat"
        ),
    )
    assert {round(later - earlier, 3) for earlier, later in pairwise(beats)} == {60.0}


@pytest.mark.long
def test_the_kubelet_renews_the_token_at_four_fifths_of_its_life(day: list[Record]) -> None:
    """An hour's token is renewed after 48 minutes, up to 10 seconds early."""
    projections = times(day, lambda record: isinstance(record.event, TokenProjected))
    gaps = [later - earlier for earlier, later in pairwise(projections)]
    assert len(gaps) == 30
    assert all(2870 <= gap <= 2881 for gap in gaps)


@pytest.mark.long
def test_the_gateway_asks_entra_only_when_its_token_is_about_to_end(day: list[Record]) -> None:
    """About once in 55 minutes, each time with the assertion that is in the file then."""
    exchanges = [
        record.event
        for record in day
        if isinstance(record.event, TokenAnswered) and record.event.grant == "federated-assertion"
    ]
    projected = {record.event.jti for record in day if isinstance(record.event, TokenProjected)}
    assert {event.status for event in exchanges} == {200}
    assert 24 <= len(exchanges) <= 28
    assert {event.assertion_jti for event in exchanges} <= projected


def essence(records: Sequence[Record]) -> dict[str, list[str]]:
    """What each actor did, in its order, up to the first poll: kinds and outcomes, no ids and no times."""
    lines: dict[str, list[str]] = {}
    for record in records:
        if record.actor == "control" or record.kind == "gateway.log":
            continue
        event = record.event
        text = record.kind
        if isinstance(event, ConfigurationAnswered):
            text += f" {event.operation} {event.status} {event.entities}"
        elif isinstance(event, TokenAnswered):
            text += f" {event.grant} {event.status} " + ",".join(rung.name for rung in event.ladder)
        elif isinstance(event, GatewayChanged):
            text += f" {event.state} {event.revision}"
        elif isinstance(event, PodChanged):
            text += f" {event.phase} {event.ready}"
        lines.setdefault(record.actor, []).append(text)
    return lines


def polled(record: Record) -> bool:
    return isinstance(record.event, ConfigurationAnswered) and record.event.operation == "events"


def ready(record: Record) -> bool:
    return isinstance(record.event, PodChanged) and record.event.ready


def live_records(sandbox: Sandbox) -> list[Record]:
    """The journal of a live sandbox up to its first poll after the pod became ready."""
    sandbox.apply([article_manifest()])
    sandbox.wait_for("the pod's readiness", ready)
    sandbox.clock.advance(10)
    poll = sandbox.wait_for("a poll", polled)
    sandbox.wait_for(
        "the gateway's side of it",
        lambda record: record.kind == "gateway.configuration" and record.sequence > poll.sequence - 3,
    )
    return sandbox.journal()


@pytest.mark.clients
def test_live_does_what_virtual_does() -> None:
    """From the manifest to the first poll every actor reports the same events in the same order."""
    with ephemeral_sandbox() as sandbox:
        live = essence(live_records(sandbox))
    assert live == essence(virtual_records(10.5))


@pytest.mark.clients
def test_three_processes_do_what_one_does() -> None:
    """Emulators in processes of their own share identities, RBAC, clock and journal over HTTP alone."""
    with ephemeral_sandbox(separate=True) as sandbox:
        assert sandbox.status()["separate"]
        separate = essence(live_records(sandbox))
    assert separate == essence(virtual_records(10.5))
