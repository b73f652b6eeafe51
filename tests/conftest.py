"""What all tests share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on trio, as virtual runs do."""
    return "trio"
