"""The control service's routes for snapshots of the whole world."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from apim_sandbox.control.checkpoints import Checkpoints
from apim_sandbox.control.offers import Offers


def snapshot_routes(offers: Offers, checkpoints: Checkpoints | None) -> None:
    """`POST /snapshots`, `POST /snapshots/{id}/restore`, `DELETE /snapshots/{id}`."""

    def here() -> Checkpoints:
        if checkpoints is None:
            raise HTTPException(
                501,
                "snapshots need all emulators in one process, and here each runs in one of its own; "
                "start a sandbox with apim-sandbox up, without --separate, or use the pytest fixture sandbox",
            )
        return checkpoints

    @offers.post("/snapshots", status=201)
    async def take(_: Request) -> dict[str, str]:
        """Remember the whole world as it is."""
        return {"id": here().take()}

    @offers.post("/snapshots/{snapshot_id}/restore")
    async def restore(request: Request) -> dict[str, int]:
        """Go back to it; `journal` is where the journal stood. It goes on, for it tells what happened."""
        return {"journal": await here().restore(request.path_params["snapshot_id"])}

    @offers.delete("/snapshots/{snapshot_id}")
    async def drop(request: Request) -> None:
        """Forget a snapshot."""
        here().drop(request.path_params["snapshot_id"])
