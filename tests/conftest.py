"""What all tests share."""

import pytest
from hypothesis import settings

# Speed belongs in a benchmark: a slow machine must not fail a property.
settings.register_profile("sandbox", deadline=None)
settings.load_profile("sandbox")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on trio, as virtual runs do."""
    return "trio"
