"""Why something failed."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.sandbox.insight.story import (
    ACCESS,
    ACCOUNT,
    ADMITTED,
    APPLICATION_OBJECT,
    ASKED,
    CLIENT,
    CREDENTIAL,
    GATEWAY,
    GROUP,
    ISSUER,
    KID,
    NAMESPACE,
    POD,
    PRINCIPAL,
    PROJECTED,
    READER_ROLE,
    SERVICE,
    SNAPSHOT,
    START,
    STORIES,
    SUBJECT,
    Story,
    assertion,
    healthy,
    ladder,
    lost_reader,
    subject_mismatch,
    unmutated,
)

from apim_emulators.core.events import (
    ArmAnswered,
    ClockMoved,
    ConfigurationAsked,
    CredentialSeen,
    DocumentServed,
    Event,
    GatewayLogged,
    GraphAnswered,
    Half,
    IssuerFetched,
    ManifestRefused,
    ObjectApplied,
    PodAdmitted,
    PodChanged,
    ResourceChanged,
    Rung,
    Token,
    TokenAsked,
)
from apim_emulators.core.rbac import Considered, Decision
from apim_emulators.core.vocabulary import GET_CONFIGURATION
from apim_sandbox.insight.explain import Comparison, Explanation, explain


def explained(story: Story, target: str | None = None) -> Explanation:
    found = explain(story.records, target)
    assert found is not None
    return found


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


# --- targets


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


# --- federated credentials


def refusal(code: int, **changed: Any) -> Story:
    return Story().started().refused(code=code, **changed)


def test_a_subject_mismatch_says_what_to_change_on_either_side() -> None:
    found = explained(subject_mismatch())
    assert found.comparisons == (Comparison("subject", SUBJECT, SUBJECT[:-3] + SUBJECT[-2:]),)
    assert [(mend.side, mend.where, mend.text) for mend in found.mends] == [
        ("manifest", "gateway.yaml:26:27", f"serviceAccountName: {ACCOUNT}"),
        (
            "cloud",
            f'credential "{CREDENTIAL.name}"',
            f"let the credential name subject {SUBJECT[:-3] + SUBJECT[-2:]}",
        ),
    ]
    assert found.mends[1].command.startswith(
        f"az ad app federated-credential update --id {APPLICATION_OBJECT} "
        f"--federated-credential-id {CREDENTIAL.name} --parameters "
    )


def test_a_credential_that_was_changed_says_when_and_by_whom() -> None:
    story = Story().started()
    changed = ResourceChanged(
        "federatedIdentityCredential", "fic-1", "x", "updated", "operator", before={"subject": SUBJECT}
    )
    story.add("graph", changed)
    story.refused(code=700213, credentials=(replace(CREDENTIAL, subject=SUBJECT[:-1]),))
    facts = {fact.label: fact.value for fact in explained(story).facts}
    assert facts["changed"] == "2026-11-23T09:14:03Z by operator; it fitted before"


def test_a_wrong_namespace_is_mended_by_the_namespace() -> None:
    token = assertion(sub=f"system:serviceaccount:default:{ACCOUNT}")
    found = explained(refusal(700213, assertion=token))
    assert [fact.value for fact in found.facts if fact.label == "differs in"] == ["namespace"]
    assert found.mends[0].text == f"namespace: {NAMESPACE}"


def test_the_nearest_of_several_credentials_is_compared() -> None:
    others = (CredentialSeen("other", "https://elsewhere", "repo:x", CREDENTIAL.audience), CREDENTIAL)
    found = explained(refusal(700213, assertion=assertion(sub=SUBJECT + "2"), credentials=others))
    assert found.comparisons[0].expected == SUBJECT
    assert found.facts[0].value.endswith(", the nearest of 2")


def test_a_second_difference_is_told_to_fail_next() -> None:
    token = assertion(iss=ISSUER + "/", sub=SUBJECT.replace("gateway", "gate", 1))
    found = explained(refusal(700211, assertion=token))
    assert found.comparisons == (Comparison("issuer", ISSUER, ISSUER + "/"),)
    assert [text.partition(":")[0] for text in found.would_fail_next] == ["subject"]


def test_a_later_rung_that_failed_too_is_told_to_fail_next() -> None:
    rungs = ladder(
        subject=Rung("subject", "failed", "a", "b"), time=Rung("time", "failed", note="expired an hour ago")
    )
    found = explained(refusal(700213, assertion=assertion(sub="b"), ladder=rungs))
    assert found.would_fail_next == ("time: expired an hour ago",)


def test_the_api_servers_default_issuer_is_recognised() -> None:
    found = explained(
        refusal(700211, assertion=assertion(iss="https://kubernetes.default.svc.cluster.local"))
    )
    assert any("default" in fact.value for fact in found.facts)


def test_the_older_no_match_answer_is_told_by_what_differs() -> None:
    found = explained(refusal(70021, assertion=assertion(iss=ISSUER + "/")))
    assert (found.comparisons[0].what, found.code) == ("issuer", 70021)
    assert found.comparisons[0].difference is not None
    assert found.comparisons[0].difference.note == "a trailing slash in the presented value"


def test_an_application_without_credentials_is_sent_to_the_one_that_has_them() -> None:
    story = Story()
    story.resource("federatedIdentityCredential", "fic-1", "apim-gateway-federated-credential")
    story.started().refused(code=70025, credentials=(), cause="no-credentials")
    found = explained(story)
    assert found.cause == "no-credentials"
    assert found.facts[1].value.endswith("apim-gateway-federated-credential")
    assert found.mends[0].where == "gateway.yaml:2"


def test_a_managed_identitys_credential_is_mended_by_its_own_command() -> None:
    story = Story()
    story.resource("userAssignedIdentity", APPLICATION_OBJECT, "apim-identity")
    story.started().refused(code=700213, assertion=assertion(sub="other"))
    assert "az identity federated-credential update" in explained(story).mends[-1].command


# --- the assertion


def test_an_expired_assertion_that_the_file_no_longer_holds_was_kept_by_the_program() -> None:
    story = Story().started()
    story.add("cluster", replace(PROJECTED, jti="jti-2", renewal=True), after=2880)
    story.now += 3000
    story.refused(code=700024, cause="assertion-expired", ladder=ladder(time=Rung("time", "failed")))
    found = explained(story)
    assert found.cause == "assertion-cached-by-program"
    assert [mend.side for mend in found.mends] == ["program"]


def test_an_expired_assertion_without_renewal_is_the_clusters() -> None:
    story = Story().started()
    story.now += 7200
    found = explained(story.refused(code=700024, cause="assertion-expired"))
    assert (found.cause, found.headline) == (
        "assertion-expired",
        "Entra refused the exchange (hop 5): the token expired 1 h ago.",
    )


def test_a_token_from_the_future_names_the_skewed_clock() -> None:
    story = Story()
    story.add("control", ClockMoved(0.0, "cluster", 600.0))
    token = assertion(iat=START + 600, nbf=START + 600, exp=START + 4200)
    story.started().refused(code=700024, assertion=token)
    found = explained(story)
    assert found.cause == "assertion-not-yet-valid"
    assert found.mends[0].command == "apim-sandbox clock skew cluster 0s"


def test_a_key_that_the_issuer_shows_but_entra_lacks_is_a_stale_copy() -> None:
    story = Story()
    story.add("entra", IssuerFetched(ISSUER, f"{ISSUER}/openid/v1/jwks", "jwks", 200, ("old",)))
    story.add("oidc", DocumentServed("contoso", ISSUER, "jwks", ("old", KID)))
    found = explained(story.started().refused(code=7000272, cause="key-not-found"))
    assert (found.cause, found.mends[0].side) == ("jwks-stale", "clock")


def test_a_key_that_nobody_published_is_the_issuers() -> None:
    story = Story()
    story.add("entra", IssuerFetched(ISSUER, f"{ISSUER}/openid/v1/jwks", "jwks", 200, ("old",)))
    found = explained(story.started().refused(code=7000272, cause="key-not-found"))
    assert (found.cause, found.mends[0].side) == ("key-not-found", "cluster")


@pytest.mark.parametrize(
    ("code", "token", "words"),
    [
        (50027, None, "no JWT"),
        (5002727, Token({"typ": "at+jwt"}, {}), 'typ is "at+jwt"'),
        (5002738, Token({"alg": "ES256"}, {}), "signed with ES256"),
        (5002730, Token({"alg": "RS256"}, {}), "does not fit the signing algorithm"),
        (700027, assertion(), "the signature does not fit"),
        (70023, assertion(exp=START + 400_000), "longer than 25 h"),
        (70023, Token({"alg": "RS256"}, {"exp": START}), "no iat"),
        (700222, assertion(iss="https://sts.windows.net/x/"), "itself a token that Entra issued"),
        (7002381, assertion(), "policy"),
        (700021, assertion(), "another client"),
        (700016, assertion(), "no application of this tenant"),
        (700038, assertion(), "nil GUID"),
        (7000229, assertion(), "no service principal"),
        (90002, assertion(), "no such tenant"),
        (900144, assertion(), "form field"),
        (7000215, None, "secret is wrong"),
        (90033, None, "transient"),
        (50196, None, "client loop"),
        (123456, None, "401 invalid_client"),
    ],
)
def test_every_other_code_says_what_it_means(code: int, token: Token | None, words: str) -> None:
    found = explained(refusal(code, assertion=token))
    assert (found.hop, found.code) == (5, code)
    assert words in found.headline


@pytest.mark.parametrize("code", [1002012, 70011, 500011, 53003])
def test_what_is_asked_for_breaks_at_hop_six(code: int) -> None:
    found = explained(refusal(code, scope="https://azure-api.net/configuration"))
    assert (found.hop, found.code) == (6, code)


# --- RBAC


def forbidden(nearest: Considered | None = None, *, denied: Considered | None = None) -> Story:
    story = Story()
    story.resource("application", APPLICATION_OBJECT, "apim-gateway", appId=CLIENT)
    story.resource("servicePrincipal", PRINCIPAL, "apim-gateway", appId=CLIENT)
    decision = Decision(False, GET_CONFIGURATION, GATEWAY, PRINCIPAL, nearest=nearest, denied_by=denied)
    half = Half("failed", decision)
    story.started().exchanged()
    event = replace(SNAPSHOT, status=403, reader=half, cause="reader-not-granted", revision="", entities=0)
    story.add("apim", event)
    return story


@pytest.mark.parametrize(
    ("nearest", "cause", "words"),
    [
        (None, "reader-not-assigned", "the reader role is not assigned"),
        (
            Considered("a", READER_ROLE, f"{GROUP}-other", PRINCIPAL, "other-scope"),
            "reader-other-scope",
            "the reader role is assigned at contoso-rg-other, which does not cover the gateway",
        ),
        (
            Considered("a", READER_ROLE, GROUP, APPLICATION_OBJECT, "other-principal"),
            "reader-on-application-object",
            "the reader role is assigned to the application object, not to its service principal",
        ),
        (
            Considered("a", READER_ROLE, GROUP, CLIENT, "other-principal"),
            "reader-on-client-id",
            "the reader role is assigned to the client id, not to the service principal's id",
        ),
        (
            Considered("a", READER_ROLE, GROUP, "someone", "other-principal"),
            "reader-other-principal",
            "the reader role is assigned to another principal",
        ),
        (
            Considered("a", "API Management Service Contributor", GROUP, PRINCIPAL, "role-lacks-action"),
            "reader-role-lacks-data-action",
            'the principal holds "API Management Service Contributor", which has no such data action',
        ),
        (
            Considered("a", "Odd", GROUP, PRINCIPAL, "excluded-by-not-action"),
            "reader-excluded",
            '"Odd" excludes the action by its NotActions',
        ),
        (
            Considered("a", "", GROUP, "x", "role-unknown"),
            "reader-not-assigned",
            "the reader role is not assigned",
        ),
    ],
)
def test_the_nearest_assignment_says_why_it_did_not_grant(
    nearest: Considered | None, cause: str, words: str
) -> None:
    found = explained(forbidden(nearest))
    assert (found.cause, found.headline) == (cause, f"The configuration API refused (hop 8): {words}.")
    assert found.mends[0].command.endswith(f"--scope {SERVICE}")


def test_a_deny_assignment_is_named() -> None:
    found = explained(forbidden(denied=Considered("d", "managed app", GROUP, PRINCIPAL)))
    assert found.cause == "reader-denied"


def test_a_role_on_a_principal_that_is_gone_is_told_so() -> None:
    story = forbidden(Considered("a", READER_ROLE, GROUP, "gone", "other-principal"))
    story.records.insert(
        0,
        replace(
            story.records[0],
            sequence=0,
            event=ResourceChanged("servicePrincipal", "gone", "old", "deleted", "operator"),
        ),
    )
    assert explained(story).cause == "reader-on-deleted-principal"


def test_an_assignment_of_a_minute_ago_is_not_visible_yet() -> None:
    story = Story().started().exchanged()
    granted = {"properties": {"principalId": PRINCIPAL, "scope": GROUP}}
    story.add("arm", ResourceChanged("roleAssignment", "a9", "a9", "created", "operator", after=granted))
    half = Half("failed", Decision(False, GET_CONFIGURATION, GATEWAY, PRINCIPAL))
    story.polled(403, "request-9", after=60, reader=half)
    found = explained(story)
    assert found.cause == "reader-not-yet-visible"
    assert "60 s ago" in found.headline


def test_a_service_without_an_identity_is_told_so() -> None:
    half = Half("failed", problem="the service has no system-assigned identity")
    story = Story().started().exchanged()
    story.add("apim", replace(SNAPSHOT, status=403, validator=half, reader=Half("not-evaluable")))
    found = explained(story)
    assert found.cause == "validator-no-identity"
    assert found.mends[0].command.startswith("az apim update --name contoso")


# --- the configuration API


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


# --- webhook, pod, gateway


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


def test_an_unmutated_pods_gateway_error_leads_back_to_the_label() -> None:
    story = unmutated()
    logged = GatewayLogged(NAMESPACE, POD, "error", "ConfigurationApiV2NotAvailable", "no token", "[Error] …")
    record = story.add("gateway", logged)
    assert explained(story, str(record.sequence)).cause == "label-missing"
