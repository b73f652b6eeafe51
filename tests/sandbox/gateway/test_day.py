"""A day of a gateway's life in virtual time, counted."""

import anyio
import pytest
from tests.sandbox.gateway.conftest import Scene

from apim_emulators.core.events import ConfigurationAsked, TokenAsked

pytestmark = pytest.mark.anyio

DAY = 24 * 3600


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
