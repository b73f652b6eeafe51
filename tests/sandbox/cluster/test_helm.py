"""The Helm chart's render runs with its three replicas."""

from pathlib import Path

import pytest
from tests.sandbox.cluster.rig import rig

from apim_emulators.core.events import TokenProjected

pytestmark = pytest.mark.anyio
TEXT = (Path(__file__).parent / "fixtures" / "helm-1.15.1.yaml").read_text()


async def test_three_replicas_become_ready(tmp_path: Path) -> None:
    """Startup probe first, then readiness, with Kubernetes' defaults; the objects it only keeps are told."""
    async with rig(tmp_path) as sandbox:
        results = await sandbox.cluster.apply([("helm.yaml", TEXT)])
        await sandbox.sleep(5)
        pods = await sandbox.pods()

        assert [one.object for one in results if not one.acted_on] == [
            "PodDisruptionBudget/azure-api-management-gateway",
            "Service/azure-api-management-gateway-instance-discovery",
            "Service/azure-api-management-gateway",
        ]
        assert [hint for one in results for hint in one.hints] == []
        assert [pod.ready for pod in pods] == [True] * 3
        assert len({pod.name for pod in pods}) == 3
        env = sandbox.runtime.started[0].start.env
        assert env["runtime.deployment.pod"] == pods[0].name
        assert env["runtime.deployment.namespace"] == "apim-gateway-wi"
        subjects = {one.token.claims["sub"] for one in sandbox.events(TokenProjected)}
        assert subjects == {"system:serviceaccount:apim-gateway-wi:azure-api-management-gateway"}


async def test_a_new_image_rolls_out_one_at_a_time(tmp_path: Path) -> None:
    """25 % of three: one more at most (rounded up), none fewer (rounded down)."""
    async with rig(tmp_path) as sandbox:
        await sandbox.cluster.apply([("helm.yaml", TEXT)])
        await sandbox.sleep(5)
        first = {pod.name for pod in await sandbox.pods()}
        await sandbox.cluster.apply([("helm.yaml", TEXT.replace("gateway:2.11.1", "gateway:2.12.0"))])
        seen = []
        for _ in range(100):
            await sandbox.sleep(0.25)
            pods = await sandbox.pods()
            seen.append((len(pods), sum(pod.ready for pod in pods)))

        assert max(total for total, _ in seen) == 4
        assert min(ready for _, ready in seen) == 3
        assert first.isdisjoint(pod.name for pod in await sandbox.pods())
