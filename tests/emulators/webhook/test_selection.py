"""What the API server decides before and after it asks the webhook."""

import pytest
from tests.emulators.webhook.lab import a_pod

from apim_emulators.webhook.selection import Configuration, LabelSelector, Requirement, denied


@pytest.mark.parametrize("labels", [None, {}, {"azure.workload.identity/use": "True"}, {"use": "true"}])
def test_the_label_must_be_exactly_true_and_on_the_pod(labels: dict[str, str] | None) -> None:
    pod = {**a_pod(), "metadata": {"name": "pod", "labels": labels}}
    assert Configuration().why_not(pod, {}) == (
        "the pod's labels do not meet the webhook's objectSelector: azure.workload.identity/use: \"true\""
    )
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
    assert all("namespaceSelector: tier" in reason for reason in reasons if reason)


def test_a_denial_is_told_in_the_api_servers_frame() -> None:
    assert denied("no") == 'admission webhook "mutation.azure-workload-identity.io" denied the request: no'
