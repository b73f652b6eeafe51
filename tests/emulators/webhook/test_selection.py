"""What the API server decides before and after it asks the webhook."""

import pytest
from tests.emulators.webhook.lab import a_pod

from apim_emulators.webhook.selection import Configuration, LabelSelector, Requirement, denied

LABEL = "azure.workload.identity/use"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (None, f'the pod has no label {LABEL}: "true"'),
        ({}, f'the pod has no label {LABEL}: "true"'),
        ({"use": "true"}, f'the pod has no label {LABEL}: "true"'),
        ({LABEL: "True"}, f'the pod\'s label {LABEL} is "True", not "true"'),
    ],
)
def test_the_label_must_be_exactly_true_and_on_the_pod(labels: dict[str, str] | None, reason: str) -> None:
    pod = {**a_pod(), "metadata": {"name": "pod", "labels": labels}}
    assert Configuration().why_not(pod, {}) == reason
    assert Configuration().why_not(a_pod(), {}) == ""


@pytest.mark.parametrize(
    ("requirement", "selected"),
    [
        (Requirement("tier", "In", ("a", "b")), [True, False, False]),
        (Requirement("tier", "NotIn", ("a",)), [False, True, True]),
        (Requirement("tier", "Exists"), [True, True, False]),
        (Requirement("tier", "DoesNotExist"), [False, False, True]),
    ],
)
def test_a_namespace_is_selected_by_its_labels(requirement: Requirement, selected: list[bool]) -> None:
    configuration = Configuration(namespace_selector=LabelSelector({}, (requirement,)))
    reasons = [configuration.why_not(a_pod(), labels) for labels in ({"tier": "a"}, {"tier": "c"}, {})]
    assert [reason == "" for reason in reasons] == selected
    assert all("namespaceSelector" in reason and "tier" in reason for reason in reasons if reason)


def test_a_denial_is_told_in_the_api_servers_frame() -> None:
    assert denied("no") == 'admission webhook "mutation.azure-workload-identity.io" denied the request: no'


def test_a_webhook_that_does_not_answer_is_told_with_its_address() -> None:
    configuration = Configuration(timeout=2.5, namespace="wi")
    assert configuration.call_failed(configuration.unreachable("EOF")) == (
        'Internal error occurred: failed calling webhook "mutation.azure-workload-identity.io": '
        'failed to call webhook: Post "https://azure-wi-webhook-webhook-service.wi.svc:443/mutate-v1-pod'
        '?timeout=2.5s": EOF'
    )
