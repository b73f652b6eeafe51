"""A process apart takes the control service's faults and clock over, and a change waits for its word."""

from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from apim_emulators.core.clock import MasterClock, VirtualTime
from apim_emulators.core.faults import Faults
from apim_emulators.core.journal import MemoryJournal
from apim_emulators.core.wire import open_wire
from apim_sandbox.control.app import refusals
from apim_sandbox.control.clock_routes import ClockDesk, clock_routes
from apim_sandbox.control.fault_routes import FaultDesk, fault_routes
from apim_sandbox.control.followers import TAKEN_OVER_WITHIN
from apim_sandbox.control.offers import Offers
from apim_sandbox.serving.following import follow_clock, follow_faults
from apim_sandbox.virtual import run_virtual
from apim_sandbox.world.default import default_world

# A follower is cancelled in the middle of a stream, whose generators httpx leaves to trio.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CONTROL = "http://control"
DOWN = {"fault": "status", "target": "entra", "arguments": {"code": 503}, "calls": "1..3"}


def served(offers: Offers) -> Starlette:
    """As the control service serves them."""
    return Starlette(routes=[one.route for one in offers.offered], exception_handlers=refusals())


def test_a_fault_is_in_force_elsewhere_when_adding_it_returns() -> None:
    """With its scope, at once; removed and cleared likewise. The calls of one that stays go on."""

    async def main() -> None:
        clock = MasterClock(VirtualTime())
        here, there = Faults(), Faults()
        offers = Offers()
        fault_routes(offers, FaultDesk(here, clock, default_world()))
        app = served(offers)
        async with (
            open_wire(lambda host: app if host == "control" else None) as wire,
            httpx.AsyncClient(transport=wire.transport(), timeout=30) as http,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(follow_faults, there, http, CONTROL, "entra")
            await anyio.sleep(1)
            first = (await http.post(f"{CONTROL}/faults", json=DOWN)).json()
            assert (first["id"], first["calls"]) == ("status", "1..3")
            assert there.planned == here.planned
            there.calls["status"] = 2
            second = (await http.post(f"{CONTROL}/faults", json=DOWN)).json()
            assert (second["id"], there.calls) == ("status-2", {"status": 2, "status-2": 0})
            await http.delete(f"{CONTROL}/faults/status")
            assert list(there.planned) == ["status-2"]
            assert [one["id"] for one in (await http.delete(f"{CONTROL}/faults")).json()] == ["status-2"]
            assert there.planned == {}
            tasks.cancel_scope.cancel()

    run_virtual(main)


def test_a_process_that_says_nothing_is_not_waited_for_long() -> None:
    """And not again, until it speaks."""

    async def main() -> list[float]:
        clock = MasterClock(VirtualTime())
        desk = FaultDesk(Faults(), clock, default_world())
        offers = Offers()
        fault_routes(offers, desk)
        app = served(offers)
        async with (
            open_wire(lambda _: app) as wire,
            httpx.AsyncClient(transport=wire.transport(), timeout=30) as http,
        ):
            desk.followers.seen["silent"] = 0
            waited = []
            for says in (None, None, {"process": "silent", "version": 2}):
                if says:
                    await http.post(f"{CONTROL}/faults/stream/seen", json=says)
                began = clock.now()
                await http.post(f"{CONTROL}/faults", json=DOWN)
                waited.append(clock.now() - began)
            return waited

    assert run_virtual(main) == [TAKEN_OVER_WITHIN, 0.0, TAKEN_OVER_WITHIN]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({**DOWN, "fault": "statsu"}, 422, "fault"),
        ({**DOWN, "arguments": {"code": 99}}, 422, "arguments.code"),
        ({**DOWN, "until": 5, "lasting": 5}, 422, "until"),
        ({**DOWN, "calls": "5..3"}, 422, "calls"),
    ],
)
def test_a_refusal_names_the_field(body: dict[str, Any], status: int, field: str) -> None:
    """Beside the message, for programs."""

    async def main() -> tuple[int, str]:
        offers = Offers()
        fault_routes(offers, FaultDesk(Faults(), MasterClock(VirtualTime()), default_world()))
        app = served(offers)
        async with (
            open_wire(lambda _: app) as wire,
            httpx.AsyncClient(transport=wire.transport()) as http,
        ):
            answer = await http.post(f"{CONTROL}/faults", json=body)
            return answer.status_code, answer.json()["field"]

    assert run_virtual(main) == (status, field)


class Still:
    """A machine's time that stands."""

    def wall(self) -> float:
        return 1000.0

    def tick(self) -> float:
        return 0.0


def test_the_clock_is_followed_in_every_move() -> None:
    """Advanced, set, skewed, frozen and going on; a step back is refused."""

    async def main() -> None:
        here, there = MasterClock(Still()), MasterClock(Still())
        offers = Offers()
        clock_routes(offers, ClockDesk(here, MemoryJournal(), anyio.lowlevel.checkpoint))
        app = served(offers)
        async with (
            open_wire(lambda _: app) as wire,
            httpx.AsyncClient(transport=wire.transport(), timeout=30) as http,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(follow_clock, there, http, CONTROL, "gateway")
            await anyio.sleep(1)
            for path, body in (
                ("advance", {"seconds": 5}),
                ("set", {"moment": 2000}),
                ("skew", {"actor": "entra", "seconds": -7}),
                ("freeze", None),
                ("unfreeze", None),
            ):
                assert (await http.post(f"{CONTROL}/clock/{path}", json=body)).status_code == 200
                assert there.shown() == here.shown()
            assert there.for_actor("entra").now() == 1993.0
            refused = await http.post(f"{CONTROL}/clock/set", json={"moment": 1500})
            assert "can't go back by 500 s" in refused.json()["detail"]
            tasks.cancel_scope.cancel()

    run_virtual(main)


def test_a_move_is_told_in_turn() -> None:
    """Emulators know the time before the kubelet renews by it, gateways only after that."""

    async def main() -> list[tuple[float, float]]:
        here, entra, gateway = MasterClock(Still()), MasterClock(Still()), MasterClock(Still())
        offers, seen = Offers(), []

        async def kubelet() -> None:
            await anyio.sleep(1)
            seen.append((entra.now(), gateway.now()))

        clock_routes(offers, ClockDesk(here, MemoryJournal(), kubelet))
        app = served(offers)
        async with (
            open_wire(lambda _: app) as wire,
            httpx.AsyncClient(transport=wire.transport(), timeout=30) as http,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(partial(follow_clock, entra, http, CONTROL, "entra", ahead=True))
            tasks.start_soon(follow_clock, gateway, http, CONTROL, "gateway")
            await anyio.sleep(1)
            await http.post(f"{CONTROL}/clock/advance", json={"seconds": 5400})
            seen.append((entra.now(), gateway.now()))
            tasks.cancel_scope.cancel()
        return seen

    assert run_virtual(main) == [(6400.0, 1000.0), (6400.0, 6400.0)]
