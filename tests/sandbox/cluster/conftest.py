"""The cluster's tests run in virtual time: trio with a clock that jumps."""

from typing import Any

import pytest
from trio.testing import MockClock


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Minutes of back-off and an hour of token life take milliseconds."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}
