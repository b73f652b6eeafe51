"""What Kubernetes accepts in silence is said, with the line to mend."""

import pytest
from tests.sandbox.cluster.rig import MANIFEST

from apim_sandbox.cluster.embedded.hints import hints
from apim_sandbox.cluster.embedded.manifest import manifests

TEXT = MANIFEST.read_text()
LABEL = '        azure.workload.identity/use: "true"\n'
UNSEEN = "the webhook will not see these pods, they start without AZURE_* variables"


def _hints(text: str) -> list[tuple[str, str, str]]:
    found = manifests([("m.yaml", text)])
    return [
        (one.place, one.message, one.fix)
        for manifest in found
        for one in hints(manifest, found, {("apim-gateway-wi", "default")})
    ]


def test_the_articles_manifest_gets_none() -> None:
    """The healthy case is quiet."""
    assert _hints(TEXT) == []


def test_a_label_on_the_deployment_is_not_on_its_pods() -> None:
    """AKS#4059 and others."""
    text = TEXT.replace(LABEL, "").replace(
        "  name: apim-gateway\n", '  name: apim-gateway\n  labels: {azure.workload.identity/use: "true"}\n', 1
    )
    assert _hints(text) == [
        (
            "m.yaml:16:12",
            f"label azure.workload.identity/use is on metadata.labels, not on the pod template: {UNSEEN}",
            "move it to spec.template.metadata.labels",
        )
    ]


def test_a_label_on_a_cron_jobs_own_metadata() -> None:
    """The pods are two templates further down."""
    text = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: c, labels: {azure.workload.identity/use: "true"}}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: b}]}}}}}
"""
    assert [(one[0], one[2]) for one in _hints(text)] == [
        ("m.yaml:4:30", "move it to spec.jobTemplate.spec.template.metadata.labels")
    ]


def test_a_label_on_the_service_account_alone_is_not_read() -> None:
    """The most frequent report: Azure/azure-workload-identity#525, #601, #695, #720, #751, #756."""
    ((place, message, fix),) = _hints(TEXT.replace(LABEL, ""))

    assert place.startswith("m.yaml:")
    assert "the pod template lacks the label azure.workload.identity/use" in message
    assert fix == 'add azure.workload.identity/use: "true" to spec.template.metadata.labels'


def test_a_label_of_another_value_selects_nothing() -> None:
    """The selector is exact and case-sensitive."""
    ((_, message, fix),) = _hints(TEXT.replace(LABEL, LABEL.replace("true", "True")))

    assert message.startswith(
        'label azure.workload.identity/use is "True": the webhook selects "true" exactly'
    )
    assert fix == 'azure.workload.identity/use: "true"'


def test_the_client_id_on_another_object_is_not_read() -> None:
    """Azure/azure-workload-identity#1249, #1357: on the Service, or on the pod."""
    annotation = (
        '  annotations:\n    azure.workload.identity/client-id: "33333333-3333-4333-8333-333333333333"\n'
    )
    text = TEXT.replace(annotation, "").replace(
        "  name: apim-gateway-loadbalancer\n", "  name: apim-gateway-loadbalancer\n" + annotation
    )
    found = _hints(text)

    assert [(one[1].split(";")[0].split(":")[0], one[2]) for one in found] == [
        (
            "service account apim-gateway-workload-identity has no annotation "
            "azure.workload.identity/client-id",
            "add azure.workload.identity/client-id with the application's client id",
        ),
        (
            "azure.workload.identity/client-id is read from the ServiceAccount's annotations only",
            "move it to metadata.annotations of the ServiceAccount",
        ),
    ]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("azure.workload.identity/clientid", 'write "azure.workload.identity/client-id"'),
        ("azure.workload-identity/client-id", 'write "azure.workload.identity/client-id"'),
        ("azure.workload.identity/client_id", 'write "azure.workload.identity/client-id"'),
    ],
)
def test_a_misspelt_key_names_the_nearest(key: str, meant: str) -> None:
    """Nobody reads it."""
    found = _hints(TEXT.replace("azure.workload.identity/client-id", key))

    assert ("m.yaml:10:5", f"nobody reads the key {key}", meant) in found


def test_a_missing_service_account_names_the_nearest_and_other_namespaces() -> None:
    """The label is right, the account is not."""
    typo = TEXT.replace(
        "serviceAccountName: apim-gateway-workload-identity",
        "serviceAccountName: apim-gateway-workload-identty",
    )
    elsewhere = TEXT.replace("namespace: apim-gateway-wi", "namespace: other", 1)

    assert [one[2] for one in _hints(typo)] == ['write "apim-gateway-workload-identity"']
    ((_, message, fix),) = _hints(elsewhere)
    assert "there is one in namespace other" in message
    assert fix == "apply a ServiceAccount apim-gateway-workload-identity in namespace apim-gateway-wi"


def test_no_service_account_name_means_default() -> None:
    """Azure/azure-workload-identity#691."""
    text = TEXT.replace("      serviceAccountName: apim-gateway-workload-identity\n", "")

    assert [one[2] for one in _hints(text)] == ["add serviceAccountName:"]


def test_the_label_written_as_an_annotation() -> None:
    """The webhook selects by label."""
    text = TEXT.replace(LABEL, "").replace(
        "    metadata:\n      labels:\n",
        '    metadata:\n      annotations: {azure.workload.identity/use: "true"}\n      labels:\n',
    )
    assert ("move it from annotations to labels") in [one[2] for one in _hints(text)]


def test_a_field_that_the_webhooks_types_lack_is_lost() -> None:
    """Kubernetes takes it, and the webhook's patch takes it away again (AWI#1312)."""
    image = "        image: mcr.microsoft.com/azure-api-management/gateway:v2\n"
    text = TEXT.replace(image, image + "        lifecycle: {stopSignal: SIGTERM}\n", 1)
    line = text[: text.index("stopSignal")].count("\n") + 1
    assert _hints(text) == [
        (
            f"m.yaml:{line}:21",
            "the webhook is built with older types, which have no stopSignal: its patch takes the field away "
            "from these pods",
            "do without stopSignal in pods that the webhook selects",
        )
    ]
    assert not any("stopSignal" in message for _, message, _ in _hints(text.replace(LABEL, "")))
