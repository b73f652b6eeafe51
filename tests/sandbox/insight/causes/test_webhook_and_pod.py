"""What goes wrong in the cluster, before the gateway asks anybody or while it does."""

from typing import Any

import pytest
from tests.sandbox.insight.explained import explained
from tests.sandbox.insight.story import ACCOUNT, ADMITTED, ASKED, CLIENT, NAMESPACE, POD, Story, unmutated

from apim_emulators.core.events import (
    ConfigurationAsked,
    Event,
    GatewayLogged,
    ObjectApplied,
    PodAdmitted,
    PodChanged,
    TokenAsked,
)


@pytest.mark.parametrize(
    ("outcome", "reason", "cause"),
    [
        ("skipped", "the namespaceSelector does not select the namespace", "namespace-not-selected"),
        ("skipped", "the webhook is unreachable and failurePolicy is Ignore", "webhook-ignored"),
        ("skipped", "the cluster has no azure-workload-identity webhook", "webhook-not-installed"),
        ("skipped", 'the pod\'s label azure.workload.identity/use is "True", not "true"', "label-value"),
        ("denied", 'serviceaccounts "x" not found', "service-account-missing"),
        ("denied", "hostNetwork is set to true, cannot inject proxy sidecar", "proxy-with-host-network"),
        (
            "denied",
            'failed to parse proxy sidecar port: strconv.ParseInt: parsing "invalid": invalid syntax',
            "proxy-port-invalid",
        ),
        (
            "denied",
            "token expiration 60 not valid. Expected value to be between 3600 and 86400",
            "token-expiration-invalid",
        ),
        ("denied", "something else", "webhook-denied"),
        ("failed", "x509: certificate signed by unknown authority", "webhook-tls"),
        (
            "failed",
            "x509: certificate has expired or is not yet valid: now is after then",
            "webhook-certificate-expired",
        ),
        (
            "failed",
            "x509: certificate has expired or is not yet valid: now is before then",
            "webhook-certificate-not-yet-valid",
        ),
        ("failed", "x509: certificate is valid for a, not b", "webhook-certificate-name"),
        ("failed", "unable to load root certificates: unable to parse", "webhook-ca-bundle"),
        ("failed", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "webhook-tls"),
        ("failed", "context deadline exceeded", "webhook-timeout"),
        ("failed", "http: server gave HTTP response to HTTPS client", "webhook-not-https"),
        ("failed", "connection refused", "webhook-unreachable"),
    ],
)
def test_admission_is_told_by_its_reason(outcome: Any, reason: str, cause: str) -> None:
    story = Story().applied()
    story.add("cluster", PodAdmitted(NAMESPACE, POD, ACCOUNT, outcome, reason))
    found = explained(story)
    assert (found.cause, found.hop) == (cause, 2)


def test_a_mutated_pod_without_client_id_is_led_back_to_its_service_account() -> None:
    env = {name: value for name, value in ADMITTED.added_env.items() if name != "AZURE_CLIENT_ID"}
    story = Story().started(added_env=env)
    asked = TokenAsked(NAMESPACE, POD, "", "", "", ok=False, error="AZURE_CLIENT_ID is not set")
    story.add("gateway", asked)
    found = explained(story)
    assert (found.cause, found.hop) == ("client-id-annotation-missing", 2)
    assert found.mends[0].where == "gateway.yaml:2"


def failing(event: Event) -> Story:
    story = Story().started()
    story.add("gateway", event)
    return story


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("No such file or directory: /var/run/secrets/azure/tokens/x", "token-file-missing"),
        ("Permission denied: /var/run/secrets/azure/wi/token/x", "token-file-unreadable"),
        ("invalid authority. The value must be a TLS protected (https) URL.", "authority-not-https"),
        ("AZURE_TENANT_ID must be set", "identity-variables-missing"),
        ("[Errno -2] Name or service not known", "entra-dns"),
        ("certificate verify failed", "entra-tls"),
        ("timed out", "entra-timeout"),
        ("connection refused", "entra-connection"),
        ("", "entra-no-answer"),
    ],
)
def test_a_token_request_that_got_no_answer(error: str, cause: str) -> None:
    asked = TokenAsked(
        NAMESPACE, POD, "https://login.microsoftonline.com/", CLIENT, "", ok=False, error=error
    )
    found = explained(failing(asked))
    assert (found.cause, found.hop) == (cause, 4)


@pytest.mark.parametrize(
    ("url", "error", "cause"),
    [
        ("https://contoso.azure-api.net/gateways/on-prem/snapshot", "404", "endpoint-not-configuration-api"),
        (ASKED.url, "Name or service not known", "configuration-dns"),
        (ASKED.url, "timed out", "configuration-timeout"),
    ],
)
def test_a_configuration_request_that_got_no_answer(url: str, error: str, cause: str) -> None:
    asked = ConfigurationAsked(NAMESPACE, POD, "snapshot", url, None, "", error)
    story = Story().started().exchanged()
    story.add("gateway", asked)
    found = explained(story)
    assert (found.cause, found.hop) == (cause, 7)


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (
            PodChanged(NAMESPACE, POD, "Pending", False, "Unschedulable", "Insufficient cpu"),
            "insufficient-resources",
        ),
        (
            PodChanged(
                NAMESPACE, POD, "Pending", False, "CreateContainerConfigError", 'configmap "x" not found'
            ),
            "configmap-missing",
        ),
        (
            PodChanged(NAMESPACE, POD, "Pending", False, "ImagePullBackOff", 'Back-off pulling image "x:1"'),
            "image-not-available",
        ),
        (PodChanged(NAMESPACE, POD, "Failed", False, "CrashLoopBackOff"), "gateway-crashed"),
        (
            GatewayLogged(
                NAMESPACE, POD, "error", "GatewayStartup", "No valid authentication was configured", ""
            ),
            "no-valid-authentication",
        ),
        (GatewayLogged(NAMESPACE, POD, "error", "Odd", "something", "[Error] Odd"), "gateway-error"),
    ],
)
def test_a_pod_that_does_not_run(event: Event, cause: str) -> None:
    assert explained(failing(event)).cause == cause


@pytest.mark.parametrize(
    ("status", "error", "cause", "words"),
    [
        (407, "", "configuration-answered-by-another", "407 Proxy Authentication Required"),
        (499, "", "configuration-answered-by-another", "(hop 7): 499."),
        (503, "", "configuration-unavailable", "answered 503"),
        (None, "peer closed connection without sending complete message body (received 355 bytes)",
         "configuration-cut", "its answer ended in the middle"),
    ],
)  # fmt: skip
def test_what_stands_in_between_is_told_from_the_api_itself(
    status: int | None, error: str, cause: str, words: str
) -> None:
    """By a status that it never gives, and by an answer that is cut."""
    url = "https://contoso.configuration.azure-api.net/gateways/on-prem/snapshot"
    found = explained(failing(ConfigurationAsked(NAMESPACE, POD, "snapshot", url, status, "", error)))
    assert found.cause == cause
    assert words in found.headline


@pytest.mark.parametrize(
    ("message", "places", "mend", "where"),
    [
        ("", {}, "config.service.auth: workloadIdentity", "gateway.yaml:57"),
        ("; 'workloadIdentity' needs version 2.11.0 or later and this gateway is 2.10.0", {},
         "image: a gateway of version 2.11.0 or later", "gateway.yaml:31:16"),
        ("; it is not set", {"data/config_service_auth": "gateway.yaml:59:24"},
         "config.service.auth: workloadIdentity, with dots", "gateway.yaml:59:24"),
    ],
)  # fmt: skip
def test_a_gateway_without_a_way_to_sign_in_is_mended_where_it_is_wrong(
    message: str, places: dict[str, str], mend: str, where: str
) -> None:
    """In the setting's value, in the image, or in the setting's name."""
    story = Story().started()
    image = {"containers/apim-gateway/image": "gateway.yaml:31:16"}
    for kind, name, line, known in (
        ("ConfigMap", "apim-gateway-env", 57, places), ("Deployment", "apim-gateway", 11, image),
    ):  # fmt: skip
        story.add(
            "cluster",
            ObjectApplied(f"{kind}/{name}", NAMESPACE, "configured", True, f"gateway.yaml:{line}", known),
        )
    text = f"No valid authentication was configured{message}"
    story.add("gateway", GatewayLogged(NAMESPACE, POD, "error", "GatewayStartup", text, ""))
    found = explained(story)
    assert [(one.text, one.where) for one in found.mends] == [(mend, where)]


def test_an_unmutated_pods_gateway_error_leads_back_to_the_label() -> None:
    story = unmutated()
    logged = GatewayLogged(NAMESPACE, POD, "error", "ConfigurationApiV2NotAvailable", "no token", "[Error] …")
    record = story.add("gateway", logged)
    assert explained(story, str(record.sequence)).cause == "label-missing"
