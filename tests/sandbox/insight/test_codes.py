"""Codes and pasted lines, explained without a sandbox."""

import re
from pathlib import Path

import pytest

from apim_emulators.entra.errors import ERRORS
from apim_sandbox.insight.causes import ENTRA
from apim_sandbox.insight.codes import CODES, explain_code, explain_text
from apim_sandbox.insight.knowledge.logs import LINES


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


def test_every_log_entry_is_found_by_its_own_name() -> None:
    assert [explain_code(line.code.id) for line in LINES] == [line.code for line in LINES]


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
    ],
)
def test_what_kubernetes_says_of_a_pod_is_explained_offline(text: str, name: str) -> None:
    """Pasted from `kubectl describe` or from the gateway's log."""
    assert name in [code.id for code in explain_text(text)]
    assert explain_code(name) is not None
