"""One pod's life on the node: volumes, environment, containers, probes, restarts."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import anyio
from msgspec import Struct, field

from apim_emulators.core.context import Context
from apim_emulators.core.events import PodChanged
from apim_emulators.core.faults import Killed, SlowStart
from apim_emulators.core.provenance import Behaviour
from apim_sandbox.cluster.embedded.environment import ConfigError, environment
from apim_sandbox.cluster.embedded.events import EventLog
from apim_sandbox.cluster.embedded.images import ImageCache
from apim_sandbox.cluster.embedded.logs import LogBuffer
from apim_sandbox.cluster.embedded.objects import Container, Pod
from apim_sandbox.cluster.embedded.probes import ProbeLoop
from apim_sandbox.cluster.embedded.projection import PodVolumes, VolumeError
from apim_sandbox.cluster.embedded.runtime import (
    PATIENCE,
    ContainerStart,
    ImageError,
    RunningContainer,
    Runtime,
)
from apim_sandbox.cluster.embedded.store import ObjectStore
from apim_sandbox.cluster.protocol import Phase, PodView

FIRST_BACKOFF, LONGEST_BACKOFF, FORGIVEN_AFTER = 10.0, 300.0, 600.0
MOUNT_RETRY, LONGEST_MOUNT_RETRY = 0.5, 122.0
CONFIG_RETRY = 10.0
_GATEWAY = "gateway.name"  # the variable that says which gateway a container is
AT_ONCE = 0.3  # seconds that a container is given when the whole cluster ends

CRASH_LOOP = Behaviour(
    id="kubelet.crash-loop",
    label="documented",
    statement="The first restart comes at once, later ones after 10 s doubling to 5 min; "
    "10 min of running forgive.",
    source="Kubernetes, pod lifecycle, container restarts; k8s.io pkg/kubelet/kubelet.go",
    witness="tests/sandbox/cluster/test_kubelet.py::test_a_crashing_container_is_restarted_with_back_off",
)


class _State(Struct):
    """What one container shows."""

    reason: str = "ContainerCreating"
    message: str = ""
    running: bool = False
    started: bool = False  # its startup probe has passed
    killed_by: str = ""  # the probe for which the kubelet stopped it
    out_of_memory: bool = False  # the node killed it
    end: str = ""  # how it ended the last time
    ready: bool = False
    restarts: int = 0
    exit_code: int | None = None
    ports: Mapping[int, int] = field(default_factory=dict)


class PodWorker:
    """Runs one pod until `end` is called; `gone` is set when nothing of it is left."""

    def __init__(
        self,
        *,
        context: Context,
        pod: Pod,
        owner: str,
        template_hash: str,
        volumes: PodVolumes,
        store: ObjectStore,
        events: EventLog,
        runtime: Runtime,
        images: ImageCache,
        node: str,
        place_on_node: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
    ) -> None:
        self.pod = pod
        self.owner = owner
        self.template_hash = template_hash
        self.created_at = context.clock.now()
        self.logs = LogBuffer()
        self.gone = anyio.Event()
        self.ending = False
        self.scheduled = False
        self._context = context
        self._of_gateway = context.faults.at("gateway")
        self._volumes = volumes
        self._store = store
        self._events = events
        self._runtime = runtime
        self._images = images
        self._node = node
        self._place_on_node = place_on_node
        self._on_change = on_change
        self._scope = anyio.CancelScope()
        self._states = {one.name: _State() for one in (*pod.init_containers, *pod.containers)}
        self._phase: Phase = "Pending"
        self._pending: tuple[str, str] = ("", "")  # reason and message of the pod as a whole
        self._shown: object = None
        self._running: list[RunningContainer] = []
        self._pumped = 0  # lines taken over from the container that runs now

    async def run(self, forget: Callable[[], Awaitable[None]]) -> None:
        """The pod's whole life; `forget` tells the API that it is gone.

        Where the whole cluster is cancelled the containers end too, at once: nobody is left to tell.
        """
        try:
            with self._scope:
                self._show()
                await self._live()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stop(AT_ONCE)
            raise
        with anyio.CancelScope(shield=True):
            await self._stop(PATIENCE)
            if len(self.pod.containers) == 1:
                for running in self._running:
                    self._pump_rest(running)
            await forget()
            self._volumes.remove()
        self.logs.close()
        self._phase = "Terminated"
        self._show()
        self.gone.set()
        self._on_change()

    async def _stop(self, patience: float) -> None:
        for running in self._running:
            await running.stop(patience)

    def end(self) -> None:
        """Begin to end the pod."""
        self.ending = True
        self._scope.cancel()

    @property
    def ready(self) -> bool:
        return self._phase == "Running" and all(self._states[one.name].ready for one in self.pod.containers)

    def view(self) -> PodView:
        reason, message = self._reason()
        ports: dict[int, int] = {}
        for state in self._states.values():
            ports.update(state.ports)
        return PodView(
            namespace=self.pod.namespace,
            name=self.pod.name,
            phase=self._phase,
            ready=self.ready,
            reason=reason,
            message=message,
            restarts=sum(state.restarts for state in self._states.values()),
            ports=ports,
            service_account=self.pod.service_account,
            node=self._node if self.scheduled else "",
            started_at=self.created_at,
        )

    # --- the life

    async def _live(self) -> None:
        await self._place_on_node()
        self.scheduled = True
        self.block("", "")
        await self._mount()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._volumes.keep_current)
            for index, container in enumerate(self.pod.init_containers):
                self.block(f"Init:{index}/{len(self.pod.init_containers)}", "")
                if not await self._run_container(container, init=True):
                    self._finish("Failed")
                    await anyio.sleep_forever()
            self.block("", "")
            async with anyio.create_task_group() as containers:
                for container in self.pod.containers:
                    containers.start_soon(self._run_container, container)
            codes = [self._states[one.name].exit_code for one in self.pod.containers]
            self._finish("Failed" if any(codes) else "Succeeded")
            tasks.cancel_scope.cancel()
        await anyio.sleep_forever()  # a finished pod stays until it is deleted

    async def _mount(self) -> None:
        delay = MOUNT_RETRY
        while True:
            try:
                await self._volumes.mount()
            except VolumeError as error:
                self._event("Warning", "FailedMount", str(error))
                self.block("ContainerCreating", str(error))
                await self._context.clock.sleep(delay)
                delay = min(delay * 2, LONGEST_MOUNT_RETRY)
            else:
                self.block("", "")
                return

    async def _run_container(self, container: Container, *, init: bool = False) -> bool:
        """Start a container, again and again as its restart policy says; whether it ended well."""
        state = self._states[container.name]
        backoff = 0.0
        while True:
            started_at = await self._run_once(container, state)
            succeeded = state.exit_code == 0
            policy = self.pod.restart_policy
            if (succeeded and (init or policy == "OnFailure")) or policy == "Never":
                return succeeded
            if self._context.clock.now() - started_at >= FORGIVEN_AFTER:
                backoff = 0.0
            if backoff:
                state.reason = "CrashLoopBackOff"
                state.message = (
                    f"back-off {backoff:g}s restarting failed container={container.name}: it {state.end}"
                )
                self._event("Warning", "BackOff", f"Back-off restarting failed container {container.name}")
                self._show()
                await self._context.clock.sleep(backoff)
            backoff = min(max(backoff * 2, FIRST_BACKOFF), LONGEST_BACKOFF)
            state.restarts += 1

    async def _run_once(self, container: Container, state: _State) -> float:
        env = await self._environment(container, state)
        slow = self._of_gateway.ask(SlowStart, gateway=env.get(_GATEWAY, ""))
        start = ContainerStart(
            namespace=self.pod.namespace,
            pod=self.pod.name,
            container=container.name,
            image=container.image,
            env=env,
            mounts=self._volumes.mounts(container),
            ports=tuple(container.ports.values()),
            slow=slow.seconds if slow is not None else 0.0,
        )
        running = await self._start(container, start, state)
        self._running.append(running)
        self._pumped = 0
        started_at = self._context.clock.now()
        self._event("Normal", "Started", f"Started container {container.name}")
        state.reason, state.message, state.ports = "", "", running.ports
        state.running, state.exit_code = True, None
        state.started = container.startup is None
        state.ready = state.started and container.readiness is None
        self._phase = (
            "Running" if all(self._states[one.name].running for one in self.pod.containers) else self._phase
        )
        self._show()
        async with anyio.create_task_group() as around:
            around.start_soon(self._pump, running)
            async with anyio.create_task_group() as probes:
                probes.start_soon(self._probe, container, running, state)
                probes.start_soon(self._run_out_of_memory, running, state, env.get(_GATEWAY, ""))
                state.exit_code = await running.wait()
                probes.cancel_scope.cancel()
        self._running.remove(running)
        state.running = state.ready = False
        state.reason = "Completed" if state.exit_code == 0 else "Error"
        state.reason = "OOMKilled" if state.out_of_memory else state.reason
        state.end = f"ended with exit code {state.exit_code}"
        if state.killed_by:
            state.end += f", stopped since its {state.killed_by} probe failed"
            state.killed_by = ""
        if state.out_of_memory:
            state.end += ", killed since memory ran out (OOMKilled)"
            state.out_of_memory = False
        state.message = f"container {container.name} {state.end}"
        self._show()
        return started_at

    async def _environment(self, container: Container, state: _State) -> dict[str, str]:
        while True:
            try:
                return environment(self.pod, container, self._store, self._node)
            except ConfigError as error:
                state.reason, state.message = "CreateContainerConfigError", str(error)
                self._event("Warning", "Failed", f"Error: {error}")
                self._show()
            await self._context.clock.sleep(CONFIG_RETRY)

    async def _start(self, container: Container, start: ContainerStart, state: _State) -> RunningContainer:
        delay = FIRST_BACKOFF
        policy = container.pull_policy
        while True:
            refusal = self._images.refusal(start.image, policy)
            try:
                if not refusal:
                    running = await self._runtime.start(start)
                    self._event("Normal", "Pulled", self._images.pulled(start.image, policy))
                    return running
                state.reason, state.message = "ErrImageNeverPull", refusal
                self._event("Warning", "ErrImageNeverPull", refusal)
            except ImageError as error:
                state.reason, state.message = "ErrImagePull", str(error)
                self._event("Warning", "Failed", f'Failed to pull image "{start.image}": {error}')
            self._show()
            await self._context.clock.sleep(delay)
            if not refusal:
                state.reason = "ImagePullBackOff"
                self._show()
            delay = min(delay * 2, LONGEST_BACKOFF)

    async def _pump(self, running: RunningContainer) -> None:
        async for line in running.follow():
            self.logs.add(line)
            self._pumped += 1

    def _pump_rest(self, running: RunningContainer) -> None:
        """The last words of a container that was stopped while its pump no longer ran."""
        for line in running.log_lines()[self._pumped :]:
            self.logs.add(line)

    async def _probe(self, container: Container, running: RunningContainer, state: _State) -> None:
        clock = self._context.clock
        if container.startup is not None:
            passed = anyio.Event()

            def started(success: bool) -> None:
                if success:
                    passed.set()
                else:
                    killing.start_soon(self._kill, container, running, state, "startup")

            async with anyio.create_task_group() as killing:
                loop = ProbeLoop(clock, running, container, container.startup)
                killing.start_soon(loop.run, started, self._failure("Startup"))
                await passed.wait()
                killing.cancel_scope.cancel()
            state.started = True
            state.ready = container.readiness is None
            self._show()
        async with anyio.create_task_group() as tasks:
            if container.liveness is not None:

                def alive(success: bool) -> None:
                    if not success:
                        tasks.start_soon(self._kill, container, running, state, "liveness")

                live = ProbeLoop(clock, running, container, container.liveness)
                tasks.start_soon(live.run, alive, self._failure("Liveness"))
            if container.readiness is not None:

                def readiness(success: bool) -> None:
                    state.ready = success
                    self._show()

                ready = ProbeLoop(clock, running, container, container.readiness)
                tasks.start_soon(ready.run, readiness, self._failure("Readiness"))

    async def _run_out_of_memory(self, running: RunningContainer, state: _State, gateway: str) -> None:
        await self._of_gateway.met(Killed, gateway=gateway)
        state.out_of_memory = True
        running.kill()

    async def _kill(self, container: Container, running: RunningContainer, state: _State, probe: str) -> None:
        state.killed_by = probe
        self._event(
            "Normal", "Killing", f"Container {container.name} failed {probe} probe, will be restarted"
        )
        with anyio.CancelScope(shield=True):
            await running.stop()

    def _failure(self, kind: Literal["Startup", "Liveness", "Readiness"]) -> Callable[[str], None]:
        return lambda problem: self._event("Warning", "Unhealthy", f"{kind} probe failed: {problem}")

    # --- what is shown

    def block(self, reason: str, message: str) -> None:
        """Say why the pod as a whole waits."""
        self._pending = (reason, message)
        self._show()

    def _finish(self, phase: Phase) -> None:
        self._phase = phase
        self._show()

    def _reason(self) -> tuple[str, str]:
        if self._phase == "Terminated":
            return "", ""
        if self._pending[0]:
            return self._pending
        for container in (*self.pod.init_containers, *self.pod.containers):
            state = self._states[container.name]
            done = container in self.pod.init_containers and state.exit_code == 0
            if state.reason and not done:
                prefix = "Init:" if container in self.pod.init_containers else ""
                return prefix + state.reason, state.message
        return "", ""

    def _show(self) -> None:
        view = self.view()
        shown = (view.phase, view.ready, view.reason, view.message)
        if shown == self._shown:
            return
        self._shown = shown
        self._context.journal.append(
            PodChanged(
                namespace=view.namespace,
                pod=view.name,
                phase=view.phase,
                ready=view.ready,
                reason=view.reason,
                message=view.message,
                ports={str(inside): outside for inside, outside in view.ports.items()},
            )
        )
        self._on_change()

    def _event(self, type_: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        self._events.add(type_, self.pod.namespace, f"Pod/{self.pod.name}", reason, message)
