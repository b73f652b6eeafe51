"""Rolling restarts of several replicas."""

import anyio
from tests.sandbox.gateway.story import GATEWAY, Story, story

from apim_emulators.core.events import GatewayChanged, RequestServed
from apim_sandbox.virtual import run_virtual

THREE = {"replicas: 1": "replicas: 3"}
NEWER = {"telemetry.logs.std.level: info": "telemetry.logs.std.level: debug"}
TEMPLATE = {
    "        azure.workload.identity/use": '        rollout: "2"\n        azure.workload.identity/use'
}


async def roll() -> None:
    async with story() as it:
        await it.deploy(THREE)
        before = {pod.name for pod in await it.pods()}
        statuses: list[int] = []
        served_by: set[str] = set()

        async def client() -> None:
            """As a Service does: each call goes to a pod that is ready at that moment, in turn."""
            turn = 0
            while True:
                ready = [pod for pod in await it.pods() if pod.ready]
                pod = ready[turn % len(ready)]
                answer = await it.sandbox.call(pod.namespace, pod.name, "/echo/hello")
                statuses.append(answer.status_code)
                served_by.add(pod.name)
                turn += 1
                await anyio.sleep(0.25)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client)
            await it.deploy({**THREE, **TEMPLATE, **NEWER}, 120)
            tasks.cancel_scope.cancel()
        after = {pod.name for pod in await it.pods()}
        assert (len(before), len(after), before & after) == (3, 3, set())
        assert served_by == before | after
        assert set(statuses) == {200}
        assert len(it.events(RequestServed)) == len(statuses) >= 480


def test_a_rolling_restart_of_three_replicas_loses_no_request() -> None:
    """Old pods serve until new ones are ready; every call gets its answer, and every pod served."""
    run_virtual(roll)


async def share() -> None:
    second = {
        "  name: apim-gateway\n": "  name: apim-gateway-b\n",
        "app: apim-gateway": "app: apim-gateway-b",
    }
    async with story() as it:
        await it.deploy()
        await it.deploy(second)
        assert len(await it.pods()) == 2
        await it.arm("DELETE", f"{GATEWAY}/apis/echo-api")
        await it.sandbox.sleep(600)
        assert await it.call() == [404, 404]
        assert [len(it.lines(name)) for name in ("TenantStarted", "TenantRecycled")] == [2, 0]
        assert len(it.lines("EventSnapshotRestored")) == 2
        ends = {pod: [one for one in it.events(GatewayChanged) if one.pod == pod][-1] for pod in pods_of(it)}
        assert len({(one.state, one.revision) for one in ends.values()}) == 1


def pods_of(it: Story) -> set[str]:
    return {one.pod for one in it.events(GatewayChanged)}


def test_two_deployments_of_one_gateway_share_its_feed_in_peace() -> None:
    """Each takes one snapshot, then follows the same events; neither makes the other start again."""
    run_virtual(share)
