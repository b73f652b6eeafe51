"""What every emulator is given: its time, ids, journal, faults, and the way to call others."""

import httpx
from msgspec import Struct, field

from apim_emulators.core.clock import Clock
from apim_emulators.core.faults.actor import Asks, NoFaults
from apim_emulators.core.ids import Ids
from apim_emulators.core.journal import Journal


class Context(Struct, frozen=True):
    """`http` reaches every emulated host by its real name, over TLS live and in memory in virtual runs."""

    clock: Clock
    ids: Ids
    journal: Journal
    http: httpx.AsyncClient
    faults: Asks = field(default_factory=NoFaults)
