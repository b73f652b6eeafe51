"""Faults of the configuration API, each in the whole flow."""

import pytest
from tests.sandbox.faults.telling import add, fired, tell
from tests.sandbox.gateway.story import GATEWAY_PRINCIPAL, SERVICE, Story

from apim_emulators.core.events import ConfigurationAnswered, ConfigurationAsked


@pytest.mark.parametrize("how", ["cut", "garbled", "revision"])
def test_a_corrupt_snapshot_keeps_a_gateway_from_starting(how: str) -> None:
    """It asks again, and starts when the snapshot is whole."""

    async def main(it: Story) -> None:
        add(it, "corrupt-snapshot", how=how, lasting=20.0, gateway="on-prem")
        await it.deploy(seconds=15)
        assert await it.ready() == [False]
        said = [*it.lines("ConfigInitialSyncFailed"), *it.lines("ConfigurationApiV2NotAvailable")]
        assert any("the snapshot can't be read" in line for line in said)
        await it.sandbox.sleep(30)
        assert await it.ready() == [True]

    tell(main)


def test_a_stale_configuration_hides_a_change() -> None:
    """A running gateway hears nothing of a new API, and neither does one that starts; later both do."""

    async def main(it: Story) -> None:
        await it.deploy()
        stale = add(it, "stale-configuration")
        body = {"properties": {"displayName": "Two", "path": "two", "protocols": ["https"],
                               "serviceUrl": "https://echo.sandbox.test/api"}}  # fmt: skip
        await it.arm("PUT", f"{SERVICE}/apis/two", body)
        await it.arm("PUT", f"{SERVICE}/gateways/on-prem/apis/two", {})
        await it.sandbox.sleep(30)
        snapshot = {event.revision for event in it.events(ConfigurationAnswered) if event.revision}
        await it.restart()
        again = {event.revision for event in it.events(ConfigurationAnswered) if event.revision}
        assert len(snapshot) == len(again) == 1
        it.sandbox.faults.remove(stale)
        await it.sandbox.sleep(15)
        assert len({event.revision for event in it.events(ConfigurationAnswered) if event.revision}) > 1

    tell(main)


def test_a_compacted_feed_makes_a_gateway_take_a_snapshot() -> None:
    """410 to a poll, a snapshot after it, and all is well."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "feed-compacted", calls="1")
        await it.sandbox.sleep(30)
        asked = [(event.operation, event.status) for event in it.events(ConfigurationAsked)]
        at = asked.index(("events", 410))
        assert ("snapshot", 200) in asked[at:]
        assert await it.ready() == [True]

    tell(main)


def test_lost_heartbeats_leave_a_gateway_without_instances() -> None:
    """The gateway is content, the cloud has never heard of it."""

    async def main(it: Story) -> None:
        add(it, "heartbeats-lost")
        await it.deploy()
        beats = [event.status for event in it.events(ConfigurationAnswered) if event.operation == "heartbeat"]
        assert set(beats) == {204}
        assert fired(it) == ["heartbeats-lost"] * len(beats)
        shown = await it.arm("GET", f"{SERVICE}/gateways/on-prem", None, "2018-06-01-preview")
        assert shown["properties"]["heartbeat"] == []

    tell(main)


def test_a_stale_verdict_outlives_the_role_by_its_age() -> None:
    """Ten minutes after the last word of ARM, and no poll longer."""

    async def main(it: Story) -> None:
        await it.deploy()
        asked = it.sandbox.clock.now()
        add(it, "stale-authorization", seconds="10m")
        await it.revoke(GATEWAY_PRINCIPAL)
        await it.sandbox.sleep(700)
        refused = [
            record.at
            for record in it.sandbox.records()
            if isinstance(record.event, ConfigurationAnswered) and record.event.status == 403
        ]
        assert asked + 590 <= refused[0] <= asked + 610

    tell(main)
