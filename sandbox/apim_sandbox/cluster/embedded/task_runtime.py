"""Starts gateways as tasks of a virtual run: same code, no process, no socket, no thread."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct, field
from starlette.types import Message, Scope

from apim_emulators.core.events import Event
from apim_emulators.core.faults import ActorFaults, Faults
from apim_emulators.core.journal import ActorJournal
from apim_sandbox.assembly import Surroundings
from apim_sandbox.cluster.embedded.logs import LogBuffer
from apim_sandbox.cluster.embedded.paths import backup_variable, rewritten
from apim_sandbox.cluster.embedded.runtime import PATIENCE, ContainerStart, ImageError
from apim_sandbox.gateway.gateway import Gateway, virtual_gateway
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.hosts import HostTable

POD_DOMAIN = "pod.sandbox.test"


def pod_host(namespace: str, pod: str) -> str:
    """The name under which a pod of a virtual run answers on the wire."""
    return f"{pod}.{namespace}.{POD_DOMAIN}"


class PodLog(LogBuffer):
    """A container's standard output, as the gateway's log writes it."""

    def write(self, line: str) -> None:
        self.add(line)


def read_in_pod(path: str, mounts: Mapping[str, str]) -> str:
    """A file of the pod; an error names the path as the pod knows it."""
    try:
        return Path(rewritten({"path": path}, mounts)["path"]).read_text(encoding="utf-8")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, path) from None


KILLED = 137  # the exit code of who was sent SIGKILL


class PodJournal(Struct):
    """A container's journal, in which it writes no more once it was killed."""

    inner: ActorJournal
    killed: bool = False

    def append(self, event: Event, *, duration: float = 0.0) -> None:
        if not self.killed:
            self.inner.append(event, duration=duration)


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _probe_scope(host: str, path: str) -> Scope:
    headers = [(b"host", host.encode()), (b"user-agent", b"kube-probe/1.34"), (b"connection", b"close")]
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "server": (host, 80), "client": ("127.0.0.1", 0), "state": {},
    }  # fmt: skip


class TaskContainer(Struct):
    """A gateway that runs as a task; its ports answer on the wire."""

    host: str
    hosts: HostTable
    ports: Mapping[int, int]
    gateway: Gateway | None
    log: PodLog
    journal: PodJournal
    take_faults: Callable[[], None]  # takes over the faults that are in force
    around: Surroundings
    slow: float = 0.0
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    exit_code: int = 0

    async def run(self) -> None:
        """Serve and poll until stopped; a gateway whose settings are wrong exits at once."""
        try:
            if self.gateway is None:
                self.exit_code = 1
                return
            with self.scope:
                await self.around.clock.sleep(self.slow)
                self.hosts.exact[self.host] = self.gateway.app
                await self.gateway.run()
        finally:
            self.around.faults.off_change(self.take_faults)
            self.hosts.exact.pop(self.host, None)
            self.log.close()
            self.ended.set()

    async def wait(self) -> int:
        await self.ended.wait()
        return self.exit_code

    async def stop(self, patience: float = PATIENCE) -> None:  # noqa: ARG002
        self.scope.cancel()
        await self.ended.wait()

    def kill(self) -> None:
        self.journal.killed, self.exit_code = True, KILLED
        self.scope.cancel()

    async def get(self, port: int, path: str, timeout: float, scheme: str = "HTTP") -> int:  # noqa: ARG002
        """A probe: straight to the application, since it is asked every few seconds of every virtual day."""
        app = self.hosts.find(self.host)
        if port not in self.ports or app is None:
            raise ConnectionRefusedError(f"nothing listens on port {port}")
        status = 0

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]

        with anyio.fail_after(timeout):
            await app(_probe_scope(self.host, path), _no_body, send)
        if not status:
            raise ConnectionError("EOF")
        return status

    async def connect(self, port: int, timeout: float) -> None:  # noqa: ARG002  a wire connects at once
        if port not in self.ports or self.hosts.find(self.host) is None:
            raise ConnectionRefusedError(f"nothing listens on port {port}")

    def log_lines(self) -> list[str]:
        return self.log.lines()

    def follow(self) -> AsyncIterator[str]:
        return self.log.follow()


class TaskRuntime(Struct):
    """Runs the gateway's image as a task in `tasks`; `accepts(image)` says which images are the gateway's."""

    around: Surroundings
    hosts: HostTable
    tasks: TaskGroup
    refuses: Callable[[str], str]
    containers: dict[str, TaskContainer] = field(default_factory=dict)

    async def start(self, start: ContainerStart) -> TaskContainer:
        problem = self.refuses(start.image)
        if problem:
            raise ImageError(problem)
        pod = PodIdentity(start.namespace, start.pod)
        clock = self.around.clock.for_actor("gateway")
        log, faults = PodLog(), Faults()
        journal = PodJournal(ActorJournal(self.around.sink, "gateway", clock))

        def take_faults() -> None:
            faults.follow(self.around.faults.planned.values())

        def read_file(path: str) -> str:
            return read_in_pod(path, start.mounts)

        env = backup_variable(start.mounts) | dict(start.env)
        gateway = virtual_gateway(
            env, pod, clock=clock, ids=self.around.ids.child(f"gateway/{start.namespace}/{start.pod}"),
            journal=journal, http=self.around.http, log=log, read_file=read_file,
            faults=ActorFaults(faults, "gateway", self.around.clock, clock, journal),
        )  # fmt: skip
        take_faults()
        self.around.faults.on_change(take_faults)
        ports = {port: port for port in start.ports}
        host = pod_host(start.namespace, start.pod)
        container = TaskContainer(
            host, self.hosts, ports, gateway, log, journal, take_faults, self.around, start.slow
        )
        self.containers[f"{start.namespace}/{start.pod}"] = container
        self.tasks.start_soon(container.run)
        return container
