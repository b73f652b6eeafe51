"""Rolling restarts of several replicas."""

import anyio
from tests.sandbox.gateway.story import story

from apim_emulators.core.events import RequestServed
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
