"""Every behaviour's witness is a test that exists."""

from pathlib import Path

import pytest

from apim_emulators.entra.behaviours import BEHAVIOURS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.id)
def test_the_witness_of_a_behaviour_exists(behaviour: object) -> None:
    """Its file defines the function that the node id names."""
    file, _, name = behaviour.witness.partition("::")  # type: ignore[attr-defined]
    assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text()


def test_no_id_is_used_twice() -> None:
    """The provenance header names one behaviour."""
    ids = [behaviour.id for behaviour in BEHAVIOURS]
    assert len(ids) == len(set(ids))
