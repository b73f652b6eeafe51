"""A day of a gateway's life in virtual time, counted."""

import anyio
import pytest
from tests.sandbox.gateway.conftest import Scene
from tests.sandbox.gateway.story import story

from apim_emulators.core.events import ConfigurationAsked, TokenAsked, TokenProjected
from apim_emulators.core.faults import Planned, Scope, make_fault
from apim_emulators.oidc.state import IssuerState
from apim_sandbox.virtual import run_virtual

pytestmark = pytest.mark.long

DAY = 24 * 3600


@pytest.mark.anyio
async def test_a_day_counts_what_the_schedule_says(scene: Scene) -> None:
    """8640 polls, 1440 heartbeats, and an exchange each time a token comes within 5 minutes of its end."""
    scene.start()
    await anyio.sleep(DAY - 0.001)

    start = scene.api.times("snapshot")[0]
    assert scene.api.times("snapshot") == [start]
    assert scene.api.times("events") == [start + 10 * n for n in range(1, 8640)]
    assert scene.api.times("heartbeat") == [start + 60 * n for n in range(1440)]
    # 3599 s of life less 300 s: due at 3299 s, and the first poll after that is at 3300 s.
    assert [request.at for request in scene.entra.arrived] == [start + 3300 * n for n in range(27)]
    assert len(scene.events(TokenAsked)) == 27
    assert len(scene.events(ConfigurationAsked)) == 1 + 8639 + 1440


OUTAGES = {"entra": (8 * 3600.0, 7190.0), "apim": (12 * 3600.0, 1800.0), "arm": (18 * 3600.0, 600.0)}
LIFE, EARLY = 3599.0, 300.0  # seconds of an access token's life, and how long before its end it is renewed


def schedule() -> dict[str, int]:
    """What a day must hold, reckoned without any of the code: each tick either asks, fails, or beats.

    Renewals begin 300 s before a token's end and are tried at each poll until one succeeds. While Entra is
    away the old token is used as long as it lives; then polls end before a request is made. The service's
    own token lives for a day, as those of managed identities do, and verdicts are kept for a minute, which
    ends as the outage of ARM begins.
    """

    def away(name: str, at: float) -> bool:
        begin, length = OUTAGES[name]
        return begin <= at < begin + length

    counts = {"polls": 0, "refused": 0, "exchanges": 1, "failed exchanges": 0, "heartbeats": 0}
    end, at = LIFE, 0.0
    while at < DAY:
        if at > 0:  # the snapshot was the first request
            if at >= end - EARLY:
                if away("entra", at):
                    counts["failed exchanges"] += 1
                else:
                    counts["exchanges"] += 1
                    end = at + LIFE
            if at < end:
                counts["polls"] += 1
                counts["refused"] += away("apim", at) or away("arm", at)
        if at % 60 == 0 and at < end:
            counts["heartbeats"] += 1
        at += 10
    return counts


def test_a_day_with_three_outages_and_a_key_rotation_counts_what_the_schedule_says() -> None:
    """Entra nearly two hours away, the configuration API half an hour, ARM ten minutes; a new cluster key."""
    run_virtual(eventful_day)


async def eventful_day() -> None:
    keep_verdicts = "operator: operator\nsettings: {apiManagement: {rbacCache: 60s}}"
    async with story({"operator: operator": keep_verdicts}) as it:
        await it.deploy(seconds=0.001)
        sandbox = it.sandbox
        start = next(record.at for record in sandbox.records() if record.kind == "gateway.configuration")
        for actor, (begin, length) in OUTAGES.items():
            fault = make_fault("status", code=503)
            since, until = start + begin, start + begin + length
            sandbox.faults.add(Planned(actor, actor, fault, Scope(since=since, until=until)))
        await sandbox.sleep(4 * 3600)
        IssuerState(sandbox.stores("oidc"), sandbox.around.keys, admin_token="").rotate("contoso")
        await sandbox.sleep(start + DAY - 0.001 - sandbox.clock.now())

        asked = it.events(ConfigurationAsked)
        polls = [event for event in asked if event.operation == "events"]
        tokens = it.events(TokenAsked)
        assert {
            "polls": sum(event.status is not None for event in polls),
            "refused": sum(event.status == 503 for event in polls),
            "exchanges": sum(event.ok for event in tokens),
            "failed exchanges": sum(not event.ok for event in tokens),
            "heartbeats": sum(event.operation == "heartbeat" for event in asked),
        } == schedule()
        assert [event.operation for event in asked].count("snapshot") == 1
        assert await it.call() == [200]
        signed_with = {event.token.header["kid"] for event in it.events(TokenProjected)}
        assert len(signed_with) == 2
