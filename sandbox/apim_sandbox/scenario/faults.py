"""The faults of a scenario: what a step asks for, and which could never be added. Pure."""

from collections.abc import Iterator

from apim_emulators.core.faults import FaultError
from apim_sandbox.control.planning import FaultRequest, plan
from apim_sandbox.documents import Document, DocumentError
from apim_sandbox.scenario.model import AddFault, Scenario, Step
from apim_sandbox.world.model import World


def fault_request(wanted: AddFault, now: float, seed: str) -> FaultRequest:
    """What a step asks for at `now`."""
    return FaultRequest(
        wanted.fault, wanted.target or "", wanted.arguments, wanted.id, wanted.calls, since=now,
        lasting=wanted.lasting, tenant=wanted.tenant, gateway=wanted.gateway, path=wanted.path,
        method=wanted.method, chance=wanted.chance, seed=seed,
    )  # fmt: skip


def wrong_faults(
    scenario: Scenario, document: Document, world: World, *, with_cause: bool
) -> Iterator[DocumentError]:
    """Faults that could not be added."""
    for path, step in scenario.lines():
        if not isinstance(step, Step) or step.add_fault is None:
            continue
        if path[0] != "timeline" and not with_cause:
            continue
        try:
            plan(fault_request(step.add_fault, 0.0, "seed"), world, 0.0)
        except FaultError as error:
            yield document.error((*path, "addFault", *error.field), str(error))
