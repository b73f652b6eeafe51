"""The public failure reports of the Kubernetes side, each reproduced from its cause; the row's symptom shows.

The rows are those of docs/reports-kubernetes.md. A row without a test here needs more than an embedded
cluster, and says what.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.webhook.lab import a_pod
from tests.sandbox.cluster.rig import MANIFEST, rig

from apim_emulators.core.events import (
    ConfigurationAnswered,
    PodAdmitted,
    ResourceChanged,
    TokenAnswered,
    TokenAsked,
)
from apim_emulators.webhook.decoding import decode_pod
from apim_emulators.webhook.gotypes import Types, kubernetes_types, read_as
from apim_emulators.webhook.model import MutationConfig, Object
from apim_emulators.webhook.mutation import mutate, shown_name
from apim_emulators.webhook.proxy_containers import SIDECAR
from apim_sandbox.documents import DocumentError
from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import load
from apim_sandbox.scenario.runner import Result, run

DOCUMENT = Path("docs/reports-kubernetes.md")
TEXT = MANIFEST.read_text()
Symptom = Callable[[Result], bool]


def admitted(outcome: str, words: str) -> Symptom:
    """The API server's word about a pod."""
    return lambda result: any(
        event.outcome == outcome and words in event.reason for event in _events(result, PodAdmitted)
    )


def forbidden(words: str) -> Symptom:
    """What the API server told the webhook that wanted to change something."""
    return lambda result: any(
        words in str(event.after.get("error", "")) for event in _events(result, ResourceChanged)
    )


def lacks(variable: str) -> Symptom:
    """A pod was mutated, but did not get the variable."""
    return lambda result: any(
        event.outcome == "mutated" and variable not in event.added_env
        for event in _events(result, PodAdmitted)
    )


def refused(code: int, *, once: bool = False) -> Symptom:
    """Entra's refusal; `once`: a later exchange went through."""

    def shows(result: Result) -> bool:
        codes = [event.code for event in _events(result, TokenAnswered)]
        return code in codes and (not once or codes[-1] is None)

    return shows


def asked(words: str) -> Symptom:
    """What the application's credential says when it did not even reach Entra."""
    return lambda result: any(words in event.error for event in _events(result, TokenAsked))


def told(words: str) -> Symptom:
    """What who applied the manifest sees."""
    return lambda result: any(words in str(one.got) for one in result.verdicts)


def _events(result: Result, kind: type[Any]) -> list[Any]:
    return [record.event for record in result.records if isinstance(record.event, kind)]


UNCONFIGURED = asked("The workload options are not fully configured")
BY_SCENARIO: dict[int, tuple[str, tuple[Symptom, ...]]] = {
    1: (
        "webhook/pod-label-missing",
        (admitted("skipped", 'the pod has no label azure.workload.identity/use: "true"'), UNCONFIGURED),
    ),
    5: (
        "webhook/default-service-account",
        (
            lambda result: {event.service_account for event in _events(result, PodAdmitted)} == {"default"},
            UNCONFIGURED,
        ),
    ),
    6: ("webhook/client-id-annotation-missing", (lacks("AZURE_CLIENT_ID"), UNCONFIGURED)),
    7: ("webhook/ignored", (admitted("skipped", "failurePolicy Ignore"), UNCONFIGURED)),
    8: (
        "webhook/unreachable",
        (admitted("failed", 'failed calling webhook "mutation.azure-workload-identity.io"'),),
    ),
    9: ("webhook/timeout", (admitted("failed", "context deadline exceeded"),)),
    10: (
        "webhook/other-process-on-its-port",
        (admitted("failed", "http: server gave HTTP response to HTTPS client"),),
    ),
    11: ("webhook/ignored", (admitted("skipped", "Connection refused"), UNCONFIGURED)),
    12: ("webhook/unreachable", (admitted("failed", "Connection refused"), admitted("mutated", ""))),
    13: ("webhook/overloaded", (admitted("failed", "context deadline exceeded"),)),
    14: (
        "webhook/certificate-not-trusted",
        (admitted("failed", "x509: certificate signed by unknown authority"), admitted("mutated", "")),
    ),
    15: (
        "webhook/ca-bundle-not-written",
        (
            forbidden('cannot update resource "mutatingwebhookconfigurations"'),
            admitted("failed", "x509: certificate signed by unknown authority"),
        ),
    ),
    20: (
        "webhook/proxy-with-host-network",
        (admitted("denied", "hostNetwork is set to true, cannot inject proxy sidecar"),),
    ),
    22: (
        "webhook/namespace-not-selected",
        (admitted("skipped", "the webhook's namespaceSelector leaves it out"), UNCONFIGURED),
    ),
    23: ("entra/issuer-trailing-slash", (refused(700211),)),
    24: ("entra/issuer-of-api-server", (refused(700211), asked("https://kubernetes.default.svc"))),
    26: ("entra/credential-propagating", (refused(70025, once=True),)),
    27: ("entra/audience-mismatch", (refused(700212),)),
    28: ("oidc/keys-behind-firewall", (refused(50166),)),
    29: ("oidc/key-not-published", (refused(7000272),)),
    30: ("entra/assertion-kept-too-long", (refused(700024),)),
    31: ("entra/token-lives-too-long", (refused(70023),)),
    32: ("oidc/clock-behind", (refused(700024),)),
    33: (
        "gateway/token-path-hard-coded",
        (asked("No such file or directory: '/var/run/secrets/azure/tokens/azure-identity-token'"),),
    ),
    34: ("entra/authority-of-another-cloud", (asked("Name or service not known"),)),
    36: (
        "rbac/reader-missing",
        (
            lambda result: 403 in {event.status for event in _events(result, ConfigurationAnswered)},
            told("in the log"),
        ),
    ),
}


@cache
def broken(scenario: str) -> Result:
    return run(load(folder() / f"{scenario}.yaml"))


@pytest.mark.parametrize("row", BY_SCENARIO)
def test_the_rows_symptom_follows_from_its_cause(row: int) -> None:
    """The cause alone is set, the symptom appears by itself."""
    scenario, symptoms = BY_SCENARIO[row]
    result = broken(scenario)
    assert result.passed, result.problem
    assert [shows(result) for shows in symptoms] == [True] * len(symptoms)


# --- rows that no scenario tells to the letter


@pytest.mark.anyio
async def test_row_2_the_label_on_a_cron_jobs_metadata_does_not_reach_its_pods(tmp_path: Path) -> None:
    """A hint says so where kubectl is silent; the pod that the template makes is not shown to the webhook."""
    template = {"serviceAccountName": "default", "containers": [{"name": "c", "image": "a/gateway:v2"}]}
    job = (
        "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: job\n"
        '  labels: {azure.workload.identity/use: "true"}\n'
        f"spec: {{schedule: '* * * * *', jobTemplate: {{spec: {{template: {{spec: {template}}}}}}}}}\n"
    )
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: job-1}}\nspec: {template}\n"
    async with rig(tmp_path) as sandbox:
        (applied,) = await sandbox.cluster.apply([("job.yaml", job)])
        await sandbox.apply(pod)
        await sandbox.sleep(1)
        (hint,) = applied.hints

        assert (hint.place, hint.fix) == (
            "job.yaml:5:12", "move it to spec.jobTemplate.spec.template.metadata.labels",
        )  # fmt: skip
        assert [(one.outcome, sandbox.webhook.reviews) for one in sandbox.events(PodAdmitted)] == [
            ("skipped", [])
        ]


@pytest.mark.anyio
async def test_row_3_a_label_in_the_selector_is_refused(tmp_path: Path) -> None:
    """A Deployment's selector is immutable."""
    label = '      azure.workload.identity/use: "true"\n'
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT)
        with pytest.raises(DocumentError, match=r"spec\.selector: .*field is immutable"):
            await sandbox.apply(
                TEXT.replace("      app: apim-gateway\n", f"      app: apim-gateway\n{label}", 1)
            )


@pytest.mark.anyio
async def test_row_4_an_unquoted_true_is_refused_in_the_decoders_words(tmp_path: Path) -> None:
    """As `helm --set` writes it."""
    words = "cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string"
    async with rig(tmp_path) as sandbox:
        with pytest.raises(DocumentError, match=re.escape(words)):
            await sandbox.apply(TEXT.replace('use: "true"', "use: true"))


def mutated(pod: Object, **account: str) -> Object:
    notes = {f"azure.workload.identity/{key}": value for key, value in account.items()}
    patched = mutate(decode_pod(pod), "ns1", {"metadata": {"annotations": notes}}, MutationConfig("tenant"))
    assert isinstance(patched, dict)
    return patched


def test_row_16_a_sidecar_of_a_later_webhook_gets_its_identity_at_reinvocation() -> None:
    """Without reinvocationPolicy IfNeeded it has none; the pod's own containers do not change again."""
    first = mutated(a_pod())
    sidecar = {"name": "daprd", "image": "daprio/daprd"}
    injected = {**first, "spec": {**first["spec"], "containers": [*first["spec"]["containers"], sidecar]}}
    again = mutated(injected)

    assert "env" not in injected["spec"]["containers"][1]
    assert [one["name"] for one in again["spec"]["containers"][1]["env"]] == [
        "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
    ]  # fmt: skip
    assert again["spec"]["containers"][0] == first["spec"]["containers"][0]
    assert again["spec"]["volumes"] == first["spec"]["volumes"]


def test_row_17_a_webhook_of_older_types_takes_away_what_it_does_not_know() -> None:
    """Built before native sidecars it dropped restartPolicy; today's drops what is newer than v0.31."""
    sidecar = {"name": "proxy", "restartPolicy": "Always", "lifecycle": {"stopSignal": "SIGTERM"}}
    pod = a_pod(initContainers=[sidecar])
    today = kubernetes_types()
    container = today["v1.Container"]
    assert not isinstance(container, str)
    older = {name: go for name, go in container.items() if name != "restartPolicy"}

    def sent_back(types: Types) -> Any:
        return read_as(pod, "v1.Pod", types)["spec"]["initContainers"][0]

    bare: Object = {"name": "proxy", "resources": {}, "lifecycle": {}}
    assert sent_back({**today, "v1.Container": older}) == bare
    assert sent_back(today) == {**bare, "restartPolicy": "Always"}


def test_row_37_the_proxys_port_clashes_until_the_annotation_moves_it() -> None:
    """Port 8000 unless the pod says another."""
    own = {"name": "container", "image": "image", "ports": [{"containerPort": 8000}]}

    def ports(notes: dict[str, str]) -> dict[str, int]:
        spec = mutated(a_pod(annotations=notes, containers=[own]))["spec"]
        found = [*spec["initContainers"], *spec["containers"]]
        return {one["name"]: one["ports"][0]["containerPort"] for one in found if one.get("ports")}

    assert ports({"inject-proxy-sidecar": "true"}) == {SIDECAR: 8000, "container": 8000}
    assert ports({"inject-proxy-sidecar": "true", "proxy-sidecar-port": "9000"}) == {
        SIDECAR: 9000, "container": 8000,
    }  # fmt: skip


def test_row_38_a_generated_pod_has_no_name_yet() -> None:
    """The webhook shows what the name will begin with."""
    assert shown_name({"metadata": {"generateName": "job-"}}) == "job- (prefix)"
    assert mutated({**a_pod(), "metadata": {"generateName": "job-"}})["metadata"].get("name") is None


# --- the table


def test_the_table_has_every_row_and_names_its_witness() -> None:
    """38 rows: a scenario, a test of this module, or why it takes more than an embedded cluster."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCUMENT.read_text().splitlines()
        if re.match(r"\| \d+ ", line)
    ]
    tests = {
        int(found[1]): name for name in globals() if (found := re.match(r"test_row_(\d+)_", name)) is not None
    }
    assert [int(row[0]) for row in rows] == list(range(1, 39))
    for number, *_, witness in rows:
        row = int(number)
        if row in BY_SCENARIO:
            assert f"`{BY_SCENARIO[row][0]}`" in witness
        elif row in tests:
            assert f"`{tests[row]}`" in witness
        else:
            assert re.match(r"(kind|Azure|client): .{20}", witness), row
