"""What the control service steers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct, field

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import Faults
from apim_emulators.core.journal import MemoryJournal
from apim_sandbox.cluster.protocol import Cluster
from apim_sandbox.control.attachments import Attachments
from apim_sandbox.control.checkpoints import Checkpoints
from apim_sandbox.world.model import World


class Control(Struct):
    """What there is of a sandbox. `status` answers `GET /status`; `token` guards a public listener."""

    clock: MasterClock
    journal: MemoryJournal
    cluster: Cluster
    faults: Faults
    world: World
    status: Callable[[], dict[str, Any]]
    gateways: Callable[[], Awaitable[list[dict[str, Any]]]]
    attachments: Attachments
    default_service_account: str
    pod_variables: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    reload: Callable[[World], Awaitable[None]] | None = None
    """Lets every emulator begin anew with another world; None where the cluster itself would have to."""
    checkpoints: Checkpoints | None = None  # None where the emulators are other processes
