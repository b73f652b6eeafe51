"""The configuration API answers, and not as the gateway hoped."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.sandbox.insight.explained import explained
from tests.sandbox.insight.story import ACCESS, PRINCIPAL, SERVICE, SNAPSHOT, START, Story

from apim_emulators.core.events import ResourceChanged, Token
from apim_sandbox.insight.explanation import Comparison, Fact


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


def unknown(gateway: str, *gateways: str) -> Story:
    story = Story().started().exchanged()
    answer = replace(SNAPSHOT, status=404, gateway=gateway, gateways=gateways, reader=None, validator=None)
    story.add("apim", answer)
    return story


def test_an_unknown_gateway_is_compared_with_the_nearest_one() -> None:
    found = explained(unknown("=on-prem", "edge", "on-prem"))
    assert found.comparisons == (Comparison("gateway.name", "on-prem", "=on-prem"),)
    assert [(one.text, one.where) for one in found.mends] == [("gateway.name: on-prem", "gateway.yaml:57")]


def test_a_service_without_such_a_gateway_may_be_the_wrong_one() -> None:
    found = explained(unknown("on-prem"))
    assert found.facts[-1] == Fact("gateways", "none")
    assert [one.text for one in found.mends] == [
        "config.service.endpoint: https://<service of on-prem>.configuration.azure-api.net"
    ]


def test_a_deleted_gateway_says_when_and_by_whom() -> None:
    story = Story().started().exchanged()
    gone = ResourceChanged("gateway", f"{SERVICE}/gateways/on-prem", "on-prem", "deleted", PRINCIPAL)
    story.add("arm", gone)
    story.add("apim", replace(SNAPSHOT, status=404, reader=None, validator=None), after=25)
    found = explained(story)
    assert found.headline.endswith('has no gateway "on-prem" any more.')
    assert "25 s before, by " in found.facts[0].value
    assert f"{SERVICE}/gateways/on-prem?" in found.mends[0].command
