"""A fresh cloud for every test."""

from collections.abc import AsyncIterator

import pytest
from tests.emulators.arm.cloud import Cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    made = Cloud()
    async with made.http:
        yield made
