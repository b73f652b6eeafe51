"""What is broken, and which failure is meant."""

import pytest
from tests.sandbox.insight.explained import explained
from tests.sandbox.insight.story import (
    GROUP,
    NAMESPACE,
    POD,
    STORIES,
    Story,
    healthy,
    lost_reader,
    subject_mismatch,
)

from apim_emulators.core.events import (
    ArmAnswered,
    GatewayLogged,
    GraphAnswered,
    ManifestRefused,
    ObjectApplied,
)
from apim_emulators.core.rbac import Considered, Decision
from apim_sandbox.insight.explain import explain


@pytest.mark.parametrize(
    ("name", "cause", "hop"),
    [
        ("subject-mismatch", "subject-mismatch", 5),
        ("wrong-audience", "audience-mismatch", 5),
        ("issuer-unreachable", "issuer-unreachable", 5),
        ("lost-reader", "reader-not-assigned", 8),
        ("missing-validator", "validator-not-assigned", 8),
        ("unmutated", "label-missing", 2),
    ],
)
def test_each_story_has_its_cause(name: str, cause: str, hop: int) -> None:
    found = explained(STORIES[name]())
    assert (found.cause, found.hop, found.pod) == (cause, hop, f"{NAMESPACE}/{POD}")
    assert f"hop {hop}" in found.headline


def test_nothing_broken_explains_nothing() -> None:
    assert explain([]) is None
    assert explain(healthy().records) is None
    assert explain(healthy().records, POD) is None


@pytest.mark.parametrize("target", [POD, f"{NAMESPACE}/{POD}", "apim-gateway", "corr-1", "trace-1", "jti-1"])
def test_a_failure_is_found_by_any_of_its_names(target: str) -> None:
    assert explained(subject_mismatch(), target).cause == "subject-mismatch"


def test_a_failure_is_found_by_its_sequence_number() -> None:
    story = subject_mismatch()
    number = next(record.sequence for record in story.records if record.kind == "entra.token")
    assert explained(story, str(number)).cause == "subject-mismatch"
    assert explained(story, str(number + 1)).cause == "subject-mismatch"  # the gateway's side of it


def test_a_poll_is_found_by_its_request_id() -> None:
    assert explained(lost_reader(), "request-3").cause == "reader-not-assigned"
    assert explain(lost_reader().records, "no such id") is None


def test_a_failure_that_has_been_mended_is_told_only_when_asked_for() -> None:
    story = lost_reader().polled(200, "request-4")
    assert explain(story.records) is None
    assert explained(story, "last").cause == "reader-not-assigned"
    assert explained(story, "request-3").cause == "reader-not-assigned"


def test_an_error_in_the_log_is_over_when_the_gateway_has_its_configuration() -> None:
    story = Story().started().exchanged()
    story.add("gateway", GatewayLogged(NAMESPACE, POD, "error", "Odd", "something", "[Error] Odd"))
    assert explained(story).cause == "gateway-error"
    assert explain(story.configured().records) is None


def test_a_refused_change_is_told_of_when_nothing_else_is_broken() -> None:
    refused = ArmAnswered("DELETE", GROUP, 403, "x", "somebody", "corr-9", error="AuthorizationFailed")
    story = healthy()
    record = story.add("arm", refused)
    for target in (None, "last", "corr-9", str(record.sequence)):
        assert explained(story, target).cause == "arm-refused"
    broken = lost_reader()
    broken.add("arm", refused)
    assert explained(broken).cause == "reader-not-assigned"


@pytest.mark.parametrize(
    "event",
    [
        ArmAnswered("GET", GROUP, 404, "x", "somebody", "corr-9", error="ResourceNotFound"),
        GraphAnswered("GET", "/v1.0/applications/x", 404, "x", "Request_ResourceNotFound"),
    ],
)
def test_reading_what_is_not_there_breaks_nothing(event: ArmAnswered | GraphAnswered) -> None:
    story = healthy()
    story.add("arm", event)
    assert explain(story.records) is None


def test_a_change_that_worked_later_is_no_trouble_any_more() -> None:
    story = healthy()
    path = "/v1.0/applications/x/federatedIdentityCredentials"
    story.add("graph", GraphAnswered("POST", path, 403, "x", "Directory_ResourceSizeExceeded"))
    assert explained(story).cause == "credential-limit"
    story.add("graph", GraphAnswered("POST", path, 201, "x"))
    assert explain(story.records) is None


def test_a_refused_manifest_is_told_until_one_is_taken() -> None:
    story = healthy()
    refused = ManifestRefused("k8s/gateway.yaml:7:3", "spec.selector: field is immutable", "put it back")
    story.add("cluster", refused)
    found = explained(story)
    assert (found.cause, found.hop) == ("manifest-refused", 1)
    assert found.mends[0].command == "apim-sandbox apply -f k8s/gateway.yaml"
    story.add("cluster", ObjectApplied("Deployment/apim-gateway", NAMESPACE, "unchanged"))
    assert explain(story.records) is None


def test_arm_says_which_action_was_not_granted() -> None:
    story = healthy()
    near = Considered("a", "Reader", GROUP, "x", "role-lacks-action")
    decision = Decision(False, "Microsoft.Authorization/roleAssignments/delete", GROUP, "x", nearest=near)
    story.add("arm", ArmAnswered("DELETE", GROUP, 403, "x", "somebody", "corr-9", decision=decision))
    found = explained(story, "corr-9")
    assert (found.cause, found.facts[-1].value) == ("arm-not-authorized", f'"Reader" at {GROUP}')
