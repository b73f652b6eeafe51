"""An issuer with one cluster, called in memory."""

from collections.abc import AsyncIterator

import httpx
import pytest

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.context import Context
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore
from apim_emulators.oidc.app import create_app
from apim_emulators.oidc.model import Cluster
from apim_emulators.oidc.state import IssuerState

NOW = 1_767_225_600.0
ADMIN = {"authorization": "Bearer admin-token"}


class FixedTime:
    """A clock's source that stands still until the test advances the clock."""

    def wall(self) -> float:
        return NOW

    def tick(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> MasterClock:
    return MasterClock(FixedTime())


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def state() -> IssuerState:
    state = IssuerState(MemoryStore(), PooledKeys(), admin_token="admin-token")
    state.put_cluster(Cluster("contoso", "https://oidc.sandbox.test/contoso"))
    return state


@pytest.fixture
async def http(
    clock: MasterClock, journal: MemoryJournal, state: IssuerState
) -> AsyncIterator[httpx.AsyncClient]:
    """Reaches every host of the issuer's application."""
    outside = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(599)))
    context = Context(clock, SeededIds("oidc"), ActorJournal(journal, "oidc", clock), outside)
    async with (
        outside,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(context, state))) as client,
    ):
        yield client
