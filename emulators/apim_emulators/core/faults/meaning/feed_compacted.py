"""gateway ──► events after revision N       ◄── 410: take a snapshot"""

from dataclasses import dataclass

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register


@register(
    "feed-compacted",
    stage="meaning",
    targets=("apim",),
    label="assumed",
    source="that a gateway falls back to a snapshot is known, the answer is ours",
    witness="tests/sandbox/faults/meaning/test_apim.py::test_a_compacted_feed_makes_a_gateway_take_a_snapshot",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class FeedCompacted(MeaningFault):
    """The feed no longer reaches back to what a gateway has."""

    def effect(self) -> str:
        return "said that the feed is too short"
