"""Faults of webhook, kubelet and clocks, each in the whole flow."""

import pytest
from tests.sandbox.faults.telling import add, fired, tell, why
from tests.sandbox.gateway.story import Story

from apim_emulators.core.events import ClockMoved, TokenProjected


def test_a_webhook_that_denies_keeps_pods_from_being_made() -> None:
    """Its words are in the cluster's events; when it has done with it, the pod comes."""

    async def main(it: Story) -> None:
        add(it, "webhook-denies", message="no rights", lasting=20.0)
        await it.deploy(seconds=10)
        assert await it.pods() == []
        assert any("no rights" in event.message for event in await it.sandbox.cluster.events())
        await it.sandbox.sleep(120)
        assert await it.ready() == [True]

    tell(main)


def test_plain_http_at_the_webhook_is_told_in_the_api_servers_words() -> None:
    """Go's, not OpenSSL's: people search for them."""

    async def main(it: Story) -> None:
        add(it, "plain-http", "webhook")
        await it.deploy(seconds=10)
        words = "server gave HTTP response to HTTPS client"
        assert any(words in event.message for event in await it.sandbox.cluster.events())
        assert why(it) == "webhook-not-https"

    tell(main)


def test_a_token_that_is_not_renewed_expires() -> None:
    """The kubelet warns and keeps the old file; Entra refuses it once it has expired."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "renewal-fails", message="the server is gone")
        await it.sandbox.sleep(7500)  # the second access token can't be had: the file's token has expired
        assert all(not event.renewal for event in it.events(TokenProjected))
        assert any("the server is gone" in event.message for event in await it.sandbox.cluster.events())
        assert it.codes() == [700024]

    tell(main)


def test_a_clock_is_skewed_for_as_long_as_the_fault_lasts() -> None:
    """Two at one actor add up; each ends at its own moment, and the journal tells of every change."""

    async def main(it: Story) -> None:
        clock, entra = it.sandbox.clock, it.sandbox.clock.for_actor("entra")
        add(it, "skewed-clock", "entra", seconds="-10m", lasting=60.0)
        add(it, "skewed-clock", "entra", seconds=5, lasting=90.0)
        assert entra.now() - clock.now() == pytest.approx(-595)
        await it.sandbox.sleep(60)
        assert entra.now() - clock.now() == pytest.approx(5)
        await it.sandbox.sleep(30)
        assert entra.now() == clock.now()
        await it.sandbox.sleep(1)
        moves = [(event.actor, event.skew) for event in it.events(ClockMoved)]
        assert moves == [("entra", -600.0), ("entra", -595.0), ("entra", 5.0), ("entra", 0.0)]
        assert fired(it) == ["skewed-clock", "skewed-clock"]

    tell(main)


def test_a_skewed_clock_is_explained() -> None:
    """Entra's clock is what is wrong, and the explanation says so."""

    async def main(it: Story) -> None:
        add(it, "skewed-clock", "entra", seconds="3h")
        await it.deploy()
        assert it.codes() == [700024]
        assert why(it) == "clock-skew"

    tell(main)
