"""Time: one master, a view per actor, forwards only."""

import anyio
import pytest
import trio
import trio.testing

from apim_emulators.core.clock import VIRTUAL_EPOCH, ClockError, MasterClock, VirtualTime, rfc3339


def virtual(function: object) -> object:
    return trio.run(function, clock=trio.testing.MockClock(autojump_threshold=0))  # type: ignore[arg-type]


def test_advancing_wakes_whoever_sleeps_past_the_new_time() -> None:
    """A sleeper whose moment has come goes on at once; another sleeps for what is left."""

    async def main() -> list[tuple[str, float]]:
        clock = MasterClock(VirtualTime())
        woken: list[tuple[str, float]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, trio.current_time() - start))

        start = trio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleeper, "short", 100)
            tasks.start_soon(sleeper, "long", 1000)
            await trio.sleep(10)
            clock.advance(500)
        return woken

    assert virtual(main) == [("short", 10.0), ("long", 500.0)]


def test_whoever_goes_first_is_done_before_the_others_wake() -> None:
    """Even while another move has its turn; each of the two finds the new time."""

    async def main() -> list[tuple[str, float]]:
        clock = MasterClock(VirtualTime())
        seen: list[tuple[str, float]] = []

        async def sleeper() -> None:
            await clock.sleep_until(VIRTUAL_EPOCH + 100)
            seen.append(("sleeper", clock.now() - VIRTUAL_EPOCH))

        async def kubelet(seconds: float) -> None:
            await trio.sleep(seconds)
            seen.append(("kubelet", clock.now() - VIRTUAL_EPOCH))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleeper)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(clock.in_turn, lambda: clock.advance(500), lambda: kubelet(1))
            tasks.start_soon(clock.in_turn, lambda: clock.advance(500), lambda: kubelet(2))
        return seen

    assert virtual(main) == [("kubelet", 1001.0), ("kubelet", 1002.0), ("sleeper", 1002.0)]


def test_a_move_that_is_refused_holds_nobody_up() -> None:
    """Those who wait are woken as ever afterwards."""

    async def main() -> float:
        clock = MasterClock(VirtualTime())
        with pytest.raises(ClockError):
            await clock.in_turn(lambda: clock.advance(-5), trio.lowlevel.checkpoint)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.sleep, 100)
            await anyio.wait_all_tasks_blocked()
            clock.advance(100)
        return clock.now() - VIRTUAL_EPOCH

    assert virtual(main) == 100.0


def test_a_skewed_actor_believes_another_time() -> None:
    """Skew moves one actor's clock; the sandbox's own stays."""

    async def main() -> tuple[float, float]:
        clock = MasterClock(VirtualTime())
        clock.set_skew("entra", -90)
        return clock.for_actor("entra").now(), clock.for_actor("gateway").now()

    assert virtual(main) == (VIRTUAL_EPOCH - 90, VIRTUAL_EPOCH)


def test_an_actor_sleeps_by_its_own_time() -> None:
    """Setting an actor's clock forwards ends its sleep earlier."""

    async def main() -> float:
        clock = MasterClock(VirtualTime())
        start = trio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.for_actor("gateway").sleep_until, VIRTUAL_EPOCH + 100)
            await trio.sleep(1)
            clock.set_skew("gateway", 60)
        return trio.current_time() - start

    assert virtual(main) == 40.0


def test_going_back_is_refused_with_a_reason() -> None:
    """Tokens already carry later times."""

    async def main() -> None:
        with pytest.raises(ClockError, match="can't go back by 5 s"):
            MasterClock(VirtualTime()).advance(-5)

    virtual(main)


def test_another_process_follows_the_master() -> None:
    """Offset and skews are taken over; listeners hear of it until they leave."""

    async def main() -> tuple[float, dict[str, float], int]:
        clock = MasterClock(VirtualTime())
        heard: list[None] = []

        def listener() -> None:
            heard.append(None)

        clock.on_move(listener)
        clock.follow(60, {"entra": 5, "arm": 0})
        clock.off_move(listener)
        clock.advance(1)
        return clock.offset, clock.skews, len(heard)

    assert virtual(main) == (61, {"entra": 5}, 1)


def test_tick_measures_and_is_not_moved() -> None:
    """Durations do not change when somebody advances the clock."""

    async def main() -> float:
        clock = MasterClock(VirtualTime())
        start = clock.tick()
        clock.advance(3600)
        await trio.sleep(2)
        return clock.for_actor("entra").tick() - start

    assert virtual(main) == 2.0


def test_moments_are_written_as_rfc_3339() -> None:
    """Whole seconds, UTC."""
    assert rfc3339(VIRTUAL_EPOCH) == "2026-01-01T00:00:00Z"
