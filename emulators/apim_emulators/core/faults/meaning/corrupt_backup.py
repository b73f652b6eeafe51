"""gateway ◄── /apim/config, cut or garbled ✗       the copy is refused, and there is no other"""

from dataclasses import dataclass, field
from typing import Literal

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "corrupt-backup",
    stage="meaning",
    targets=("gateway",),
    label="assumed",
    source="self-hosted-gateway#418 (a backup that is there and can't be restored); its form is ours",
    witness="tests/sandbox/faults/test_gateway.py::test_a_corrupt_backup_is_refused_and_explained",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class CorruptBackup(MeaningFault):
    """What the gateway reads of its copy of the configuration is not what it wrote."""

    how: Literal["cut", "garbled", "empty"] = field(
        default="cut", metadata=told("cut short, every byte changed, or nothing in it")
    )

    def effect(self) -> str:
        return f"read a backup that is {self.how}"

    def changed(self, content: bytes) -> bytes:
        """The snapshot file as it is read."""
        if self.how == "cut":
            return content[: len(content) // 2]
        return b"" if self.how == "empty" else bytes(byte ^ 0x2A for byte in content)
