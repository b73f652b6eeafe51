"""What the control service tells of gateways."""

from pathlib import Path

import pytest

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.events import ConfigurationAnswered, GatewayChanged
from apim_emulators.core.journal import MemoryJournal
from apim_sandbox.instance import StateDir
from apim_sandbox.serving.server import ServerOptions, Status
from apim_sandbox.world.default import default_world

pytestmark = pytest.mark.anyio


async def test_a_gateway_is_listed_with_its_last_heartbeat_and_what_does_not_act() -> None:
    """State and revision by its own word, the heartbeat by the configuration API; a refused one is none."""
    journal, clock = MemoryJournal(), MasterClock()
    status = Status(default_world(), clock, journal, ServerOptions(StateDir(Path("nowhere"))))

    def beat(code: int) -> ConfigurationAnswered:
        return ConfigurationAnswered(
            "contoso", "on-prem", "heartbeat", "POST", "/", code, "id", instance="pod-1"
        )

    state = GatewayChanged(
        "ns", "pod-1", "On-Prem", "ready", "0000000a", ("echo-api",), ("api a: cors",), "2.11.1"
    )
    now = clock.now()
    journal.add("gateway", now, state, 0.0)
    journal.add("apim", now + 2, beat(204), 0.0)
    journal.add("apim", now + 3, beat(401), 0.0)
    row = {
        "namespace": "ns", "pod": "pod-1", "gateway": "On-Prem", "state": "ready", "revision": "0000000a",
        "apis": ("echo-api",), "last_heartbeat": now + 2, "not_acting": ("api a: cors",), "version": "2.11.1",
    }  # fmt: skip
    assert await status.gateways() == [row]
    clock.advance(183)
    assert await status.gateways() == [row | {"state": "gone"}]
