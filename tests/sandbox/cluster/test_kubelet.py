"""A pod's life: waiting for what is missing, probes, restarts."""

import itertools
from pathlib import Path

import pytest
from tests.sandbox.cluster.rig import MANIFEST, FakeContainer, rig

from apim_emulators.core.events import PodChanged

pytestmark = pytest.mark.anyio
TEXT = MANIFEST.read_text()


async def test_a_pod_is_ready_when_its_probe_says_so(tmp_path: Path) -> None:
    """Looked at after one second and then each period; three failures take readiness away."""
    async with rig(tmp_path) as sandbox:
        sandbox.runtime.status = 503
        await sandbox.apply(TEXT)
        await sandbox.sleep(4)
        (container,) = sandbox.runtime.started
        assert (await sandbox.pod()).ready is False
        assert ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 1) in (
            await sandbox.reasons()
        )

        container.status = 200
        await sandbox.sleep(2.5)  # the second look, at 6 s
        assert (await sandbox.pod()).ready is True
        container.status = None
        await sandbox.sleep(10)  # looks at 11 s and 16 s fail
        assert (await sandbox.pod()).ready is True
        await sandbox.sleep(5)  # the third failure, at 21 s
        assert (await sandbox.pod()).ready is False
        assert (await sandbox.pod()).restarts == 0


async def test_a_crashing_container_is_restarted_with_back_off(tmp_path: Path) -> None:
    """At once, then after 10, 20, 40 ... 300 seconds."""
    starts: list[float] = []
    async with rig(tmp_path) as sandbox:

        def crash(container: FakeContainer) -> None:
            starts.append(sandbox.clock.now())
            container.exit(1)

        sandbox.runtime.on_start = crash
        await sandbox.apply(TEXT)
        await sandbox.sleep(1500)
        pod = await sandbox.pod()

        assert [round(later - earlier) for earlier, later in itertools.pairwise(starts)] == [
            0, 10, 20, 40, 80, 160, 300, 300, 300,
        ]  # fmt: skip
        assert (pod.phase, pod.reason, pod.restarts) == ("Running", "CrashLoopBackOff", 9)
        assert pod.message == (
            "back-off 300s restarting failed container=apim-gateway: it ended with exit code 1"
        )


async def test_ten_minutes_of_running_forgive(tmp_path: Path) -> None:
    """The next crash is restarted at once again."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT)
        for _ in range(3):
            await sandbox.sleep(601)
            sandbox.runtime.started[-1].exit(1)
            await sandbox.sleep(1)

        assert len(sandbox.runtime.started) == 4
        assert (await sandbox.pod()).restarts == 3


async def test_a_missing_config_map_is_waited_for(tmp_path: Path) -> None:
    """CreateContainerConfigError until it is there."""
    before, config_map = TEXT.split("---\napiVersion: v1\nkind: ConfigMap")
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(before)
        await sandbox.sleep(2)
        pod = await sandbox.pod()
        assert (pod.phase, pod.reason, pod.message) == (
            "Pending", "CreateContainerConfigError", 'configmap "apim-gateway-env" not found',
        )  # fmt: skip

        await sandbox.apply("apiVersion: v1\nkind: ConfigMap" + config_map)
        await sandbox.sleep(12)
        assert (await sandbox.pod()).ready


async def test_another_image_does_not_run(tmp_path: Path) -> None:
    """The pod stays pending, with the reason, and backs off."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT.replace("mcr.microsoft.com/azure-api-management/gateway:v2", "nginx:1.29"))
        await sandbox.sleep(1)
        first = await sandbox.pod()
        await sandbox.sleep(10)
        second = await sandbox.pod()

        assert (first.phase, first.reason, first.message) == (
            "Pending",
            "ErrImagePull",
            "only the gateway runs here",
        )
        assert (second.phase, second.reason) == ("Pending", "ErrImagePull")
        reasons = [one.reason for one in sandbox.events(PodChanged)]
        assert reasons[-3:] == ["ErrImagePull", "ImagePullBackOff", "ErrImagePull"]


async def test_a_failing_liveness_probe_restarts_the_container(tmp_path: Path) -> None:
    """With the defaults: each 10 s, three failures."""
    probe = "livenessProbe: {httpGet: {path: /status, port: http}}\n        readinessProbe:"
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT.replace("readinessProbe:", probe))
        await sandbox.sleep(5)
        sandbox.runtime.started[0].status = 500
        await sandbox.sleep(20)
        assert len(sandbox.runtime.started) == 1
        await sandbox.sleep(10)

        assert len(sandbox.runtime.started) == 2
        assert ("Killing", "Container apim-gateway failed liveness probe, will be restarted", 1) in (
            await sandbox.reasons()
        )


async def test_a_startup_probe_holds_the_others_back(tmp_path: Path) -> None:
    """Readiness is not asked before the start is over."""
    probe = (
        "startupProbe: {httpGet: {path: /started, port: http}, failureThreshold: 30}\n        readinessProbe:"
    )
    async with rig(tmp_path) as sandbox:
        sandbox.runtime.status = None
        await sandbox.apply(TEXT.replace("readinessProbe:", probe))
        await sandbox.sleep(25)
        (container,) = sandbox.runtime.started
        assert {path for _, path in container.probed} == {"/started"}
        assert (await sandbox.pod()).ready is False

        container.status = 200
        await sandbox.sleep(12)
        assert (await sandbox.pod()).ready is True


async def test_a_container_that_may_end_leaves_a_finished_pod(tmp_path: Path) -> None:
    """restartPolicy Never: Succeeded or Failed, and no restart."""
    manifest = """
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  restartPolicy: Never
  containers: [{name: gateway, image: mcr.microsoft.com/azure-api-management/gateway:v2}]
"""
    for code, phase in ((0, "Succeeded"), (3, "Failed")):
        async with rig(tmp_path) as sandbox:
            sandbox.runtime.on_start = lambda container, code=code: container.exit(code)  # type: ignore[misc]
            await sandbox.apply(manifest)
            await sandbox.sleep(60)
            assert ((await sandbox.pod()).phase, len(sandbox.runtime.started)) == (phase, 1)


async def test_a_cluster_that_ends_has_ended_its_containers(tmp_path: Path) -> None:
    """Whoever runs several sandboxes in one process keeps no gateway of an earlier one."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT)
        await sandbox.sleep(10)
        containers = sandbox.runtime.started
        assert [one.ended for one in containers] == [None]
    assert [one.ended for one in containers] == [143]
