"""Failures on a real cluster: the article's own, and causes that only a real cluster has, each explained."""

import json
from collections.abc import Callable, Iterator

import pytest
from tests.kind.conftest import CLIENT, Kind, Scene

from apim_emulators.core.events import ConfigurationAsked, GatewayLogged, PodAdmitted, PodChanged, TokenAsked
from apim_emulators.core.vocabulary import TOKEN_EXCHANGE_AUDIENCE

pytestmark = pytest.mark.kind
WEBHOOK_NAMESPACE = "azure-workload-identity-system"
WEBHOOK = "deployment/azure-wi-webhook-controller-manager"
CONFIGURATION = "mutatingwebhookconfiguration/azure-wi-webhook-mutating-webhook-configuration"


def test_a_mistyped_service_account_is_explained_letter_by_letter(scene: Scene) -> None:
    """The article's failure: the token's subject is not the credential's."""
    scene.apply()
    refused = scene.wait_for(
        "Entra's refusal",
        lambda event: isinstance(event, TokenAsked) and not event.ok,
    )
    told = scene.explanation()
    assert refused.namespace == scene.namespace
    assert (told["cause"], told["hop"]) == ("subject-mismatch", 5)
    compared = told["comparisons"][0] if "comparisons" in told else told["comparison"]
    assert compared["presented"] == f"system:serviceaccount:{scene.namespace}:apim-gateway-workload-identity"
    assert compared["expected"] == "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity"


def test_label_on_the_wrong_level(scene: Scene) -> None:
    """The label on the Deployment and its ServiceAccount does nothing: the pod starts without AZURE_*."""
    label = '        azure.workload.identity/use: "true"\n'
    scene.apply(lambda text: text.replace(label, ""))
    admitted = scene.wait_for("admission", lambda event: isinstance(event, PodAdmitted))
    assert (admitted.outcome, admitted.reason) == (
        "skipped", 'the pod has no label azure.workload.identity/use: "true"',
    )  # fmt: skip
    scene.wait_for("the gateway's failure", failed_to_start)
    assert (scene.explanation()["cause"], scene.explanation()["hop"]) == ("label-missing", 2)


def test_service_account_created_after_the_pod(scene: Scene) -> None:
    """A Deployment whose ServiceAccount comes later: no pod at first, then one, without anybody's help."""
    parts = scene.manifest()[0][1].split("---\n")
    account = next(part for part in parts if "kind: ServiceAccount" in part)
    rest = "---\n".join(part for part in parts if part != account)
    scene.since = scene.sandbox.status()["journal"]
    scene.sandbox.apply([("rest.yaml", rest)])
    scene.kind.kubectl(
        "-n", scene.namespace, "wait", "deployment/apim-gateway", "--for=condition=ReplicaFailure"
    )
    assert [pod for pod in scene.sandbox.pods() if pod["namespace"] == scene.namespace] == []
    scene.wait_for("the refusal", lambda event: isinstance(event, PodAdmitted) and event.outcome != "mutated")
    told = scene.explanation()
    assert (told["cause"], told["hop"]) == ("service-account-missing", 2)
    assert told["headline"].endswith('service account "apim-gateway-workload-identity" does not exist.')
    scene.sandbox.apply([("account.yaml", account)])
    admitted = scene.wait_for(
        "admission", lambda event: isinstance(event, PodAdmitted) and event.outcome == "mutated"
    )
    assert admitted.added_env["AZURE_CLIENT_ID"] == CLIENT


def test_ca_not_mounted(scene: Scene) -> None:
    """Without the CA the gateway trusts nobody who says to be login.microsoftonline.com."""
    scene.apply(_with_patch("image requests control"))
    asked = scene.wait_for("a token request", lambda event: isinstance(event, TokenAsked) and not event.ok)
    assert "certificate" in asked.error.lower()
    told = scene.explanation()
    assert told["hop"] == 4
    assert "certificate" in (told["headline"] + str(told["facts"])).lower()


def test_image_not_loaded(scene: Scene) -> None:
    """An image that is neither on the node nor to be pulled: the pod waits and says for what."""
    scene.apply(_with_patch("requests ca control"))
    waiting = scene.wait_for(
        "the pull's failure", lambda event: isinstance(event, PodChanged) and "ImagePull" in event.reason
    )
    assert "mcr.microsoft.com/azure-api-management/gateway:v2" in waiting.message
    told = scene.explanation()
    assert (told["cause"], told["hop"]) == ("image-not-available", 3)
    assert told["mends"][0]["text"] == "load the image onto the node, or name one that can be pulled"


def test_dns_alias_missing(scene: Scene) -> None:
    """The credential is right, but the configuration API's name is nobody's on this network."""
    with scene.trusted():
        scene.apply(lambda text: text.replace("contoso.configuration", "fabrikam.configuration"))
        failed = scene.wait_for(
            "the configuration's failure",
            lambda event: isinstance(event, ConfigurationAsked) and bool(event.error),
        )
        told = scene.explanation()
    assert failed.url.startswith("https://fabrikam.configuration.azure-api.net/")
    assert (told["cause"], told["hop"]) == ("configuration-dns", 7)
    assert told["mends"][0]["text"] == "let fabrikam.configuration.azure-api.net resolve in the cluster"


def test_token_file_that_the_container_may_not_read(scene: Scene) -> None:
    """A token volume of the pod's own with mode 0400 is root's; fsGroup is what lets the image's user in."""

    def own_volume(text: str, security: str) -> str:
        container = "        envFrom:\n        - configMapRef:\n            name: apim-gateway-env\n"
        assert container in text
        return text.replace(
            container,
            f"""{container}        env:
        - {{name: AZURE_FEDERATED_TOKEN_FILE, value: /var/run/own/token}}
        volumeMounts:
        - {{name: own, mountPath: /var/run/own}}
      securityContext: {{{security}}}
      volumes:
      - name: own
        projected:
          defaultMode: 0400
          sources:
          - serviceAccountToken: {{path: token, audience: "{TOKEN_EXCHANGE_AUDIENCE}"}}
""",
        )

    scene.apply(lambda text: own_volume(text, ""))
    scene.wait_for(
        "the gateway's failure",
        lambda event: isinstance(event, TokenAsked) and "permission denied" in event.error.lower(),
    )
    told = scene.explanation()
    assert (told["cause"], told["hop"]) == ("token-file-unreadable", 4)
    assert told["mends"][0]["text"] == "securityContext.fsGroup, so that the container's user may read it"
    with scene.trusted():
        scene.apply(lambda text: own_volume(text, "fsGroup: 10001"))
        scene.wait_for(
            "a gateway that is mended", lambda event: isinstance(event, PodChanged) and event.ready
        )


def test_a_small_node_and_the_articles_own_requests(scene: Scene) -> None:
    """The article asks for 2 CPUs and 2 GiB; unpatched and times twenty that does not fit on one node."""
    scene.apply(lambda text: _with_patch("image ca control")(text).replace('cpu: "2"', 'cpu: "200"'))
    waiting = scene.wait_for(
        "the scheduler", lambda event: isinstance(event, PodChanged) and event.reason == "Unschedulable"
    )
    assert "Insufficient cpu" in waiting.message
    told = scene.explanation()
    assert (told["cause"], told["hop"]) == ("insufficient-resources", 3)


@pytest.fixture
def no_webhook_pods(kind: Kind) -> Iterator[None]:
    """The webhook's service without endpoints, and back again."""
    kind.kubectl("-n", WEBHOOK_NAMESPACE, "scale", WEBHOOK, "--replicas=0")
    kind.kubectl("-n", WEBHOOK_NAMESPACE, "wait", "pod", "--all", "--for=delete", "--timeout=60s")
    yield
    kind.kubectl("-n", WEBHOOK_NAMESPACE, "scale", WEBHOOK, "--replicas=1")
    kind.kubectl("-n", WEBHOOK_NAMESPACE, "rollout", "status", WEBHOOK, "--timeout=90s")


@pytest.fixture
def no_webhook(kind: Kind) -> Iterator[None]:
    """The cluster without the webhook's configuration, and back again."""
    text = kind.kubectl("get", CONFIGURATION, "-o", "json")
    kind.kubectl("delete", CONFIGURATION)
    yield

    raw = json.loads(text)
    for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        raw["metadata"].pop(name, None)
    kind.kubectl("create", "-f", "-", stdin=json.dumps(raw))


def test_webhook_without_endpoints_and_failure_policy_fail(no_webhook_pods: None, scene: Scene) -> None:
    """failurePolicy Fail: the API server refuses the pod, and the ReplicaSet's event is the only trace."""
    scene.apply()
    admitted = scene.wait_for("admission", lambda event: isinstance(event, PodAdmitted))
    assert admitted.outcome == "failed"
    assert 'failed calling webhook "mutation.azure-workload-identity.io"' in admitted.reason
    told = scene.explanation()
    assert (told["cause"], told["hop"]) == ("webhook-unreachable", 2)


def test_webhook_not_installed(no_webhook: None, scene: Scene) -> None:
    """Without the webhook the pod starts as it was written, and fails later and elsewhere."""
    scene.apply()
    admitted = scene.wait_for("admission", lambda event: isinstance(event, PodAdmitted))
    assert (admitted.outcome, admitted.reason) == (
        "skipped", "the cluster has no azure-workload-identity webhook",
    )  # fmt: skip
    scene.wait_for("the gateway's failure", failed_to_start)
    assert scene.explanation()["cause"] == "webhook-not-installed"


def failed_to_start(event: object) -> bool:
    """The gateway has said that it has no configuration."""
    return isinstance(event, GatewayLogged) and event.event_type == "ConfigInitialSyncFailed"


def _with_patch(parts: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        deployment = "  name: apim-gateway\n"
        return text.replace(deployment, f'{deployment}  annotations: {{apim-sandbox/patch: "{parts}"}}\n', 1)

    return edit
