"""What the watcher tells of a pod whose container is started again, without a cluster."""

from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
from tests.kind.test_views import pod

from apim_emulators.core import jose
from apim_emulators.core.events import TokenProjected
from apim_emulators.core.keys import published_keys, signing_key
from apim_sandbox.cluster.kind.api import KubernetesApi
from apim_sandbox.cluster.kind.watch import Watcher
from apim_sandbox.virtual import run_virtual
from apim_sandbox.virtual_sandbox import virtual_sandbox

KEY = signing_key(published_keys()[0])


class Cluster:
    """An API server with one pod; `start` is what the kubelet does after a start of the node."""

    def __init__(self) -> None:
        self.token = 0
        self._send, self._changes = anyio.create_memory_object_stream[dict[str, Any]](10)

    def close(self) -> None:
        self._send.close()
        self._changes.close()

    def start(self, run: str) -> None:
        self.token += 1
        self.changed(run)

    def changed(self, run: str) -> None:
        raw = pod(named="/own/token")
        raw["metadata"] = {
            "uid": "1", "namespace": "space", "name": "gateway", "creationTimestamp": "2026-01-01T00:00:00Z"
        }  # fmt: skip
        raw["status"]["containerStatuses"][0]["containerID"] = run
        self._send.send_nowait({"type": "MODIFIED", "object": raw})

    async def watch(self, path: str, **_: str) -> AsyncIterator[dict[str, Any]]:
        if path == "/api/v1/pods":
            async for change in self._changes:
                yield change
        await anyio.sleep_forever()

    async def find(self, _: str) -> None:
        return None

    async def execute(self, *_: Any) -> str:
        now = 1_767_225_600
        claims = {"jti": str(self.token), "iat": now, "exp": now + 3600}
        return jose.sign(claims, KEY, {"alg": "RS256", "kid": KEY.kid})


def test_a_container_that_was_started_again_has_its_new_token_told_at_once() -> None:
    """Long before the old one was due to be renewed; what only changes its status is not read again."""

    async def main() -> None:
        async with virtual_sandbox() as sandbox, anyio.create_task_group() as tasks:
            cluster = Cluster()
            watcher = Watcher(sandbox.around.context("cluster"), cast("KubernetesApi", cluster))
            tasks.start_soon(watcher.run)
            seen = []
            for change, run in ((cluster.start, "a"), (cluster.changed, "a"), (cluster.start, "b")):
                change(run)
                await anyio.sleep(1)
                events = [record.event for record in sandbox.journal.since(0)]
                seen.append([one.jti for one in events if isinstance(one, TokenProjected)])
            tasks.cancel_scope.cancel()
        cluster.close()
        assert seen == [["1"], ["1"], ["1", "2"]]

    run_virtual(main)
