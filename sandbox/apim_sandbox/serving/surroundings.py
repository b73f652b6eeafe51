"""What a live process is given: the world it serves, the way to the others, the files it keeps."""

import ssl
from pathlib import Path

import httpx

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import Faults
from apim_emulators.core.ids import RandomIds
from apim_emulators.core.journal import Sink
from apim_emulators.core.keys import FreshKeys, KeySource
from apim_emulators.core.store import MemoryStore, SqliteStore, Stores
from apim_sandbox.assembly import Surroundings
from apim_sandbox.instance import StateDir
from apim_sandbox.world.model import World


def load_world(path: Path | None) -> World:
    """The world of a file, or the built-in one. Raises `DocumentError`."""
    if path is None:
        from apim_sandbox.world.default import default_world

        return default_world()
    from apim_sandbox.world.load import load

    return load(path)


def live_client(proxy: str, context: ssl.SSLContext) -> httpx.AsyncClient:
    """How parts of a live sandbox reach each other: by real names, over TLS.

    Through the proxy; without one (as containers), the network's name service knows the names.
    """
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=60)
    return httpx.AsyncClient(proxy=proxy or None, verify=context, trust_env=False, timeout=10, limits=limits)


def live_surroundings(
    state: StateDir,
    clock: MasterClock,
    sink: Sink,
    http: httpx.AsyncClient,
    faults: Faults,
    *,
    keep: bool = True,
    keys: KeySource | None = None,
) -> Surroundings:
    """System time, random ids, fresh keys, and one SQLite file an emulator; memory without `keep`."""
    stores = Stores(lambda name: SqliteStore(state.path / f"{name}.sqlite") if keep else MemoryStore())
    return Surroundings(clock, RandomIds(), sink, keys or FreshKeys(), stores, http, state.secrets(), faults)
