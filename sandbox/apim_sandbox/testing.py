"""What the pytest plugin's fixtures are made of; of use to other test runners as well.

with live_sandbox(directory) as sandbox:
    with sandbox.attach() as pod:
        ...
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
from anyio.abc import TaskStatus
from anyio.from_thread import start_blocking_portal

from apim_emulators.core.events import GatewayChanged, PodChanged
from apim_sandbox.cli.render.explanation import explanation_lines
from apim_sandbox.cli.render.line import plain
from apim_sandbox.cli.render.walk import render as walk_lines
from apim_sandbox.cli.run import pod_environment
from apim_sandbox.client import Pod, Sandbox, SandboxError
from apim_sandbox.examples import article_manifest
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.insight.walk import build
from apim_sandbox.instance import StateDir
from apim_sandbox.server import ServerOptions, run_server

READY_WITHIN = 20.0  # seconds of real time


@contextmanager
def live_sandbox(directory: Path, world: Path | None = None) -> Iterator[Sandbox]:
    """A sandbox in a thread of its own while the block runs, on free ports, with its state in `directory`.

    Raises what `run_server` raises when it can't start.
    """
    options = ServerOptions(
        state=StateDir(directory), world_file=world, edge_port=0, proxy_port=0, control_port=0
    )

    async def serve(*, task_status: TaskStatus[anyio.Event]) -> None:
        stop = anyio.Event()
        await run_server(options, lambda _: task_status.started(stop), stop)

    with start_blocking_portal() as portal:
        ended, stop = portal.start_task(serve)
        try:
            with Sandbox.connect(directory) as sandbox:
                yield sandbox
        finally:
            portal.call(stop.set)
            ended.result()


def identity_environment(pod: Pod) -> tuple[list[str], dict[str, str]]:
    """What must leave this process's environment, and what must enter it, to be in the pod."""
    inherited = dict(os.environ)
    wanted = pod_environment(inherited, pod.environment)
    return [name for name in inherited if name not in wanted], dict(pod.environment)


@dataclass(slots=True)
class GatewayUnderTest:
    """A ready gateway. `url` is where its HTTP port is on this machine."""

    sandbox: "Tidied"
    namespace: str
    pod: str
    url: str

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        """Call an API through the gateway."""
        with httpx.Client(base_url=self.url, timeout=10, trust_env=False) as client:
            return client.get(path, **arguments)

    @property
    def logs(self) -> list[str]:
        """The gateway's log so far."""
        return list(self.sandbox.inner.logs(self.namespace, self.pod))

    @property
    def state(self) -> str:
        """What the gateway last said of itself: `ready`, `serving-from-memory`, ..."""
        states = [
            record.event.state
            for record in self.sandbox.inner.journal()
            if isinstance(record.event, GatewayChanged) and record.event.pod == self.pod
        ]
        return states[-1] if states else "starting"


@dataclass(slots=True)
class Tidied:
    """A sandbox for one test: it remembers what it applied. All else is `inner`'s."""

    inner: Sandbox
    applied: list[tuple[str, str]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def apply(self, documents: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        """Apply manifests, as `(path, text)`; they are deleted after the test."""
        given = list(documents)
        self.applied += given
        return self.inner.apply(given)

    def gateway(self, manifest: tuple[str, str] | None = None) -> GatewayUnderTest:
        """Apply `manifest` (the article's without one) and wait until its gateway is ready.

        Raises `SandboxError` with the explanation when it does not become ready.
        """
        since = self.inner.status()["journal"]
        self.apply([manifest or article_manifest()])
        try:
            record = self.inner.wait_for(
                "a ready pod",
                lambda one: isinstance(one.event, PodChanged) and one.event.ready,
                since=since,
                timeout=READY_WITHIN,
            )
        except SandboxError as error:
            raise SandboxError(f"{error}\n{what_broke(self.inner, since)}") from None
        event = record.event
        assert isinstance(event, PodChanged)
        ports = {str(port): outside for port, outside in event.ports.items()}
        return GatewayUnderTest(self, event.namespace, event.pod, f"http://127.0.0.1:{ports['8080']}")


@contextmanager
def tidied(sandbox: Sandbox) -> Iterator[Tidied]:
    """The sandbox for one test; afterwards what was applied is deleted, faults and skews are gone."""
    own = Tidied(sandbox)
    try:
        yield own
    finally:
        sandbox.tidy(own.applied)


def what_broke(sandbox: Sandbox, since: int) -> str:
    """The walk since a journal record, and why it broke; for the end of a failed test's report."""
    records = sandbox.journal()
    recent = [record for record in records if record.sequence > since]
    if not recent:
        return "Nothing happened in the sandbox during this test."
    text = plain(walk_lines(build(recent)))
    found = explain(recent) or explain(recent, LAST)
    return text + (plain(explanation_lines(found)) if found is not None else "Nothing is broken.\n")
