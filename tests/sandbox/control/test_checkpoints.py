"""A snapshot of everything, and the way back."""

from collections.abc import Iterator
from typing import Any

import pytest

from apim_emulators.core.journal import Record, to_builtins
from apim_sandbox import Sandbox, SandboxError
from apim_sandbox.client.shapes import StatusShown

READER = "API Management Gateway Configuration Reader Role"


@pytest.fixture(scope="module")
def live() -> Iterator[Sandbox]:
    """One sandbox for all tests here: that each finds it fresh is what they are about."""
    with Sandbox.start() as sandbox:
        yield sandbox


def world(sandbox: Sandbox) -> dict[str, Any]:
    """Everything that the public routes show of a sandbox's state."""
    status: StatusShown = sandbox.status()
    services = sandbox.arm(
        "GET",
        f"{sandbox.arm.subscription()}/providers/Microsoft.ApiManagement/service",
        api_version="2024-05-01",
    )
    return {
        "skews": status["clock"]["skews"],
        "offset": status["clock"]["offset"],
        "pods": sandbox.pods(),
        "events": sandbox.events(),
        "accounts": sandbox.service_accounts(),
        "gateways": sandbox.gateways(),
        "faults": sandbox.faults.list(),
        "roles": sandbox.arm.role_assignments.list(),
        "services": services["value"],
        "applications": sandbox.graph.pages("/v1.0/applications"),
        "principals": sandbox.graph.pages("/v1.0/servicePrincipals"),
        "credentials": sandbox.graph.federated_credentials.list("apim-gateway"),
    }


def test_everything_goes_back(live: Sandbox) -> None:
    """Cloud, cluster, clock and faults; a gateway that ran is gone."""
    snapshot, before = live.snapshot(), world(live)
    gateway = live.gateway()
    live.arm.role_assignments.remove(role=READER, principal=gateway.identity)
    live.graph.federated_credentials.update("apim-gateway", "apim-gateway-federated-credential", subject="x")
    live.graph("POST", "/v1.0/applications", body={"displayName": "another"})
    live.keep_attached()
    live.faults.add("status", "apim", code=503)
    live.clock.advance(minutes=10)
    assert gateway.last_poll.status == 503
    live.clock.advance(days=1)
    live.clock.skew("entra", -400)
    with pytest.raises(SandboxError, match="the subject of no federated credential matches"):
        assert gateway.last_poll
    live.restore(snapshot)
    assert world(live) == before


def test_nothing_is_remembered_outside_the_stores(live: Sandbox) -> None:
    """After a way back the same story is told again: nothing is skipped because it is still known."""
    snapshot = live.snapshot()
    told = []
    for _ in range(2):
        live.restore(snapshot)
        gateway = live.gateway()
        live.arm.role_assignments.remove(role=READER, principal=gateway.identity)
        live.clock.advance(minutes=10)
        assert gateway.last_poll.status == 403
        told.append(
            {_shape(record) for record in live.journal() if record.actor in ("entra", "apim", "oidc")}
        )
    live.restore(snapshot)
    assert told[0] == told[1]


def _shape(record: Record) -> tuple[str, Any, Any]:
    event = to_builtins(record)["event"]
    return record.kind, event.get("status"), event.get("cause")


def test_the_journal_tells_of_what_comes_after(live: Sandbox) -> None:
    """Its numbers go on; only the default beginning moves."""
    snapshot = live.snapshot()
    live.clock.advance(1)
    number = live.status()["journal"]
    live.restore(snapshot)
    assert {record.kind for record in live.journal()} == {"resource.changed"}
    assert live.journal()[0].sequence == number + 1
    assert live.explain() is None


def test_a_snapshot_that_was_not_taken_is_refused(live: Sandbox) -> None:
    """The message names those that there are."""
    taken = live.snapshot()
    with pytest.raises(SandboxError, match=rf"no snapshot '77'; there are start(, \d+)*, {taken}\b"):
        live.restore("77")
