"""The article's manifest goes in, a gateway's pod comes out."""

from pathlib import Path

import pytest
from tests.sandbox.cluster.rig import MANIFEST, NAMESPACE, TOKENS, rig

from apim_emulators.core.events import ObjectApplied, PodAdmitted, PodChanged, TokenProjected
from apim_emulators.core.vocabulary import ServiceAccountName
from apim_sandbox.cluster.protocol import ClusterError

pytestmark = pytest.mark.anyio
ACCOUNT = ServiceAccountName(NAMESPACE, "apim-gateway-workload-identity")


async def test_the_articles_manifest_becomes_a_ready_pod(tmp_path: Path) -> None:
    """Each object is reported, the pod is mutated, gets its token and its environment, and is ready."""
    async with rig(tmp_path) as sandbox:
        results = await sandbox.apply(MANIFEST.read_text(), "gateway.yaml")
        await sandbox.sleep(2)

        assert results == [
            ("ServiceAccount/apim-gateway-workload-identity", "created"),
            ("Deployment/apim-gateway", "created"),
            ("ConfigMap/apim-gateway-env", "created"),
            ("Service/apim-gateway-loadbalancer", "created"),
        ]
        assert [(one.object, one.acted_on, one.place) for one in sandbox.events(ObjectApplied)] == [
            ("ServiceAccount/apim-gateway-workload-identity", True, "gateway.yaml:2"),
            ("Deployment/apim-gateway", True, "gateway.yaml:12"),
            ("ConfigMap/apim-gateway-env", True, "gateway.yaml:59"),
            ("Service/apim-gateway-loadbalancer", False, "gateway.yaml:70"),
        ]
        pod = await sandbox.pod()
        assert pod.name.startswith("apim-gateway-")
        assert (pod.namespace, pod.phase, pod.ready, pod.reason, pod.restarts, dict(pod.ports)) == (
            NAMESPACE, "Running", True, "", 0, {8080: 18080, 8081: 18081},
        )  # fmt: skip
        (container,) = sandbox.runtime.started
        assert container.start.env == {
            "HOSTNAME": pod.name,
            "gateway.name": "on-prem",
            "config.service.auth": "workloadIdentity",
            "config.service.endpoint": "https://contoso.configuration.azure-api.net",
            "telemetry.logs.std.level": "info",
            "AZURE_FEDERATED_TOKEN_FILE": f"{TOKENS}/token/azure-identity-token",
        }
        assert container.probed == [(8080, "/internal-status-0123456789abcdef")]


async def test_the_hops_are_journalled(tmp_path: Path) -> None:
    """Admission says what was added, projection whose token is where, the pod's states follow."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(MANIFEST.read_text(), "gateway.yaml")
        await sandbox.sleep(2)
        pod = await sandbox.pod()

        assert sandbox.events(PodAdmitted) == [
            PodAdmitted(
                namespace=NAMESPACE,
                pod=pod.name,
                service_account=ACCOUNT.name,
                outcome="mutated",
                profile="1.6.0",
                added_env={"AZURE_FEDERATED_TOKEN_FILE": f"{TOKENS}/token/azure-identity-token"},
                added_volumes=("wi",),
                added_mounts=(TOKENS,),
                place="gateway.yaml:12",
            )
        ]
        (projected,) = sandbox.events(TokenProjected)
        assert projected.path == f"{TOKENS}/token/azure-identity-token"
        assert projected.token.claims["sub"] == ACCOUNT.subject
        assert projected.token.claims["kubernetes.io"]["pod"]["name"] == pod.name
        assert [(one.phase, one.ready) for one in sandbox.events(PodChanged)] == [
            ("Pending", False), ("Running", False), ("Running", True),
        ]  # fmt: skip


async def test_applying_twice_changes_nothing(tmp_path: Path) -> None:
    """Unchanged objects are called so, and their pods live on."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(MANIFEST.read_text())
        await sandbox.sleep(2)
        before = await sandbox.pod()
        results = await sandbox.apply(MANIFEST.read_text())
        await sandbox.sleep(30)

        assert {result for _, result in results} == {"unchanged"}
        assert await sandbox.pod() == before


async def test_a_changed_template_rolls_out_without_a_gap(tmp_path: Path) -> None:
    """The new pod is ready before the old one ends."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(MANIFEST.read_text())
        await sandbox.sleep(2)
        old = await sandbox.pod()
        changed = MANIFEST.read_text().replace("gateway:v2", "gateway:2.11.1")
        results = await sandbox.apply(changed)
        await sandbox.sleep(10)
        new = await sandbox.pod()

        assert ("Deployment/apim-gateway", "configured") in results
        assert new.name.rsplit("-", 1)[0] != old.name.rsplit("-", 1)[0]
        order = [(one.pod, one.phase, one.ready) for one in sandbox.events(PodChanged)]
        assert order.index((new.name, "Running", True)) < order.index((old.name, "Terminated", False))


async def test_a_deleted_pod_is_replaced(tmp_path: Path) -> None:
    """And its files are gone."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(MANIFEST.read_text())
        await sandbox.sleep(2)
        first = await sandbox.pod()
        assert await sandbox.cluster.delete_pod(NAMESPACE, first.name)
        assert not await sandbox.cluster.delete_pod(NAMESPACE, first.name)
        await sandbox.sleep(2)

        second = await sandbox.pod()
        assert second.name != first.name
        assert second.ready
        assert len(list((tmp_path / "pods").iterdir())) == 1


async def test_deleting_the_manifest_ends_everything(tmp_path: Path) -> None:
    """No pod, no file, no second deletion."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(MANIFEST.read_text())
        await sandbox.sleep(2)
        text = MANIFEST.read_text()
        deleted = await sandbox.cluster.delete([("m.yaml", text)])

        assert [one.result for one in deleted] == ["deleted"] * 4
        assert await sandbox.pods() == []
        assert await sandbox.cluster.delete([("m.yaml", text)]) == []
        assert list((tmp_path / "pods").iterdir()) == []


async def test_replicas_and_the_nodes_size(tmp_path: Path) -> None:
    """Four pods of 2 CPU fill an 8 CPU node; the fifth waits, and runs when there is room."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(MANIFEST.read_text().replace("replicas: 1", "replicas: 5"))
        await sandbox.sleep(2)
        waiting = [pod for pod in await sandbox.pods() if not pod.ready]

        assert [(pod.phase, pod.reason, pod.message, pod.node) for pod in waiting] == [
            ("Pending", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.", "")
        ]
        await sandbox.apply(MANIFEST.read_text().replace("replicas: 1", "replicas: 4"))
        await sandbox.sleep(10)
        assert [pod.ready for pod in await sandbox.pods()] == [True] * 4


async def test_a_missing_service_account_blocks_the_deployments_pods(tmp_path: Path) -> None:
    """No pod is visible, an event says why; once the account is there the controller's next try works."""
    account, rest = MANIFEST.read_text().split("---\napiVersion: apps/v1")
    async with rig(tmp_path) as sandbox:
        await sandbox.apply("apiVersion: apps/v1" + rest)
        await sandbox.sleep(1)

        assert await sandbox.pods() == []
        (event,) = [one for one in await sandbox.cluster.events() if one.reason == "FailedCreate"]
        assert event.message.endswith(
            f'error looking up service account {ACCOUNT}: serviceaccount "{ACCOUNT.name}" not found'
        )
        await sandbox.apply(account)
        await sandbox.sleep(5)
        assert (await sandbox.pod()).ready


async def test_a_bare_pod_is_made_once(tmp_path: Path) -> None:
    """Deleted, it stays away."""
    manifest = """
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  containers: [{name: gateway, image: mcr.microsoft.com/azure-api-management/gateway:v2}]
"""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(manifest)
        await sandbox.sleep(1)
        assert [(pod.namespace, pod.name, pod.ready) for pod in await sandbox.pods()] == [
            ("default", "one", True)
        ]
        assert sandbox.events(PodAdmitted)[0].outcome == "skipped"

        await sandbox.cluster.delete_pod("default", "one")
        await sandbox.sleep(5)
        assert await sandbox.pods() == []


def read(path: Path) -> str:
    """The embedded cluster writes plain files, also in virtual time."""
    return path.read_text()


def files(directory: Path) -> list[str]:
    """What is left in a directory."""
    return sorted(one.name for one in directory.iterdir())


async def test_a_program_attaches_as_a_pod(tmp_path: Path) -> None:
    """It gets the webhook's variables with real paths and a token that is renewed until it leaves."""
    async with rig(tmp_path, identities={ACCOUNT: "33333333-3333-4333-8333-333333333333"}) as sandbox:
        async with sandbox.cluster.attach(ACCOUNT) as attachment:
            path = Path(attachment.environment["AZURE_FEDERATED_TOKEN_FILE"])
            first = read(path)
            assert path.is_relative_to(attachment.directory)
            assert attachment.environment.keys() == {"AZURE_FEDERATED_TOKEN_FILE"}
            await sandbox.sleep(3600)
            assert read(path) != first
        assert files(tmp_path / "pods") == []
        assert [one.service_account for one in sandbox.events(TokenProjected)] == [ACCOUNT.name] * 2


async def test_attaching_as_an_unknown_account_names_those_there_are(tmp_path: Path) -> None:
    """The world's and the manifests'."""
    async with rig(tmp_path, identities={ACCOUNT: "x"}) as sandbox:
        with pytest.raises(ClusterError, match=f"service account a/b does not exist; there are {ACCOUNT}"):
            async with sandbox.cluster.attach(ServiceAccountName("a", "b")):
                pass


async def test_logs_follow_a_pod_to_its_end(tmp_path: Path) -> None:
    """Lines so far, new ones, then the end of the stream with the pod."""
    async with rig(tmp_path) as sandbox:
        sandbox.runtime.on_start = lambda container: container.say("hello")
        await sandbox.apply(MANIFEST.read_text())
        await sandbox.sleep(2)
        pod = await sandbox.pod()
        assert await sandbox.cluster.logs(NAMESPACE, pod.name) == ["hello"]
        with pytest.raises(ClusterError, match="no pod is called a/b; there are apim-gateway-wi/"):
            await sandbox.cluster.logs("a", "b")

        lines = sandbox.cluster.follow_logs(NAMESPACE, pod.name)
        assert await anext(lines) == "hello"
        sandbox.runtime.started[0].say("again")
        assert await anext(lines) == "again"
        await sandbox.cluster.delete_pod(NAMESPACE, pod.name)
        assert [line async for line in lines] == []
