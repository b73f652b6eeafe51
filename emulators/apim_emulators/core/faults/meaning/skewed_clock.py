"""actor ──► its own clock: ahead or behind       all others keep the sandbox's time"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import Fault, SignedSeconds
from apim_emulators.core.faults.registry import register, told


@register(
    "skewed-clock",
    stage="clock",
    targets=("cluster", "oidc", "webhook", "entra", "graph", "arm", "apim", "gateway"),
    label="observed",
    source="crc#1198, docker/for-mac#17 (after sleep); MSAL .NET#4951",
    witness="tests/sandbox/faults/meaning/test_cluster_and_clocks.py::test_a_clock_is_skewed_for_as_long_as_the_fault_lasts",
)
@dataclass(frozen=True, slots=True)
class SkewedClock(Fault):
    """The actor's clock runs ahead of the sandbox's, or behind it."""

    seconds: SignedSeconds = field(metadata=told("how far ahead; behind when negative"))

    def effect(self) -> str:
        return f"set the clock {abs(self.seconds):g} s {'ahead' if self.seconds > 0 else 'behind'}"
