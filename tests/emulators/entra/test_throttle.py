"""Throttling, off by default."""

import pytest

from .conftest import Entra

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("retry_after", [60, None])
async def test_too_many_requests_of_a_tenant_get_plain_text(entra: Entra, retry_after: int | None) -> None:
    """429 that is no JSON, with Retry-After unless it is switched off; the window passes."""
    entra.configure(rate_limit=2, rate_window=60.0, retry_after=retry_after)
    assert [(await entra.ask()).status_code for _ in range(2)] == [200, 200]
    answer = await entra.ask()
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        429, "Too Many Requests", "text/plain; charset=utf-8",
    )  # fmt: skip
    assert answer.headers.get("retry-after") == (None if retry_after is None else "60")
    event = entra.events("entra.token")[-1]
    assert (event.status, event.cause) == (429, "rate-limited")
    entra.clock.moment += 60
    assert (await entra.ask()).status_code == 200


async def test_a_client_that_asks_for_different_tokens_is_no_loop(entra: Entra) -> None:
    """Only identical requests count, and only within the window."""
    entra.configure(loop_limit=1, loop_window=300.0)
    form = entra.form()
    scopes = ("https://management.azure.com/.default", "https://graph.microsoft.com/.default")
    assert [(await entra.ask(**{**form, "scope": scope})).status_code for scope in scopes] == [200, 200]
    entra.clock.moment += 300
    assert (await entra.ask(**{**form, "scope": scopes[0]})).status_code == 200
