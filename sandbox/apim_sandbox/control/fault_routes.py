"""The control service's faults: what there is, what is in force, and who else has taken it over."""

from typing import Any

from msgspec import Struct, field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.faults import Faults, Planned
from apim_emulators.core.nearest import nearest
from apim_sandbox.control.fault_catalogue import catalogue
from apim_sandbox.control.followers import Followers, Seen
from apim_sandbox.control.offers import Offers
from apim_sandbox.control.planning import FaultRequest, plan
from apim_sandbox.control.server_sent import states
from apim_sandbox.world.model import World


class FaultDesk(Struct):
    """What the routes steer."""

    faults: Faults
    clock: MasterClock
    world: World
    followers: Followers = field(default_factory=Followers)

    def shown(self, planned: Planned) -> dict[str, Any]:
        faults = self.faults
        return {
            **planned.to_builtins(),
            "calls": str(planned.scope.calls),
            "active": planned.scope.open_at(self.clock.now()),
            "fired": faults.fired.get(planned.id, 0),
        }

    def plan_shown(self) -> dict[str, Any]:
        """What the processes that follow are told."""
        planned = [one.to_builtins() for one in self.faults.planned.values()]
        return {"version": self.faults.version, "faults": planned}

    async def taken_over(self) -> None:
        """Wait until every process that follows has the newest plan, for a moment at most."""
        await self.followers.have(self.faults.version)


def fault_routes(offers: Offers, desk: FaultDesk) -> None:
    """Add them to the control service."""
    faults = desk.faults

    @offers.get("/faults")
    async def list_faults(_: Request) -> Any:
        """The faults in force, and how often each has fired."""
        return [desk.shown(planned) for planned in faults.planned.values()]

    @offers.get("/faults/catalogue")
    async def show_catalogue(_: Request) -> Any:
        """Every fault that can be added, with its arguments."""
        return [entry.to_builtins() for entry in catalogue()]

    @offers.post("/faults", body=FaultRequest, status=201)
    async def add(_: Request, body: FaultRequest) -> Any:
        """Put a fault in force; it is so everywhere when this answers."""
        planned = plan(body, desk.world, desk.clock.now(), faults.planned)
        faults.add(planned)
        await desk.taken_over()
        return desk.shown(planned)

    @offers.delete("/faults/{fault_id}")
    async def remove(request: Request) -> Any:
        """Take a fault back; says how often it fired."""
        fault_id = request.path_params["fault_id"]
        planned = faults.planned.get(fault_id)
        if planned is None:
            meant = nearest(fault_id, faults.planned)
            there = f"there are {', '.join(faults.planned)}" if faults.planned else "there are none"
            hint = f"did you mean {meant!r}?" if meant else there
            raise HTTPException(404, f"no fault has the id {fault_id!r}; {hint}")
        faults.remove(fault_id)
        await desk.taken_over()
        return desk.shown(planned)

    @offers.delete("/faults")
    async def clear(_: Request) -> Any:
        """Take all back; says how often each fired."""
        gone = [desk.shown(planned) for planned in faults.planned.values()]
        faults.clear()
        await desk.taken_over()
        return gone

    @offers.get("/faults/stream", query=["process"])
    async def stream(request: Request) -> StreamingResponse:
        """Server-sent events: the plan now, and after every change, for a process that takes it over."""
        events = states(desk.plan_shown, faults.on_change, faults.off_change)
        return desk.followers.stream(request.query_params.get("process", ""), events)

    @offers.post("/faults/stream/seen", body=Seen, status=204)
    async def seen(_: Request, body: Seen) -> None:
        """Take note that a process has taken over a version of the plan."""
        desk.followers.take_note(body)
