"""One line a record."""

import pytest
from tests.sandbox.cli.render import golden
from tests.sandbox.insight.story import ISSUER, START, STORIES, assertion, lost_reader

from apim_emulators.core.events import (
    EVENT_TYPES,
    ArmAnswered,
    ClockMoved,
    DocumentServed,
    Event,
    EventGridPublished,
    FaultFired,
    GatewayLogged,
    GraphAnswered,
    ManifestRefused,
    PodChanged,
    RequestServed,
    ServiceAccountTokenIssued,
    TokenProxied,
    WorldLoaded,
)
from apim_sandbox.cli.render.journal import record_lines, sentence
from apim_sandbox.cli.render.line import plain

OTHERS: tuple[Event, ...] = (
    ServiceAccountTokenIssued("contoso", ISSUER, "jti-1", assertion(), START + 3600),
    PodChanged("ns", "pod", "Failed", False, "CrashLoopBackOff", "back-off 10s"),
    DocumentServed("contoso", ISSUER, "jwks", ("kid",)),
    ArmAnswered("GET", "/subscriptions", 403, "", "", "c", error="AuthorizationFailed"),
    GatewayLogged("ns", "pod", "error", "Odd", "something", ""),
    RequestServed("ns", "pod", "GET", "/echo/hello", 200, "echo-api"),
    ManifestRefused("gateway.yaml:12:5", "no field is called imagee", "image"),
    WorldLoaded("contoso", ("contoso",), ("contoso",)),
    GraphAnswered("PATCH", "/v1.0/applications/x", 404, "operator", "Request_ResourceNotFound"),
    ClockMoved(600.0),
    ClockMoved(0.0, "entra", -300.0),
    FaultFired("throttle", "login.microsoftonline.com", 3, "429 with Retry-After: 10"),
    TokenProxied("contoso", "client-1", assertion(), "jti-1", "jti-2", 200),
    TokenProxied("contoso", "client-1", assertion(), "jti-1", "", 403, "not-authorized"),
    EventGridPublished("Microsoft.ApiManagement.GatewayTokenExpired", "/gateways/on-prem"),
)


def test_the_journal_of_a_lost_role_reads_as_its_golden_text() -> None:
    lines = [line for record in lost_reader().records for line in record_lines(record)]
    golden.check("journal-lost-reader", plain(lines))


def test_every_other_kind_reads_as_its_golden_text() -> None:
    golden.check("journal-others", "".join(f"{sentence(event)}\n" for event in OTHERS))


def test_every_kind_of_event_is_told() -> None:
    told = {record.kind for make in STORIES.values() for record in make().records}
    assert told | {event.kind for event in OTHERS} == set(EVENT_TYPES)


@pytest.mark.parametrize("name", STORIES)
def test_a_record_is_one_line(name: str) -> None:
    assert {len(record_lines(record)) for record in STORIES[name]().records} == {1}
