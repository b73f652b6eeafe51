"""The control service's world: what it is, and how another one takes its place."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from apim_emulators.core.events import WorldLoaded
from apim_sandbox.control.fault_routes import FaultDesk
from apim_sandbox.control.offers import Offers
from apim_sandbox.control.steered import Control
from apim_sandbox.documents import Document
from apim_sandbox.world.seed import service_names


def world_routes(offers: Offers, control: Control, desk: FaultDesk) -> None:
    """Add them to the control service."""

    @offers.get("/health")
    async def health(_: Request) -> Any:
        """Whether it answers."""
        return {"status": "ok"}

    @offers.get("/status")
    async def status(_: Request) -> Any:
        """The world's name, the emulators, the clock, where the journal stands."""
        return control.status()

    @offers.post("/world", body=dict[str, Any])
    async def begin_anew(_: Request, body: Mapping[str, Any]) -> Any:
        """Begin anew with a world (a world file's content): emulators forget all, faults and the clock too.

        What runs in the cluster is not touched: delete it before.
        """
        from apim_sandbox.world.load import from_document

        world = from_document(Document("<world>", body))
        if control.reload is None:
            raise HTTPException(
                409, "this sandbox's cluster belongs to its world; start another with up --world FILE"
            )
        control.faults.clear()
        control.clock.follow(0.0, {})
        await control.reload(world)
        desk.world = world
        clusters = tuple(one.name for one in world.clusters)
        loaded = WorldLoaded(world.name, tuple(service_names(world)), clusters)
        control.journal.add("control", control.clock.now(), loaded, 0.0)
        return {"world": world.name, "journal": control.journal.sequence}
