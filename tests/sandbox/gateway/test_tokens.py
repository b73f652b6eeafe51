"""Caching and renewal on the gateway's clock."""

import anyio
import pytest
from tests.sandbox.gateway.conftest import Scene
from tests.sandbox.gateway.fakes import assertion

from apim_emulators.core.events import TokenAsked

pytestmark = pytest.mark.anyio

AWAY = (503, {"error": "temporarily_unavailable", "error_description": "AADSTS90033: A transient error."})


async def test_a_failed_early_renewal_keeps_the_old_token(scene: Scene) -> None:
    """One attempt a poll from 3300 s on; the first poll without a valid token is the first in trouble."""
    gateway = scene.start()
    await anyio.sleep(5)
    scene.entra.refusal = AWAY
    await anyio.sleep(3600 - 5 - 1)
    assert gateway.state == "ready"
    assert len(scene.entra.arrived) == 1 + 30
    await anyio.sleep(2)
    assert gateway.state == "serving-from-memory"

    scene.entra.refusal = None
    await anyio.sleep(10)
    assert gateway.state == "ready"


async def test_the_token_file_is_read_again_at_each_renewal(scene: Scene) -> None:
    """What the kubelet has written meanwhile is what travels, and the journal names both ends of the link."""
    scene.start()
    await anyio.sleep(5)
    scene.token_file = assertion("assertion-2")
    await anyio.sleep(3300)
    asked = [event for event in scene.events(TokenAsked) if isinstance(event, TokenAsked)]
    assert [(event.assertion_jti, event.uti, event.ok) for event in asked] == [
        ("assertion-1", "uti-1", True),
        ("assertion-2", "uti-2", True),
    ]


async def test_a_heartbeat_never_asks_for_a_token(scene: Scene) -> None:
    """Without a valid one it is left out."""
    scene.start()
    await anyio.sleep(5)
    scene.entra.refusal = AWAY
    scene.clock.advance(4000)
    await anyio.sleep(50)
    assert len(scene.api.times("heartbeat")) == 1
    assert len(scene.entra.arrived) == 1 + len(scene.events(TokenAsked)) - 1


async def test_a_gateway_token_travels_as_it_stands(scene: Scene) -> None:
    """Nobody asks Entra."""
    token = "GatewayKey on-prem&202612312359&c2lnbmF0dXJl"
    scene.start(**{"config.service.auth": token})
    await anyio.sleep(15)
    assert {request.headers["authorization"] for request in scene.api.arrived} == {token}
    assert scene.entra.arrived == []


async def test_a_gateway_token_with_a_line_break_never_leaves(scene: Scene) -> None:
    """A header can't hold it: the log says so in .NET's words."""
    scene.start(**{"config.service.auth": "GatewayKey on-prem&202612312359&c2ln\n"})
    await anyio.sleep(1)
    assert scene.api.arrived == []
    assert any("New-line characters are not allowed in header values." in line for line in scene.sink.lines)
