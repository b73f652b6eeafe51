"""What breaks in the gateway's own process, in the whole flow and in virtual time."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.sandbox.gateway.story import Changes, Story, story

from apim_emulators.core.events import FaultFired, GatewayChanged, PodChanged
from apim_sandbox.control.planning import FaultRequest
from apim_sandbox.insight.explain import explain
from apim_sandbox.insight.walk import build
from apim_sandbox.virtual import run_virtual

VOLUME: Changes = {
    "      containers:\n": "      volumes:\n      - {name: backup, emptyDir: {}}\n      containers:\n",
    "        readinessProbe:\n": "        volumeMounts:\n        - {name: backup, mountPath: /apim/config}\n"
    "        readinessProbe:\n",
}
STARTUP: Changes = {
    "        readinessProbe:\n": "        startupProbe:\n"
    "          httpGet: {path: /status-0123456789abcdef, port: http}\n        readinessProbe:\n"
}


def tell(main: Callable[[Story], Awaitable[None]]) -> None:
    async def run() -> None:
        async with story() as it:
            await main(it)

    run_virtual(run)


def add(it: Story, fault: str, target: str = "", calls: str = "", **arguments: Any) -> str:
    return it.sandbox.add_fault(FaultRequest(fault, target, arguments, calls=calls))


def fired(it: Story) -> list[tuple[str, str]]:
    return [(event.fault, event.target) for event in it.events(FaultFired)]


def cause(it: Story) -> str:
    found = explain(it.sandbox.records())
    return "" if found is None else found.cause


def broken(it: Story) -> tuple[int, str]:
    """The walk's broken hop, and what is said of it."""
    hop = build(it.sandbox.records()).broken
    return (0, "") if hop is None else (hop.number, hop.what)


def states(it: Story) -> list[str]:
    return [event.state for event in it.events(GatewayChanged)]


def test_a_killed_gateway_is_started_again() -> None:
    """It has no last word, the pod stays the same one, and the kubelet says what it was killed for."""

    async def main(it: Story) -> None:
        await it.deploy()
        (before,) = await it.pods()
        add(it, "killed")
        await it.sandbox.sleep(15)
        assert [event.message for event in it.events(PodChanged) if event.reason == "OOMKilled"] == [
            "container apim-gateway ended with exit code 137, killed since memory ran out (OOMKilled)"
        ]
        (after,) = await it.pods()
        assert (after.name, after.restarts, after.ready) == (before.name, 1, True)
        assert "stopped" not in states(it)
        assert fired(it) == [("killed", "gateway")]
        assert cause(it) == ""

    tell(main)


def test_each_container_is_one_call_of_being_killed() -> None:
    """Killed at every start it ends in a crash loop, and that is explained by its memory."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "latency", "apim", seconds=0)  # a change of the plan is no new call
        add(it, "killed", calls="2..3")
        await it.sandbox.sleep(1)
        assert ("killed", "gateway") not in fired(it)
        for _ in range(3):
            await it.restart(seconds=5)
        assert fired(it).count(("killed", "gateway")) == 2
        it.sandbox.faults.clear()
        add(it, "killed", calls="1..")
        await it.sandbox.sleep(25)
        (pod,) = await it.pods()
        assert pod.reason == "CrashLoopBackOff"
        assert cause(it) == "gateway-out-of-memory"
        assert broken(it) == (9, "CrashLoopBackOff")

    tell(main)


def test_a_slow_start_is_cut_short_by_the_startup_probe() -> None:
    """Longer than the probe waits it never ends; shorter it is only late."""

    async def main(it: Story) -> None:
        add(it, "slow-start", seconds=45)
        await it.deploy(STARTUP, 100)
        (pod,) = await it.pods()
        assert (pod.restarts > 1, pod.ready) == (True, False)
        assert cause(it) == "gateway-slow-start"
        it.sandbox.faults.clear()
        add(it, "slow-start", seconds=12)
        await it.restart(seconds=10)
        assert await it.ready() == [False]
        await it.sandbox.sleep(15)
        assert (await it.ready(), cause(it)) == ([True], "")

    tell(main)


@pytest.mark.parametrize(
    ("how", "problem"), [("cut", "checksums differ"), ("garbled", "checksums differ"), ("empty", "checksums")]
)
def test_a_corrupt_backup_is_refused_and_explained(how: str, problem: str) -> None:
    """While the cloud is away there is nothing else to start from; a good copy would have done."""

    async def main(it: Story) -> None:
        await it.deploy(VOLUME)
        add(it, "corrupt-backup", how=how)
        add(it, "status", "apim", code=503)
        add(it, "killed")
        await it.sandbox.sleep(25)
        assert problem in it.lines("ConfigInitialSyncFailed")[-1]
        assert (await it.ready(), await it.call()) == ([False], [503])
        assert cause(it) == "backup-unusable"
        assert broken(it) == (9, "has no configuration")
        it.sandbox.faults.remove("corrupt-backup")
        await it.sandbox.sleep(20)
        assert (await it.call(), states(it)[-1]) == ([200], "serving-from-memory")
        assert cause(it) == "configuration-unavailable"

    tell(main)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("full", "[Errno 28] No space left on device"),
        ("read-only", "[Errno 30] Read-only file system"),
        ("permission", "[Errno 13] Permission denied"),
    ],
)
def test_a_full_disk_is_missed_at_the_next_start(how: str, words: str) -> None:
    """The gateway warns and goes on; without the cloud a restart then finds no copy."""

    async def main(it: Story) -> None:
        add(it, "unwritable-backup", how=how)
        await it.deploy(VOLUME)
        assert [words in line for line in it.lines("SaveBackupFailed")] == [True]
        assert (await it.ready(), cause(it)) == ([True], "")
        add(it, "status", "apim", code=503)
        add(it, "killed")
        await it.sandbox.sleep(25)
        assert (await it.ready(), cause(it)) == ([False], "backup-never-saved")

    tell(main)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("name", "Temporary failure in name resolution"),
        ("refused", "Connection refused"),
        ("dropped", "HttpClient.Timeout of 100 seconds elapsing"),
    ],
)
def test_a_pod_whose_network_is_cut_goes_on_from_memory(how: str, words: str) -> None:
    """Nobody else is concerned; a new pod can't even sign in, and both are explained by the pod's network."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "egress-cut", how=how)
        await it.sandbox.sleep(115)
        assert words in it.lines("ConfigurationApiV2NotAvailable")[-1]
        assert (await it.call(), states(it)[-1]) == ([200], "serving-from-memory")
        assert cause(it) == "pod-egress-cut"
        await it.arm(
            "GET", "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups", None, "2021-04-01"
        )
        await it.restart(seconds=115)
        found = explain(it.sandbox.records())
        assert found is not None
        assert (found.cause, found.hop, await it.ready()) == ("pod-egress-cut", 4, [False])

    tell(main)


def test_a_fault_of_another_gateway_is_none_of_this_one() -> None:
    """Each of them can be limited to a gateway by its name."""

    async def main(it: Story) -> None:
        for name in ("killed", "egress-cut", "unwritable-backup", "corrupt-backup"):
            it.sandbox.add_fault(FaultRequest(name, gateway="elsewhere"))
        it.sandbox.add_fault(FaultRequest("slow-start", arguments={"seconds": 60}, gateway="elsewhere"))
        await it.deploy(VOLUME)
        assert (await it.ready(), fired(it)) == ([True], [])

    tell(main)
