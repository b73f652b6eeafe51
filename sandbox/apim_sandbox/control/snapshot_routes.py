"""The control service's routes for snapshots of the whole world."""

from fastapi import FastAPI, HTTPException
from starlette.responses import Response

from apim_sandbox.control.checkpoints import Checkpoints


def snapshot_routes(app: FastAPI, checkpoints: Checkpoints | None) -> None:
    """`POST /snapshots`, `POST /snapshots/{id}/restore`, `DELETE /snapshots/{id}`."""

    def here() -> Checkpoints:
        if checkpoints is None:
            raise HTTPException(
                501, "snapshots need all emulators in one process: start the sandbox without --separate"
            )
        return checkpoints

    @app.post("/snapshots", status_code=201)
    async def take() -> dict[str, str]:
        """Remember the whole world as it is."""
        return {"id": here().take()}

    @app.post("/snapshots/{snapshot_id}/restore")
    async def restore(snapshot_id: str) -> dict[str, int]:
        """Go back to it; `journal` is where the journal stood. It goes on, for it tells what happened."""
        return {"journal": await here().restore(snapshot_id)}

    @app.delete("/snapshots/{snapshot_id}", status_code=204)
    async def drop(snapshot_id: str) -> Response:
        here().drop(snapshot_id)
        return Response(status_code=204)
