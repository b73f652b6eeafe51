"""The one journal: ordered, followed, and carried between processes without loss."""

from contextlib import aclosing

import httpx
import msgspec
import pytest
import trio
import trio.testing
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apim_emulators.core.clock import MasterClock, VirtualTime
from apim_emulators.core.events import EVENT_TYPES, ClockMoved, Rung, TokenAnswered
from apim_emulators.core.journal import (
    ActorJournal,
    MemoryJournal,
    Record,
    RemoteJournal,
    decode,
    encode,
    read,
)

EVENT = TokenAnswered(
    tenant="t", client_id="c", application="a", application_object_id="o", grant="federated-assertion",
    scope="s", host="h", status=401, correlation_id="cc", trace_id="tt",
    ladder=(Rung("subject", "failed", "expected", "presented"),), code=700213, cause="subject-mismatch",
)  # fmt: skip


def virtual(function: object) -> object:
    return trio.run(function, clock=trio.testing.MockClock(autojump_threshold=0))  # type: ignore[arg-type]


def test_every_kind_has_one_type() -> None:
    """The vocabulary is complete and unambiguous."""
    assert all(event_type.kind == kind for kind, event_type in EVENT_TYPES.items())


def test_a_record_survives_its_travel() -> None:
    """Nested values come back as the types they were."""
    record = Record(3, 12.5, "entra", EVENT, 0.25)
    assert decode(encode(record)) == record
    assert read([encode(record), b"", encode(record)]) == [record, record]


def test_an_unknown_kind_is_named() -> None:
    """A journal of another version says what it holds."""
    with pytest.raises(msgspec.ValidationError, match="unknown event kind 'x'"):
        decode(b'{"kind":"x"}')


def test_records_are_numbered_in_the_order_of_arrival() -> None:
    """Whatever their actors' clocks say."""
    journal = MemoryJournal()
    journal.add("entra", 20.0, ClockMoved(1), 0.0)
    journal.add("gateway", 10.0, ClockMoved(2), 0.0)
    assert [(record.sequence, record.actor) for record in journal.since()] == [(1, "entra"), (2, "gateway")]
    assert journal.since(1) == [Record(2, 10.0, "gateway", ClockMoved(2))]
    assert journal.since(2) == []


def test_the_oldest_records_go_first() -> None:
    """Memory is bounded; numbers go on."""
    journal = MemoryJournal(kept=2)
    for number in range(5):
        journal.add("arm", 0.0, ClockMoved(number), 0.0)
    assert [record.sequence for record in journal.since()] == [4, 5]
    assert [record.sequence for record in journal.since(4)] == [5]


def test_a_follower_misses_nothing_and_waits_for_more() -> None:
    """Old records first, then each new one as it comes."""

    async def main() -> list[int]:
        journal = MemoryJournal()
        entra = ActorJournal(journal, "entra", MasterClock(VirtualTime()))
        entra.append(ClockMoved(1))
        seen: list[int] = []

        async def follow() -> None:
            async with aclosing(journal.follow()) as records:
                async for record in records:
                    seen.append(record.sequence)
                    if len(seen) == 4:
                        return

        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            for number in (2, 3, 4):
                await trio.sleep(1)
                entra.append(ClockMoved(number))
        return seen

    assert virtual(main) == [1, 2, 3, 4]


def test_a_remote_journal_delivers_after_an_outage() -> None:
    """What could not be sent waits and arrives in order, once."""
    received: list[float] = []
    up = False

    async def take(request: Request) -> Response:
        if not up:
            return Response(status_code=503)
        events = [decode(row).event for row in (await request.body()).splitlines()]
        received.extend(event.advanced for event in events if isinstance(event, ClockMoved))
        return Response(status_code=204)

    async def main() -> list[float]:
        nonlocal up
        app = Starlette(routes=[Route("/journal", take, methods=["POST"])])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as http:
            remote = RemoteJournal(http, "http://control/journal")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(remote.run)
                for number in range(3):
                    remote.add("gateway", 0.0, ClockMoved(number), 0.0)
                    await trio.sleep(1)
                up = True
                remote.add("gateway", 0.0, ClockMoved(3), 0.0)
                await trio.sleep(10)
                nursery.cancel_scope.cancel()
        return received

    assert virtual(main) == [0, 1, 2, 3]
