"""Each rule finds its cause, at its place, and nothing in the article's manifest rightly filled."""

from pathlib import Path

import pytest

from apim_sandbox import documents
from apim_sandbox.cli.render.doctor import finding_lines, rule_lines
from apim_sandbox.cli.render.line import WIDTH, plain
from apim_sandbox.insight.doctor import RULES, Finding, Manifest, check

ARTICLE = Path("examples/article/gateway.yaml").read_text(encoding="utf-8")
USE = 'azure.workload.identity/use: "true"'
POD_LABEL = f"        {USE}\n"


def findings(text: str) -> list[Finding]:
    manifests = [Manifest.of(document) for document in documents.parse(text, "gateway.yaml")]
    return check([manifest for manifest in manifests if manifest is not None])


def changed(old: str, new: str) -> str:
    assert old in ARTICLE
    return ARTICLE.replace(old, new, 1)


def test_nothing_is_found_in_the_article_rightly_filled() -> None:
    assert findings(ARTICLE) == []


CASES = [
    ("WI001", POD_LABEL, ""),
    ("WI002", POD_LABEL, "        azure.workload.identity/use: true\n"),
    ("WI002", POD_LABEL, '        azure.workload.identity/use: "True"\n'),
    ("WI003", "    azure.workload.identity/client-id:", "    example.org/client-id:"),
    ("WI006", "serviceAccountName: apim-gateway-workload-identity", "serviceAccountName: apim-identty"),
    ("WI007", "      serviceAccountName: apim-gateway-workload-identity\n", ""),
    ("WI009", POD_LABEL, POD_LABEL + "      annotations:\n"
     '        azure.workload.identity/service-account-token-expiration: "60"\n'),
    ("WI010", POD_LABEL, POD_LABEL + '        azure.workload-identity/use: "true"\n'),
    ("WI011", "    spec:\n      serviceAccountName",
     "      annotations:\n        azure.workload.identity/inject-proxy-sidecar: \"false\"\n"
     "    spec:\n      hostNetwork: true\n      serviceAccountName"),
    ("WI012", "        ports:\n", "        env:\n        - name: AZURE_FEDERATED_TOKEN_FILE\n"
     "          value: /var/run/secrets/azure/tokens/azure-identity-token\n        ports:\n"),
    ("GW001", "config.service.auth: workloadIdentity", 'config.service.auth: "workloadIdentity "'),
    ("GW001", "  config.service.auth: workloadIdentity\n", ""),
    ("GW002", "gateway:v2", "gateway:2.10.3"),
    ("GW009", "gateway:v2", "gateway:2.7.2"),
    ("GW003", "            name: apim-gateway-env", "            name: apim-gateway-environment"),
    ("GW010", "  gateway.name: ", '  gateway.name: "="\n  other: '),
    ("GW010", "  gateway.name: ", "  other: "),
    ("GW011", ".configuration.azure-api.net", ".azure-api.net"),
    ("GW011", ".configuration.azure-api.net", ".configuration.azure-api.net/subscriptions/x"),
    ("GW011", "config.service.endpoint: https://", "config.service.endpoint: http://"),
    ("GW011", "  config.service.endpoint: ", "  other: "),
    ("GW012", "  gateway.name: ", "  gateway.name: <gateway-name>\n  other: "),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "old", "new"), CASES)
def test_a_broken_manifest_has_its_finding(rule: str, old: str, new: str) -> None:
    found = findings(changed(old, new))
    assert rule in {one.rule for one in found}
    assert all(one.line > 0 and one.column > 0 and one.fix for one in found)


def test_the_label_on_the_deployment_is_found_where_it_stands() -> None:
    text = changed(POD_LABEL, "").replace(
        "kind: Deployment\nmetadata:\n", f"kind: Deployment\nmetadata:\n  labels:\n    {USE}\n", 1
    )
    line = next(
        number
        for number, one in enumerate(text.splitlines(), 1)
        if USE in one and number > text[: text.index("kind: Deployment")].count("\n")
    )
    assert findings(text) == [
        Finding(
            "gateway.yaml", line, 5, "WI004", "error",
            "label azure.workload.identity/use is on the Deployment, not on its pod template: the webhook "
            "will not see these pods, they start without AZURE_* variables",
            "move it to spec.template.metadata.labels",
        )
    ]  # fmt: skip


def test_the_annotation_on_the_pod_template_is_found() -> None:
    annotation = '      annotations:\n        azure.workload.identity/client-id: "x"\n'
    assert [one.rule for one in findings(changed(POD_LABEL, POD_LABEL + annotation))] == ["WI005"]


def test_the_articles_placeholders_are_found() -> None:
    original = Path("examples/article/gateway.original.yaml").read_text(encoding="utf-8")
    assert {one.rule for one in findings(original)} == {"WI008", "GW012", "CL007"}


def test_a_service_account_of_another_namespace_is_named() -> None:
    at = ARTICLE.index("namespace:")
    line = ARTICLE[at : ARTICLE.index("\n", at)]
    found = [one for one in findings(ARTICLE.replace(line, "namespace: elsewhere", 1)) if one.rule == "WI006"]
    assert "there is one in namespace elsewhere" in found[0].message


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_says_why_and_has_its_own_id(rule: str) -> None:
    assert RULES[rule].id == rule
    assert plain(rule_lines(RULES[rule])).startswith(f"{rule}: {RULES[rule].title}")


def test_findings_end_with_their_count_and_the_next_command() -> None:
    found = findings(changed(".configuration.azure-api.net", ".azure-api.net"))
    lines = finding_lines(found, 1, 0.04)
    assert [line.plain for line in lines if len(line.plain) > WIDTH] == []
    assert lines[-1].plain == (
        "1 error, 0 warnings in 1 file (0.0 s).   Explain a rule:  apim-sandbox doctor --rule GW011"
    )
    assert plain(finding_lines([], 2, 0.1)) == "Nothing found in 2 files (0.1 s).\n"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("serviceAccountName:", "serviceAcountName:", [(28, 7, 'write "serviceAccountName"')]),
        ("apiVersion: apps/v1\n", "", [(12, 1, "add apiVersion:")]),
        ("kind: ConfigMap", "kind: ConfigMp", [(60, 7, 'write "ConfigMap"')]),
        ("replicas: 1", "replicas: -1", [(18, 13, "write 0 or more")]),
    ],
)
def test_what_the_api_server_refuses_is_found_before(
    old: str, new: str, found: list[tuple[int, int, str]]
) -> None:
    """At its place, and once where another rule says more of it."""
    refused = [one for one in findings(ARTICLE.replace(old, new, 1)) if one.rule == "CL007"]
    assert [(one.line, one.column, one.fix) for one in refused] == found


def test_what_is_no_kubernetes_object_is_passed_over() -> None:
    assert findings("- a list\n---\nkind: 3\n---\nkind: Deployment\nspec: [1]\n") == []
