"""The journal's records, chosen by the one who reads them."""

from collections.abc import Sequence

import httpx
import pytest
from starlette.applications import Starlette

from apim_emulators.core.events import ClockMoved, PodChanged, ResourceChanged
from apim_emulators.core.journal import MemoryJournal, decode
from apim_emulators.core.wire import open_wire
from apim_sandbox.control.history import History
from apim_sandbox.control.journal_routes import journal_routes
from apim_sandbox.control.offers import Offers
from apim_sandbox.virtual import run_virtual


def journal() -> MemoryJournal:
    """Two pods of one name in two namespaces, a change of the cloud, a move of the clock."""
    made = MemoryJournal()
    for namespace in ("a", "b"):
        for phase in ("Pending", "Running"):
            event = PodChanged(namespace=namespace, pod="web", phase=phase, ready=False)
            made.add("cluster", 1.0, event, 0.0)
    made.add("entra", 2.0, ResourceChanged("application", "1", "web", "created", "operator"), 0.0)
    made.add("control", 3.0, ClockMoved(5.0), 0.0)
    return made


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"since": 4}, [5, 6]),
        ({"last": 2}, [5, 6]),
        ({"last": 9}, [1, 2, 3, 4, 5, 6]),
        ({"kind": "cluster.pod"}, [1, 2, 3, 4]),
        ({"kind": "cluster.pod", "last": 1}, [4]),
        ({"actor": "entra"}, [5]),
        ({"pod": "web"}, [1, 2, 3, 4]),
        ({"pod": "a/web"}, [1, 2]),
        ({"pod": "a/web", "since": 1, "last": 5}, [2]),
        ({"pod": "we"}, []),
        ({"kind": "cluster.pod", "actor": "entra"}, []),
    ],
)
def test_records_are_chosen(params: dict[str, str | int], expected: Sequence[int]) -> None:
    """By number, kind, actor and pod; of those the newest."""

    async def main() -> list[int]:
        offers = Offers()
        journal_routes(offers, journal(), History(lambda: 0.0))
        app = Starlette(routes=[one.route for one in offers.offered])
        async with (
            open_wire(lambda _: app) as wire,
            httpx.AsyncClient(transport=wire.transport()) as http,
        ):
            answer = await http.get("http://control/journal", params=params)
        return [decode(line).sequence for line in answer.content.splitlines()]

    assert run_virtual(main) == expected
