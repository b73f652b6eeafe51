"""The Helm chart's render on a real cluster, by the same command."""

from pathlib import Path

import pytest
from tests.kind.conftest import Kind, trusted

pytestmark = pytest.mark.kind
RENDER = Path(__file__).parents[1] / "sandbox" / "cluster" / "fixtures" / "helm-1.15.1.yaml"
ACCOUNT = "azure-api-management-gateway"


def test_helm_template_goes_into_kind_up(kind: Kind) -> None:
    """`helm template … | apim-sandbox kind up -f -`: patched as it says, admitted, three gateways Ready."""
    text = RENDER.read_text()
    with kind.sandbox() as sandbox, trusted(sandbox, "apim-gateway-wi", ACCOUNT):
        try:
            done = kind.up("-f", "-", stdin=text)
            kind.kubectl(
                "rollout", "status", "-n", "apim-gateway-wi", f"deployment/{ACCOUNT}", "--timeout=150s"
            )
            ready = [one for one in sandbox.pods() if one["ready"] and one["service_account"] == ACCOUNT]
        finally:
            sandbox.delete([("helm.yaml", text)])
    applied = [line.split()[0] for line in done.stdout.splitlines() if line.endswith(" created")]
    assert applied == [
        f"poddisruptionbudget/{ACCOUNT}", f"serviceaccount/{ACCOUNT}", f"secret/{ACCOUNT}",
        f"configmap/{ACCOUNT}", f"service/{ACCOUNT}-instance-discovery", f"service/{ACCOUNT}",
        f"deployment/{ACCOUNT}",
    ]  # fmt: skip
    assert "mcr.microsoft.com/azure-api-management/gateway:2.11.1 → apim-sandbox:" in done.stdout
    assert f"Gateway apim-gateway-wi/{ACCOUNT}-" in done.stdout
    assert len(ready) == 3
