"""gateway ──► /apim/config ✗       no copy is kept; it is missed at the next start without the cloud"""

import errno
import os
from dataclasses import dataclass, field
from typing import Literal

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told

_ERRORS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "permission": errno.EACCES}


@register(
    "unwritable-backup",
    stage="meaning",
    targets=("gateway",),
    label="documented",
    source="Microsoft's guidance for production: the volume belongs to group 1001; azure-docs PR #91726",
    witness="tests/sandbox/faults/test_gateway.py::test_a_full_disk_is_missed_at_the_next_start",
    scoped_by=("gateway",),
)
@dataclass(frozen=True, slots=True)
class UnwritableBackup(MeaningFault):
    """The gateway can't write the copy of its configuration: its volume is full, or not for writing."""

    how: Literal["full", "read-only", "permission"] = field(
        default="full", metadata=told("no space left, mounted read-only, or of another group")
    )

    def effect(self) -> str:
        return f"could not write the backup: {self.failure().strerror}"

    def failure(self) -> OSError:
        """What the operating system says."""
        number = _ERRORS[self.how]
        return OSError(number, os.strerror(number))
