"""A webhook with its defaults."""

from collections.abc import AsyncIterator

import pytest
from tests.emulators.webhook.lab import Bench, open_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A v1.6.0 webhook with its defaults, and the service account ns1/sa."""
    async with open_bench() as made:
        made.account(client_id="client-id")
        yield made
