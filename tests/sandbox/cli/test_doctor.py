"""The doctor's command: what it prints, in three forms, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from apim_sandbox.cli.doctor import run_doctor
from apim_sandbox.documents import DocumentError
from apim_sandbox.insight.doctor import RULES

ARTICLE = Path("examples/article/gateway.yaml")
SARIF_SCHEMA = Path(__file__).parent / "fixtures" / "sarif-2.1.0-rtm.5.json"  # @microsoft/jest-sarif, MIT
WORLD = Path("sandbox/apim_sandbox/world/default.yaml")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The article's manifest with the gateway's host as its endpoint."""
    path = tmp_path / "k8s" / "gateway.yaml"
    path.parent.mkdir()
    path.write_text(ARTICLE.read_text().replace(".configuration.azure-api.net", ".azure-api.net"))
    return path


def test_what_is_right_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_doctor([ARTICLE], world=WORLD) == 0
    assert capsys.readouterr().out.startswith(f"Nothing found in 1 file against {WORLD} (")


def test_a_folder_is_searched_and_an_error_ends_with_one(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_doctor([broken.parent]) == 1
    out = capsys.readouterr().out
    assert f"{broken}:67:3  GW011  error" in out
    assert out.rstrip().endswith("apim-sandbox doctor --rule GW011")


def test_json_has_place_rule_message_and_fix(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_doctor([broken], as_json=True) == 1
    assert json.loads(capsys.readouterr().out) == {
        "files": 1,
        "findings": [
            {
                "file": str(broken), "line": 67, "column": 3, "rule": "GW011", "severity": "error",
                "message": "config.service.endpoint points at the gateway's host, "
                "not at the configuration API",
                "fix": "https://contoso.configuration.azure-api.net",
            }
        ],
        "unchecked": [],
    }  # fmt: skip


def test_sarif_is_what_code_hosts_take(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Valid by SARIF 2.1.0's own schema, with indexes that point at the right rule."""
    assert run_doctor([broken], as_sarif=True) == 1
    log: dict[str, Any] = json.loads(capsys.readouterr().out)
    Draft4Validator(json.loads(SARIF_SCHEMA.read_text())).validate(log)
    assert (log["version"], set(log)) == ("2.1.0", {"$schema", "version", "runs"})
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == list(RULES)
    assert {one["defaultConfiguration"]["level"] for one in rules} <= {"error", "warning", "note"}
    (result,) = run["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "GW011"
    assert result["level"] == "error"
    assert result["message"]["text"].startswith("config.service.endpoint points")
    (place,) = result["locations"]
    assert place == {
        "physicalLocation": {
            "artifactLocation": {"uri": str(broken)},
            "region": {"startLine": 67, "startColumn": 3},
        }
    }


def test_a_rule_without_manifests_is_explained_with_its_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_doctor([], "gw011") == 0
    out = capsys.readouterr().out
    assert "Wrong:\n        config.service.endpoint: https://contoso.azure-api.net\n" in out


def test_one_rule_looks_for_nothing_else(broken: Path) -> None:
    assert run_doctor([broken], "WI001") == 0


def test_the_helm_charts_render_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_doctor([], helm=Path("tests/sandbox/cluster/fixtures/helm-1.15.1.yaml")) == 0
    assert "Nothing found" in capsys.readouterr().out


def test_what_can_not_be_looked_at_says_why(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"no rule is called 'GW11'.*--rule GW011"):
        run_doctor([], "GW11")
    with pytest.raises(DocumentError, match=r"holds no \.yaml or \.yml file"):
        run_doctor([tmp_path])
    values = tmp_path / "values.yaml"
    values.write_text("---\n---\n")
    with pytest.raises(DocumentError, match=r"holds no Kubernetes object.*apiVersion"):
        run_doctor([values])
    values.unlink()
    with pytest.raises(DocumentError, match="is no folder"):
        run_doctor([ARTICLE], azure_export=ARTICLE)
    with pytest.raises(DocumentError, match="can't go with --world"):
        run_doctor([ARTICLE], azure_export=tmp_path, world=WORLD)


KUBECTL = """#!/bin/sh
case "$*" in
  *openid-configuration*) echo '{"issuer": "https://kubernetes.default.svc.cluster.local"}' ;;
  *" get "*) cat %s ;;
esac
echo "$*" >> %s
"""


def test_a_cluster_is_read_and_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only `get`, only in the context that was named; findings name objects where there are no lines."""
    import yaml

    items = [one for one in yaml.safe_load_all(ARTICLE.read_text()) if one]
    (tmp_path / "objects.json").write_text(json.dumps({"kind": "List", "items": items}))
    kubectl, calls = tmp_path / "kubectl", tmp_path / "calls"
    kubectl.write_text(KUBECTL % (tmp_path / "objects.json", calls))
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert run_doctor([], cluster="kind-demo", world=WORLD) == 1
    out = capsys.readouterr().out
    assert "kind-demo:apim-gateway-wi/Deployment/apim-gateway  CL006  error" in out
    assert all(
        one.startswith("--context kind-demo ") and " get " in one for one in calls.read_text().splitlines()
    )
