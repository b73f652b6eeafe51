"""Faults act where and when they are asked to, and say so."""

import httpx
import pytest
import trio
import trio.testing
from starlette.responses import PlainTextResponse

from apim_emulators.core.clock import MasterClock, VirtualTime
from apim_emulators.core.events import FaultFired
from apim_emulators.core.faults import FaultError, FaultGate, Faults, Planned, make_fault
from apim_emulators.core.journal import ActorJournal, MemoryJournal


def answers(
    *planned: Planned, calls: int, pause: float = 1.0
) -> tuple[list[tuple[int, float]], list[FaultFired]]:
    """Status and duration of each call to a guarded application, and what the journal heard."""

    async def main() -> tuple[list[tuple[int, float]], list[FaultFired]]:
        clock, journal, faults = MasterClock(VirtualTime()), MemoryJournal(), Faults()
        for one in planned:
            faults.add(one)
        entra = ActorJournal(journal, "entra", clock)
        gate = FaultGate(PlainTextResponse("ok"), "entra", faults, clock, entra)
        seen: list[tuple[int, float]] = []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=gate)) as http:
            for _ in range(calls):
                start = trio.current_time()
                seen.append(((await http.get("http://entra/")).status_code, trio.current_time() - start))
                await trio.sleep(pause)
        return seen, [record.event for record in journal.since() if isinstance(record.event, FaultFired)]

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_nothing_happens_without_faults() -> None:
    """The gate is open."""
    assert answers(calls=2) == ([(200, 0.0), (200, 0.0)], [])


def test_a_fault_acts_on_the_calls_it_names() -> None:
    """Calls count from 1, both ends included."""
    plan = Planned("x", "entra", make_fault("status", code=503, retry_after=5), first_call=2, last_call=3)
    statuses, fired = answers(plan, calls=4)
    assert [status for status, _ in statuses] == [200, 503, 503, 200]
    assert fired == [FaultFired("status", "entra", call, "answered 503") for call in (2, 3)]


def test_latency_delays_and_lets_pass() -> None:
    """In the sandbox's time; faults act in the order in which they were added."""
    plans = (
        Planned("slow", "entra", make_fault("latency", seconds=7)),
        Planned("down", "entra", make_fault("status", code=500), first_call=2),
    )
    assert answers(*plans, calls=2)[0] == [(200, 7.0), (500, 7.0)]


def test_another_targets_fault_does_not_act() -> None:
    """A fault has one target."""
    assert answers(Planned("x", "arm", make_fault("status", code=500)), calls=1)[0] == [(200, 0.0)]


def test_a_taken_id_and_an_unknown_fault_are_named() -> None:
    """The messages say what there is."""
    faults = Faults()
    faults.add(Planned("x", "entra", make_fault("none")))
    with pytest.raises(FaultError, match="'x' is taken"):
        faults.add(Planned("x", "entra", make_fault("none")))
    with pytest.raises(FaultError, match="no fault is called 'statu'"):
        make_fault("statu")
    with pytest.raises(FaultError, match="fault 'latency'"):
        make_fault("latency", minutes=3)


def test_faults_can_be_removed() -> None:
    """One by one, or all."""
    faults = Faults()
    faults.add(Planned("x", "entra", make_fault("none")))
    assert (faults.remove("x"), faults.remove("x")) == (True, False)
    faults.add(Planned("y", "entra", make_fault("none")))
    faults.clear()
    assert faults.due("entra", 0.0) == (0, [])
