"""The token endpoint from request to answer, with what it tells the journal."""

import pytest

from .conftest import Entra

pytestmark = pytest.mark.anyio


async def test_a_trusted_assertion_becomes_an_access_token(entra: Entra) -> None:
    """The federated exchange gives a bearer token of one hour for the resource asked for."""
    answer = await entra.ask()
    print(answer.text, entra.events("entra.token"), entra.events("entra.issuer_fetched"))
    assert answer.status_code == 200
