"""Codes and pasted lines, explained without a sandbox."""

import re
from pathlib import Path

import pytest

from apim_emulators.entra.errors import ERRORS
from apim_sandbox.insight.causes import ENTRA
from apim_sandbox.insight.codes import CODES, explain_code, explain_text, nearest_codes, unknown_codes
from apim_sandbox.insight.knowledge.logs import FALLBACKS, LINES


@pytest.mark.parametrize("text", ["AADSTS700213", "aadsts700213", "AADSTS 700213", " 700213 "])
def test_a_code_is_found_however_it_is_written(text: str) -> None:
    code = explain_code(text)
    assert code is not None
    assert code.id == "AADSTS700213"


@pytest.mark.parametrize("text", ["AADSTS999999", "17", "apim-gateway", ""])
def test_what_is_no_known_code_is_none(text: str) -> None:
    assert explain_code(text) is None


def test_a_log_event_is_found_by_its_name() -> None:
    code = explain_code("LoadBackupLocationNotFound")
    assert code is not None
    assert code.benign


@pytest.mark.parametrize("number", CODES)
def test_the_usual_causes_come_most_reported_first(number: int) -> None:
    reports = [cause.reports for cause in CODES[number].causes]
    assert reports == sorted(reports, reverse=True)
    assert reports


def test_a_pasted_line_tells_of_its_code_and_of_its_event() -> None:
    line = "[Error] 2026-11-23 [ConfigurationApiV2NotAvailable], exception: AADSTS700213: No matching …"
    assert [code.id for code in explain_text(line)] == ["AADSTS700213", "ConfigurationApiV2NotAvailable"]


def test_a_forbidden_answer_is_told_from_other_failures() -> None:
    line = "[Warn] [ConfigurationApiV2NotAvailable] exception: ApiException: StatusCode: Forbidden, Cont"
    assert [code.id for code in explain_text(line)] == ["Forbidden", "ConfigurationApiV2NotAvailable"]


def test_a_line_that_says_nothing_known_tells_nothing() -> None:
    assert explain_text("all is well") == ()


def test_codes_that_are_not_known_are_named_once() -> None:
    """With those that are written most alike."""
    assert unknown_codes("AADSTS700999: x AADSTS700213 aadsts 0700999") == ("AADSTS700999",)
    assert all(explain_code(code) for code in nearest_codes("AADSTS700999"))
    assert len(nearest_codes("AADSTS1")) == 3


def test_a_bare_status_counts_only_where_nothing_else_does() -> None:
    """Nor where an unknown code could be meant."""
    assert [one.id for one in explain_text("HTTP/1.1 401 Unauthorized")] == ["Unauthorized"]
    assert [one.id for one in explain_text("401: AADSTS700213: No matching …")] == ["AADSTS700213"]
    assert explain_text("401: AADSTS999999: something new") == ()


def test_every_log_entry_is_found_by_its_own_name() -> None:
    lines = (*LINES, *FALLBACKS)
    assert [explain_code(line.code.id) for line in lines] == [line.code for line in lines]


def test_every_code_that_entra_can_answer_here_is_explained_offline() -> None:
    """The emulator's own table of errors, and the table of explainers, against the knowledge."""
    answered = set(ERRORS)
    assert (answered | set(ENTRA)) - set(CODES) == set()


def test_every_event_that_the_gateway_logs_is_explained_offline() -> None:
    """The names are those that the gateway's own source gives to its log."""
    source = "".join(
        path.read_text(encoding="utf-8") for path in Path("sandbox/apim_sandbox/gateway").glob("*.py")
    )
    logged = set(re.findall(r'emit\(\s*"\w+",\s*"([A-Z]\w+)"', source))
    assert len(logged) > 5
    assert {name for name in logged if explain_code(name) is None} == set()


REPORTED = (
    "GatewayStartup", "ConfigStarted", "ConfigInitialSyncStarted", "ConfigInitialSyncCompleted",
    "ConfigInitialSyncFailed", "ConfigurationNotFoundException", "LoadBackupLocationNotFound",
    "LocalBackupLocationNotFound", "EventSnapshotElected", "ConfigurationRetrieving", "ConfigurationLoaded",
    "ConfigurationRetrieved", "EventSnapshotRestored", "EventsSuccessfullyRestored", "GettingEventsFromApi",
    "NoNewEvents", "ConfigurationApiV2NotAvailable", "ErrorResolvingHostname",
    "OperationRouteTableRebuildStarted", "OperationRouteTableRebuildCompleted", "MsalAppClientCreated",
    "ManagedIdentityAddedToMap", "BootstrapperStarted", "TenantStarted", "TenantRecycled",
    "SendingHeartbeat", "HeartbeatSent", "QuotaCounterGlobalSyncStart", "QuotaCounterGlobalSyncSendUpdate",
    "TransactionalTableStorageSaveBatchFailed", "GatewayLogs", "FailedToProcessRequest",
    "DnsResolutionStarted",
)  # fmt: skip


@pytest.mark.parametrize("event", REPORTED)
def test_every_log_event_that_was_seen_in_public_is_explained(event: str) -> None:
    """As the gateway's line has it."""
    assert explain_text(f"[Info] 2026-01-1T00:00:00.000 [{event}], message: x, source: y") != ()


TABLES = (
    50001, 50013, 50027, 50166, 50196, 53003, 70003, 70011, 70021, 70023, 70025, 90002, 90015, 90033, 90055,
    90061, 500011, 500133, 501481, 501661, 530003, 700016, 700021, 700023, 700024, 700025, 700027, 700030,
    700038, 700211, 700212, 700213, 700222, 700223, 700226, 700227, 700231, 700236, 700238, 900023, 900144,
    5002727, 5002730, 5002738, 7000112, 7000215, 7000216, 7000218, 7000222, 7000229, 7000272, 7002121,
    7002131, 7002137, 7002138, 7002381, 9001023, 9002313,
)  # fmt: skip


@pytest.mark.parametrize("number", TABLES)
def test_every_code_that_is_known_in_public_is_explained(number: int) -> None:
    """Federation, the assertion, and the request around it."""
    assert explain_code(f"AADSTS{number}") is not None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Last State: Terminated, Reason: OOMKilled, Exit Code: 137", "OOMKilled"),
        ("Startup probe failed: HTTP probe failed with statuscode: 503", "Unhealthy"),
        ("Back-off restarting failed container apim-gateway", "CrashLoopBackOff"),
        ("0/1 nodes are available: 1 Insufficient cpu.", "FailedScheduling"),
        ('Error: configmap "apim-gateway-env" not found', "CreateContainerConfigError"),
        ("Couldn't update token 'sa'/'ns': the server is gone", "FailedMount"),
        ("/apim/config/snapshot.lock.json describes: checksums differ", "backup-unusable"),
        ('pods "x" is forbidden: error looking up service account a/b: serviceaccount "b" not found',
         "service-account-missing"),
        ("spec.selector: Invalid value: v1.LabelSelector{}: field is immutable", "selector-immutable"),
        ("secret is not well-formed, missing ca.crt", "webhook-secret-empty"),
        ('cannot update resource "mutatingwebhookconfigurations" in API group', "webhook-may-not-write"),
        ("dial tcp 10.0.0.7:9443: i/o timeout", "webhook-unreachable"),
        ("http: server gave HTTP response to HTTPS client", "webhook-unreachable"),
        ("failed calling webhook: context deadline exceeded", "failed calling webhook"),
        ("open : no such file or directory", "token-file-unset"),
        ("unable to resolve an endpoint: server response error: context deadline exceeded",
         "login-host-unreachable"),
        ("Error: unknown flag: --name", "helm-2-syntax"),
        ("No Azure AD application secret was specified in gateway.auth.azureAd.app.secret.",
         "helm-secret-value"),
        ("Failed to open temporary file /etc/ssl/certs/bundleXYZ for ca bundle",
         "certificates-not-writable"),
        ("missing policy.qouta.sync.table.connection", "quota-connection-missing"),
        ("Configuration endpoint not reachable", "endpoint-spelling"),
        ("Response status code does not indicate success: 400 (Bad Request).", "version-1"),
        ("MethodNotAllowedInPricingTier", "tier-without-gateways"),
        ("403", "Forbidden"),
        ("404 Not Found", "NotFound"),
        ("429 Too Many Requests", "TooManyRequests"),
        ("x509: certificate signed by unknown authority", "UntrustedCertificate"),
        (
            "WorkloadIdentityCredential: no client ID specified. Check pod configuration or set ClientID in "
            "the options",
            "identity-variables-missing",
        ),
        (
            "WorkloadIdentityCredential authentication unavailable. The workload options are not fully "
            "configured.",
            "identity-variables-missing",
        ),
        ("no token file specified. Check pod configuration", "identity-variables-missing"),
        (
            "The client 'a' with object id 'a' does not have authorization to perform action "
            "'Microsoft.Authorization/roleAssignments/read' over scope '/subscriptions/b'",
            "AuthorizationFailed",
        ),
        ("ManagedIdentityCredential: no response from the IMDS endpoint", "fell-back-to-managed-identity"),
        ("Back-off pulling image: ErrImagePull", "ImagePullBackOff"),
    ],
)  # fmt: skip
def test_what_programs_say_is_explained_offline(text: str, name: str) -> None:
    """Pasted from `kubectl describe`, from a program's error or from the gateway's log."""
    assert name in [code.id for code in explain_text(text)]
    assert explain_code(name) is not None
