"""What the control service tells of gateways."""

from pathlib import Path

import pytest

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.events import ConfigurationAnswered, GatewayChanged, GatewayLogged
from apim_emulators.core.journal import MemoryJournal
from apim_sandbox.instance import StateDir
from apim_sandbox.server import ServerOptions, Status
from apim_sandbox.world.default import default_world

pytestmark = pytest.mark.anyio


async def test_a_gateway_is_listed_with_its_last_heartbeat_and_what_does_not_act() -> None:
    """State and revision by its own word, the heartbeat by the configuration API; a refused one is none."""
    journal = MemoryJournal()
    status = Status(default_world(), MasterClock(), journal, ServerOptions(StateDir(Path("nowhere"))))

    def beat(code: int) -> ConfigurationAnswered:
        return ConfigurationAnswered(
            "contoso", "on-prem", "heartbeat", "POST", "/", code, "id", instance="pod-1"
        )

    state = GatewayChanged("ns", "pod-1", "On-Prem", "ready", "0000000a", ("echo-api",))
    journal.add("gateway", 1.0, state, 0.0)
    journal.add("apim", 2.0, beat(204), 0.0)
    journal.add("apim", 3.0, beat(401), 0.0)
    journal.add(
        "gateway", 4.0, GatewayLogged("ns", "pod-1", "warn", "PolicyNotActing", "api a: cors", ""), 0.0
    )
    assert await status.gateways() == [
        {
            "namespace": "ns", "pod": "pod-1", "gateway": "On-Prem", "state": "ready", "revision": "0000000a",
            "apis": ("echo-api",), "last_heartbeat": 2.0, "policies_not_acting": ["api a: cors"],
        }
    ]  # fmt: skip
