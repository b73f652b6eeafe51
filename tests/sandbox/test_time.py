"""What time does in the sandbox, in virtual time and to the exact tick; and a clock that stands still."""

from collections.abc import Awaitable, Callable
from itertools import pairwise

import anyio
import httpx
import pytest
from tests.sandbox.gateway.story import GROUP, READER_ROLE, Changes, Story, story

from apim_emulators.core.clock import ClockError, MasterClock, VirtualTime
from apim_emulators.core.events import ConfigurationAnswered, ConfigurationAsked, TokenProjected
from apim_sandbox.virtual import run_virtual
from apim_sandbox.world.seed import operator_of

TICK = 0.001  # seconds
SNAPSHOT = "https://contoso.configuration.azure-api.net/gateways/on-prem/snapshot"
OPERATOR = "88888888-8888-4888-8888-888888888888"  # the operator's service principal
TENANT = "11111111-1111-4111-8111-111111111111"


def tell(main: Callable[[Story], Awaitable[None]], changes: Changes | None = None, mode: str = "") -> None:
    """Run `main` over the default world with changes."""

    async def run() -> None:
        async with story(changes, mode or "workload-identity") as it:
            await main(it)

    run_virtual(run)


def with_settings(settings: str) -> Changes:
    return {"operator: operator\n": f"operator: operator\nsettings: {settings}\n"}


async def poll(it: Story) -> int:
    """The status that the operator, who has just signed in, gets from the configuration API."""
    operator = operator_of(it.sandbox.world, it.sandbox.around.secrets.operator)
    answer = await it.sandbox.http.post(
        f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": operator.client_id,
            "client_secret": operator.secret,
            "scope": "https://azure-api.net/configuration/.default",
        },
    )
    token = answer.json()["access_token"]
    return await ask(it.sandbox.http, f"Bearer {token}")


async def ask(http: httpx.AsyncClient, authorization: str) -> int:
    return (await http.get(SNAPSHOT, headers={"authorization": authorization})).status_code


async def around(it: Story, moment: float, question: Callable[[], Awaitable[int]]) -> tuple[int, int]:
    """The answers one tick before a moment, and at it."""
    await it.sandbox.clock.sleep_until(moment - TICK)
    before = await question()
    await it.sandbox.clock.sleep_until(moment)
    return before, await question()


def test_a_gateway_token_ends_after_thirty_days_to_the_tick() -> None:
    """The longest that ARM gives; refused from the moment that it carries."""

    async def main(it: Story) -> None:
        begin = it.sandbox.clock.now()
        token = await it.gateway_token(30 * 86400)
        statuses = await around(it, begin + 30 * 86400, lambda: ask(it.sandbox.http, token))
        assert statuses == (200, 401)

    tell(main)


def test_a_role_acts_after_ten_minutes_to_the_tick() -> None:
    """403 until then, served from then on; taken away, it acts for ten minutes more."""

    async def main(it: Story) -> None:
        assigned = it.sandbox.clock.now()
        await it.assign(READER_ROLE, OPERATOR)
        assert await around(it, assigned + 600, lambda: poll(it)) == (403, 200)
        removed = it.sandbox.clock.now()
        await it.revoke(OPERATOR, GROUP)
        assert await around(it, removed + 600, lambda: poll(it)) == (200, 403)

    tell(main, with_settings("{propagation: {roleAssignment: 10m}}"))


def test_membership_of_a_group_acts_after_a_day_to_the_tick() -> None:
    """The role is the group's; who joins it is known to be in it 24 hours later."""

    async def main(it: Story) -> None:
        made = await it.sandbox.graph(
            "POST", "/v1.0/groups",
            body={"displayName": "readers", "mailEnabled": False, "mailNickname": "readers",
                  "securityEnabled": True},
        )  # fmt: skip
        await it.sandbox.sleep(86_400)
        await it.assign(READER_ROLE, made["id"], principalType="Group")
        joined = it.sandbox.clock.now()
        member = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{OPERATOR}"}
        await it.sandbox.graph("POST", f"/v1.0/groups/{made['id']}/members/$ref", body=member)
        assert await around(it, joined + 86_400, lambda: poll(it)) == (403, 200)

    tell(main, with_settings("{propagation: {groupMembership: 24h}}"))


def test_a_token_file_is_renewed_at_four_fifths_less_its_jitter_to_the_tick() -> None:
    """2880 s after an hour's token was signed, less what the kubelet drew of ten seconds."""

    async def main(it: Story) -> None:
        await it.deploy(seconds=6000)
        projected = [
            (record.at, record.event)
            for record in it.sandbox.records()
            if isinstance(record.event, TokenProjected)
        ]
        assert len(projected) == 3
        for (_, before), (renewed_at, after) in pairwise(projected):
            assert renewed_at == before.renew_at
            jitter = before.token.claims["iat"] + 2880 - before.renew_at
            assert jitter in range(10)
            assert after.renewal

    tell(main)


def test_the_poll_comes_every_ten_seconds_to_the_tick() -> None:
    """Ten seconds after the answer before, which takes no time here."""

    async def main(it: Story) -> None:
        await it.deploy(seconds=305)
        asked = [
            record.at
            for record in it.sandbox.records()
            if isinstance(record.event, ConfigurationAsked) and record.event.operation == "events"
        ]
        assert [later - sooner for sooner, later in pairwise(asked)] == [10.0] * (len(asked) - 1)
        assert len(asked) >= 29

    tell(main)


# --- standing still


class Wall:
    """A machine's time that a test moves."""

    seconds = 1000.0

    def wall(self) -> float:
        return self.seconds

    def tick(self) -> float:
        return self.seconds


def test_a_frozen_clock_stands_and_goes_on_from_there() -> None:
    """It can be moved meanwhile; its offset to the machine's time grows."""
    wall = Wall()
    clock = MasterClock(wall)
    clock.freeze()
    wall.seconds += 60
    assert (clock.now(), clock.offset, clock.frozen) == (1000.0, -60.0, 1000.0)
    clock.advance(5)
    assert clock.now() == 1005.0
    clock.unfreeze()
    wall.seconds += 1
    assert (clock.now(), clock.offset, clock.frozen) == (1006.0, -55.0, None)


def test_another_process_stands_still_too() -> None:
    """It takes over what is shown, skews included."""
    wall = Wall()
    clock, follower = MasterClock(wall), MasterClock(wall)
    clock.set_skew("entra", -30)
    clock.freeze()
    follower.take(clock.shown())
    wall.seconds += 10
    assert follower.now() == clock.now() == 1000.0
    assert follower.for_actor("entra").now() == 970.0
    clock.unfreeze()
    follower.take(clock.shown())
    wall.seconds += 1
    assert follower.now() == clock.now() == 1001.0


@pytest.mark.anyio
async def test_who_waits_on_a_frozen_clock_waits_until_it_is_moved() -> None:
    """However little is left."""
    clock = MasterClock()
    clock.freeze()
    done = anyio.Event()

    async def sleep() -> None:
        await clock.sleep(0.01)
        done.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep)
        with anyio.move_on_after(0.1):
            await done.wait()
        assert not done.is_set()
        clock.advance(0.01)
        with anyio.fail_after(5):
            await done.wait()


def test_virtual_time_is_not_frozen_and_no_clock_goes_back() -> None:
    """Both are refused with the reason."""

    async def main() -> None:
        clock = MasterClock(VirtualTime())
        with pytest.raises(ClockError, match="stands still already unless somebody waits"):
            clock.freeze()
        with pytest.raises(ClockError, match="can't go back by 5 s: tokens and events already carry"):
            clock.advance_to(clock.now() - 5)

    run_virtual(main)


def test_years_lock_nobody_out() -> None:
    """API Management renews its identity's certificate of 90 days; the operator's secret lasts."""

    async def main(it: Story) -> None:
        assert await poll(it) == 403
        for _ in range(3):
            it.sandbox.clock.advance(400 * 86400)
            assert await poll(it) == 403
            reasons = [one.cause for one in it.events(ConfigurationAnswered)]
            assert reasons[-1] == reasons[0]

    tell(main)
