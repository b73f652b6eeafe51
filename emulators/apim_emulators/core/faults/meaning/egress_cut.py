"""gateway ──► [its pod's network ✗]   Entra, API Management       everybody else reaches both"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import httpx

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told

_FAILURES: Mapping[str, Callable[[], httpx.TransportError]] = {
    "name": lambda: httpx.ConnectError("[Errno -3] Temporary failure in name resolution"),
    "refused": lambda: httpx.ConnectError("[Errno 111] Connection refused"),
    "dropped": lambda: httpx.ConnectTimeout("timed out"),
}


@register(
    "egress-cut",
    stage="meaning",
    targets=("gateway",),
    label="observed",
    source="azure-workload-identity#611 (a NetworkPolicy), #650 (name resolution in the pod)",
    witness="tests/sandbox/faults/test_gateway.py::test_a_pod_whose_network_is_cut_goes_on_from_memory",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class EgressCut(MeaningFault):
    """The gateway's own pod reaches neither Entra nor API Management; nobody else is concerned."""

    how: Literal["name", "refused", "dropped"] = field(
        default="dropped",
        metadata=told("names do not resolve, connections are refused, or packets are dropped"),
    )

    def effect(self) -> str:
        words = {"name": "names do not resolve", "refused": "connections are refused"}
        return f"cut the pod off: {words.get(self.how, 'packets are dropped')}"

    def failure(self) -> httpx.TransportError:
        """What the gateway's client raises; of dropped packets when its time-out is over."""
        return _FAILURES[self.how]()
