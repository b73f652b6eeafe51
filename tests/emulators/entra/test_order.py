"""The order of the checks, walked pairwise."""

import pytest

from .causes import ORDERS, Ask
from .conftest import Entra

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("kind", "position"),
    [(kind, position) for kind, order in ORDERS.items() for position in range(len(order))],
)
async def test_of_two_causes_the_earlier_in_the_table_answers(entra: Entra, kind: str, position: int) -> None:
    """Each cause alone gives its own code, and goes before every cause that comes later in the table."""
    order = ORDERS[kind]
    first = order[position]
    fresh, jwks, clean, moment = (
        entra.directory.store.snapshot(),
        list(entra.issuer.jwks),
        entra.issuer.answer,
        entra.clock.moment,
    )
    wrong = []
    for other in (None, *order[position + 1 :]):
        if other is not None and first.slots & other.slots:
            continue
        entra.directory.store.restore(fresh)
        entra.directory.forget()
        entra.issuer.jwks[:] = [dict(key) for key in jwks]
        entra.issuer.answer, entra.clock.moment = clean, moment
        ask = Ask(entra, kind)
        if other is not None:
            other.apply(ask)
        first.apply(ask)
        answer = await ask.send()
        if answer.json().get("error_codes") != [first.code]:
            wrong.append(
                (other.name if other else "alone", answer.status_code, answer.json().get("error_description"))
            )
    assert wrong == []
