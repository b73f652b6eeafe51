"""gateway ◄── snapshot, cut or garbled ✗       what it has stays in force"""

from dataclasses import dataclass, field
from typing import Literal

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "corrupt-snapshot",
    stage="meaning",
    targets=("apim",),
    label="assumed",
    source="self-hosted-gateway#316 (a configuration of no use); the snapshot's form is ours",
    witness="tests/sandbox/faults/meaning/test_apim.py::test_a_corrupt_snapshot_keeps_a_gateway_from_starting",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class CorruptSnapshot(MeaningFault):
    """The configuration API serves a snapshot that can't be read."""

    how: Literal["cut", "garbled", "revision"] = field(
        default="cut", metadata=told("cut short, no JSON at all, or with a revision that is none")
    )

    def effect(self) -> str:
        return f"served a snapshot that is {'wrong in its revision' if self.how == 'revision' else self.how}"

    def changed(self, body: bytes) -> bytes:
        """The snapshot's JSON as it is served."""
        if self.how == "cut":
            return body[: len(body) // 2]
        if self.how == "garbled":
            return bytes(byte ^ 0x2A for byte in body)
        return body.replace(b'"revision":"', b'"revision":"not-a-', 1)
