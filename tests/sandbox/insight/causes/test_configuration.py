"""The configuration API answers, and not as the gateway hoped."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.sandbox.insight.explained import explained
from tests.sandbox.insight.story import ACCESS, SERVICE, SNAPSHOT, START, Story

from apim_emulators.core.events import Token
from apim_sandbox.insight.explain import Comparison


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"status": 401, "cause": "token-audience", "token": ACCESS}, "token-audience"),
        ({"status": 401, "token": None}, "token-missing"),
        (
            {"status": 401, "token": Token({}, {**ACCESS.claims, "exp": START - 10})},
            "token-expired",
        ),
        ({"status": 401, "token": ACCESS}, "token-invalid"),
        ({"status": 404, "gateway": "=on-prem"}, "gateway-not-found"),
        ({"status": 429}, "configuration-throttled"),
        ({"status": 410}, "snapshot-required"),
        ({"status": 503}, "configuration-unavailable"),
    ],
)
def test_other_answers_of_the_configuration_api(changed: dict[str, Any], cause: str) -> None:
    story = Story()
    story.resource("gateway", f"{SERVICE}/gateways/on-prem", "on-prem")
    story.started().exchanged()
    story.add("apim", replace(SNAPSHOT, reader=None, validator=None, **changed))
    found = explained(story)
    assert (found.cause, found.hop) == (cause, 7)


def test_an_unknown_gateway_is_compared_with_the_nearest_one() -> None:
    story = Story()
    story.resource("gateway", f"{SERVICE}/gateways/on-prem", "on-prem")
    story.started().exchanged()
    story.add("apim", replace(SNAPSHOT, status=404, gateway="=on-prem", reader=None, validator=None))
    found = explained(story)
    assert found.comparisons == (Comparison("gateway.name", "on-prem", "=on-prem"),)
    assert found.mends[0].where == "gateway.yaml:57"
