"""The kubelet's probes: startup first, then liveness and readiness, each on its own period."""

from collections.abc import Callable

from apim_emulators.core.clock import Clock
from apim_emulators.core.provenance import Behaviour
from apim_sandbox.cluster.embedded.objects import Container, Probe
from apim_sandbox.cluster.embedded.runtime import RunningContainer

# The kubelet learns from its runtime's list, taken once a second, that a container runs.
FIRST_LOOK = 1.0

TIMING = Behaviour(
    id="kubelet.probe-timing",
    label="assumed",
    statement="The first probe comes one second after the container's start, or after initialDelaySeconds if "
    "that is longer, then one each period.",
    source="k8s.io pkg/kubelet/prober/worker.go; the runtime's list is taken each second (pkg/kubelet/pleg)",
    witness="tests/sandbox/cluster/test_kubelet.py::test_a_pod_is_ready_when_its_probe_says_so",
)


async def attempt(running: RunningContainer, container: Container, probe: Probe) -> str:
    """One probe; empty on success, else the kubelet's words for what failed."""
    port = container.port(probe.port)
    try:
        if probe.handler == "httpGet":
            status = await running.get(port, probe.path, probe.timeout, probe.scheme)
            return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"
        if probe.handler == "tcpSocket":
            await running.connect(port, probe.timeout)
    except TimeoutError:
        return f'Get "http://127.0.0.1:{port}{probe.path}": context deadline exceeded'
    except OSError as error:
        return f'Get "http://127.0.0.1:{port}{probe.path}": {error.strerror or error}'
    return ""  # exec and grpc probes are not carried out here: they succeed


class ProbeLoop:
    """Repeats one probe, counting successes and failures up to its thresholds."""

    def __init__(self, clock: Clock, running: RunningContainer, container: Container, probe: Probe) -> None:
        self._clock = clock
        self._running = running
        self._container = container
        self._probe = probe

    async def run(self, changed: Callable[[bool], None], failed: Callable[[str], None]) -> None:
        """Probe for ever; `changed` hears when a threshold is crossed, `failed` of each failure."""
        await self._clock.sleep(max(FIRST_LOOK, self._probe.initial_delay))
        successes = failures = 0
        state: bool | None = None
        while True:
            problem = await attempt(self._running, self._container, self._probe)
            if problem:
                successes, failures = 0, failures + 1
                failed(problem)
            else:
                successes, failures = successes + 1, 0
            if state is not True and successes >= self._probe.success_threshold:
                state = True
                changed(True)
            elif state is not False and failures >= self._probe.failure_threshold:
                state = False
                changed(False)
                failures = 0
            await self._clock.sleep(self._probe.period)
