"""The three webhooks on one API server: what each makes of the same pod, and every difference explained."""

import json
import time
from typing import Any

import pytest
from tests.kind.conftest import Kind

from apim_sandbox.cluster.kind.webhook import VARIANTS, Variant

pytestmark = pytest.mark.kind_lives
_BUNDLE = (
    "get", "mutatingwebhookconfiguration/azure-wi-webhook-mutating-webhook-configuration",
    "-o", "jsonpath={.webhooks[0].clientConfig.caBundle}",
)  # fmt: skip
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "apim-gateway",
        "namespace": "apim-gateway-wi",
        "labels": {"azure.workload.identity/use": "true"},
    },
    "spec": {
        "serviceAccountName": "apim-gateway-workload-identity",
        "initContainers": [{"name": "first", "image": "none:0"}],
        "containers": [
            {"name": "one", "image": "none:0", "env": [{"name": "AZURE_CLIENT_ID", "value": "my-own"}]},
            {"name": "two", "image": "none:0"},
        ],
    },
}


def mutated(kind: Kind) -> dict[str, Any]:
    """The pod's spec as the API server would keep it, without the API server's own default token."""
    answer = kind.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(POD))
    spec = json.loads(answer)["spec"]
    own = "kube-api-access-"
    spec["volumes"] = [one for one in spec["volumes"] if not one["name"].startswith(own)]
    for container in spec["initContainers"] + spec["containers"]:
        container["volumeMounts"] = [
            one for one in container["volumeMounts"] if not one["name"].startswith(own)
        ]
    return spec  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def specs(kind: Kind) -> dict[Variant, dict[str, Any]]:
    """The same pod through each webhook; upstream's newest is left in place."""
    found: dict[Variant, dict[str, Any]] = {}
    for variant in reversed(VARIANTS):
        kind.up("--webhook", variant)
        found[variant] = mutated(kind)
    return found


def test_the_emulated_webhook_mutates_as_upstream_does(specs: dict[Variant, dict[str, Any]]) -> None:
    """Same volume, mounts, variables and order, through the same API server."""
    assert specs["emulated"] == specs["upstream"]


def test_generations_differ_in_volume_and_path_alone(specs: dict[Variant, dict[str, Any]]) -> None:
    """v1.6.0 renamed the volume after the pod and moved the token; nothing else changed (PR #1720)."""
    new, old = (_names(specs[variant]) for variant in ("upstream", "upstream-previous"))
    assert new == {
        "volume": "azure-workload-identity-reserved-e72dabb64e00ddd4d87200f38bbd8f",
        "mount": "/var/run/secrets/azure/wi",
        "file": "/var/run/secrets/azure/wi/token/azure-identity-token",
        "path": "token/azure-identity-token",
    }
    assert old == {
        "volume": "azure-identity-token",
        "mount": "/var/run/secrets/azure/tokens",
        "file": "/var/run/secrets/azure/tokens/azure-identity-token",
        "path": "azure-identity-token",
    }
    text = json.dumps(specs["upstream"])
    for what in ("file", "mount", "volume", "path"):
        text = text.replace(json.dumps(new[what]), json.dumps(old[what]))
    assert json.loads(text) == specs["upstream-previous"]


def test_a_variable_of_the_pods_own_is_kept(specs: dict[Variant, dict[str, Any]]) -> None:
    """No generation overrides a name that the container sets itself."""
    for spec in specs.values():
        env = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
        assert env["AZURE_CLIENT_ID"] == "my-own"
        assert env["AZURE_AUTHORITY_HOST"] == "https://login.microsoftonline.com/"


def _names(spec: dict[str, Any]) -> dict[str, str]:
    volume = spec["volumes"][0]
    env = {one["name"]: one["value"] for one in spec["containers"][1]["env"]}
    return {
        "volume": volume["name"],
        "mount": spec["containers"][1]["volumeMounts"][0]["mountPath"],
        "file": env["AZURE_FEDERATED_TOKEN_FILE"],
        "path": volume["projected"]["sources"][0]["serviceAccountToken"]["path"],
    }


def test_the_emulated_webhook_keeps_its_own_certificates(kind: Kind) -> None:
    """An emptied Secret is filled with a new CA, and the API server is told to trust that one."""
    kind.up("--webhook", "emulated")
    namespace = ("--namespace", "azure-workload-identity-system")
    secret = "secret/azure-wi-webhook-server-cert"
    before = _authority(kind)
    kind.kubectl("patch", secret, *namespace, "--type=json", "-p", '[{"op": "remove", "path": "/data"}]')
    deadline = time.monotonic() + 60
    while (after := _authority(kind)) in ("", before) and time.monotonic() < deadline:
        time.sleep(1)
    assert after not in ("", before)
    while (bundle := kind.kubectl(*_BUNDLE)) != after and time.monotonic() < deadline:
        time.sleep(1)
    assert bundle == after
    assert mutated(kind)["volumes"]
    kind.up("--webhook", "upstream")


def _authority(kind: Kind) -> str:
    """The CA in the webhook's Secret, base64-encoded."""
    return kind.kubectl(
        "get", "secret/azure-wi-webhook-server-cert", "--namespace", "azure-workload-identity-system",
        "-o", r"jsonpath={.data.ca\.crt}",
    )  # fmt: skip
