"""kubelet ──► TokenRequest ✗       the file keeps the old token until it expires, and after"""

from dataclasses import dataclass, field

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "renewal-fails",
    stage="meaning",
    targets=("cluster",),
    label="documented",
    source="k8s.io pkg/kubelet/token/token_manager.go",
    witness="tests/sandbox/faults/meaning/test_cluster_and_clocks.py::test_a_token_that_is_not_renewed_expires",
)
@dataclass(frozen=True, slots=True)
class RenewalFails(MeaningFault):
    """The kubelet can't renew projected tokens: the file keeps the old one."""

    message: str = field(default="the server is currently unable to handle the request", metadata=told("why"))

    def effect(self) -> str:
        return f"could not renew a token: {self.message}"
