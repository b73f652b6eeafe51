"""A running sandbox: its cluster, journal, clock and faults, and the cloud's routes."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from ssl import create_default_context
from typing import TYPE_CHECKING, Any, Self

import httpx
import msgspec

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.events import PodChanged, TokenAsked
from apim_emulators.core.journal import Record, decode
from apim_emulators.core.vocabulary import JWT_BEARER
from apim_sandbox.client.aio.clock import AsyncClock
from apim_sandbox.client.aio.cloud import AsyncArm, AsyncCloud, AsyncGraph
from apim_sandbox.client.aio.control import AsyncControl
from apim_sandbox.client.aio.faults import AsyncFaults
from apim_sandbox.client.aio.gateway import AsyncGateway
from apim_sandbox.client.answers import SandboxError, check
from apim_sandbox.client.shapes import (
    AppliedShown,
    EventShown,
    GatewayShown,
    Manifest,
    Pod,
    PodShown,
    StatusShown,
    documents,
    pod_of,
    ready_pod,
)
from apim_sandbox.client.threads import in_thread
from apim_sandbox.control.history import Command
from apim_sandbox.instance import Instance, InstanceError, StateDir, default_state_dir

if TYPE_CHECKING:
    from apim_sandbox.insight.explanation import Explanation

READY_WITHIN = 20.0  # seconds of real time


class AsyncSandbox:
    """A running sandbox: `start` one or `connect` to one. Use as a context manager, or call `aclose`."""

    def __init__(self, instance: Instance, secret: str) -> None:
        self.instance = instance
        self._control = AsyncControl(instance, secret)
        context = create_default_context(cafile=instance.ca_file)
        self._http = httpx.AsyncClient(proxy=instance.proxy, verify=context, timeout=30, trust_env=False)
        self._cloud = AsyncCloud(self._http, self._control)
        self.graph = AsyncGraph(self._cloud)
        self.arm = AsyncArm(self._cloud, self.graph)
        self.clock = AsyncClock(self._control)
        self.faults = AsyncFaults(self._control)
        self._began = 0

    @classmethod
    @asynccontextmanager
    async def start(
        cls, world: Path | Mapping[str, Any] | None = None, *, state_dir: Path | None = None
    ) -> AsyncIterator[Self]:
        """A sandbox of its own in a thread of this process, on free ports, while the block runs.

        `world` is a world file or what it holds, the article's without one. Its state is kept in
        `state_dir`, else forgotten. Raises `DocumentError` for a world with mistakes, `InstanceError`.
        """
        from apim_sandbox.client.threads import server

        running = server(world, state_dir)
        directory = await in_thread(running.__enter__)
        try:
            async with cls.connect(directory) as sandbox:
                yield sandbox
        finally:
            await in_thread(running.__exit__, None, None, None)

    @classmethod
    def connect(cls, state_dir: Path | None = None) -> Self:
        """The sandbox that runs in `state_dir` (the default one without it).

        Raises `InstanceError` when none runs there.
        """
        state = StateDir(state_dir or default_state_dir())
        instance = state.running()
        if instance is None:
            from apim_sandbox.cluster.kind.layout import start_command

            raise InstanceError(f"no sandbox runs in {state.path}", start_command(state.path))
        return cls(instance, state.secrets().operator)

    async def aclose(self) -> None:
        """Let go of the connections; the sandbox runs on."""
        await self._control.aclose()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def status(self) -> StatusShown:
        """World, emulators and clock: what `apim-sandbox status` prints."""
        shown: StatusShown = await self._control.json("GET", "/status")
        return shown

    @property
    def http(self) -> httpx.AsyncClient:
        """Reaches every emulated host by its real name, as a program in a pod would."""
        return self._http

    async def load_world(self, world: Mapping[str, Any]) -> None:
        """Let all emulators begin anew with a world (what a world file holds), without faults and skews.

        Only where the cluster is a real one; what runs in it is not touched. Raises `SandboxError`.
        """
        await self._control.json("POST", "/world", json=world)

    # --- the way back

    async def snapshot(self) -> str:
        """Remember the whole world as it is now: cloud, cluster, clock. What `restore` takes."""
        return str((await self._control.json("POST", "/snapshots"))["id"])

    async def restore(self, snapshot: str = "start") -> None:
        """Go back to a snapshot, without one to how all was at the start.

        Faults end, pods are gone, or started anew where the snapshot had them. The journal goes on;
        `journal`, `explain` and `report` tell of what comes after this.
        Raises `SandboxError` for a snapshot that does not exist.
        """
        answer = await self._control.json("POST", f"/snapshots/{snapshot}/restore")
        self._began = answer["journal"]
        self._cloud.forget()

    # --- the cluster

    async def apply(self, manifests: Iterable[Manifest]) -> list[AppliedShown]:
        """Apply files, or texts as `(path, text)`. Raises `SandboxError`; then nothing was applied."""
        body = documents(tuple(manifests))
        applied: list[AppliedShown] = await self._control.json("POST", "/apply", json=body)
        return applied

    async def delete(self, manifests: Iterable[Manifest]) -> list[AppliedShown]:
        """Delete what manifests name; one result for each object that was there."""
        body = documents(tuple(manifests))
        deleted: list[AppliedShown] = await self._control.json("POST", "/delete", json=body)
        return deleted

    async def gateway(self, manifest: Manifest | None = None) -> AsyncGateway:
        """Apply a manifest (the article's without one) and wait until its gateway is ready, if it is not.

        Raises `SandboxError` with the walk and the explanation when it does not become ready.
        """
        from apim_sandbox.examples import article_manifest

        since = (await self.status())["journal"]
        applied = await self.apply([manifest or article_manifest()])
        pod = ready_pod(applied, await self.pods())
        if pod is None:
            try:
                ready = await self.wait_for("a ready pod", _is_ready, since=since, timeout=READY_WITHIN)
            except SandboxError as error:
                told = await self.report(since)
                raise SandboxError(f"{error}\n{told}") from None
            assert isinstance(ready.event, PodChanged), "_is_ready"
            pod = ready.event.namespace, ready.event.pod, ready.event.ports
        namespace, name, ports = pod
        asked = await self.journal(0, kind=TokenAsked.kind, pod=name, last=1)
        identity = next((one.event.client_id for one in asked if isinstance(one.event, TokenAsked)), "")
        url = f"http://127.0.0.1:{ports['8080']}"
        return AsyncGateway(self, namespace, name, url, identity)

    async def pods(self) -> list[PodShown]:
        """Every pod, oldest first."""
        shown: list[PodShown] = await self._control.json("GET", "/pods")
        return shown

    async def pod(self, namespace: str, name: str) -> dict[str, Any]:
        """A pod as Kubernetes' object, as admission left it. Raises `SandboxError` where there is none."""
        found: dict[str, Any] = await self._control.json("GET", f"/pods/{namespace}/{name}")
        return found

    async def delete_pod(self, namespace: str, name: str) -> None:
        """Delete a pod; its Deployment makes another."""
        await self._control.request("DELETE", f"/pods/{namespace}/{name}")

    async def logs(self, namespace: str, name: str, *, follow: bool = False) -> AsyncGenerator[str, None]:
        """A pod's log lines, to the newest, or for ever with `follow`."""
        async with self._control.stream(f"/pods/{namespace}/{name}/logs", {"follow": follow}) as answer:
            async for line in answer.aiter_lines():
                yield line

    async def events(self) -> list[EventShown]:
        """The cluster's events, oldest first."""
        shown: list[EventShown] = await self._control.json("GET", "/events")
        return shown

    async def service_accounts(self) -> list[dict[str, Any]]:
        """The cluster's service accounts, as Kubernetes' objects."""
        found: list[dict[str, Any]] = await self._control.json("GET", "/serviceaccounts")
        return found

    async def secrets(self) -> list[dict[str, Any]]:
        """The cluster's Secrets, as Kubernetes' objects; of what they hold, certificates alone are shown."""
        found: list[dict[str, Any]] = await self._control.json("GET", "/secrets")
        return found

    async def webhooks(self) -> list[dict[str, Any]]:
        """The cluster's MutatingWebhookConfigurations, as Kubernetes' objects."""
        found: list[dict[str, Any]] = await self._control.json("GET", "/webhooks")
        return found

    async def gateways(self) -> list[GatewayShown]:
        """What each gateway last said of itself."""
        shown: list[GatewayShown] = await self._control.json("GET", "/gateways")
        return shown

    # --- identities

    @asynccontextmanager
    async def attach(
        self, service_account: str | None = None, annotations: Sequence[str] = ()
    ) -> AsyncIterator[Pod]:
        """Be a pod of `NAMESPACE/NAME` while the block runs: its environment, its renewed token file.

        Without a name: the service account of the world's first federated credential. `annotations` are
        the pod's, each `KEY=VALUE`.
        """
        params = {"service_account": service_account or "", "annotation": list(annotations)}
        async with self._control.stream("/attach", params) as answer:
            lines = answer.aiter_lines()  # held: its end would end the pod
            yield pod_of(await lines.__anext__())

    async def keep_attached(self, service_account: str | None = None) -> Pod:
        """Be a pod of `NAMESPACE/NAME` until the sandbox ends: for shells, of which nobody hears again."""
        body = {"service_account": service_account or ""}
        return pod_of((await self._control.request("POST", "/attachments", json=body)).content)

    async def service_account_token(
        self, service_account: str | None, audience: str, seconds: int = 3600
    ) -> str:
        """A fresh token for a service account and audience, as the kubelet would project it."""
        body = {"service_account": service_account or "", "audience": audience, "seconds": seconds}
        return str((await self._control.json("POST", "/tokens", json=body))["token"])

    async def exchange(self, pod: Pod, resource: str) -> str:
        """The access token for `resource` that Entra gives for a pod's token. Raises `SandboxError`."""
        environment = pod.environment
        if not environment.get("AZURE_CLIENT_ID"):
            raise SandboxError(
                "the pod has no AZURE_CLIENT_ID: its service account lacks the annotation "
                "azure.workload.identity/client-id"
            )
        answer = await self._http.post(
            f"{environment['AZURE_AUTHORITY_HOST'].rstrip('/')}/{environment['AZURE_TENANT_ID']}"
            "/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": environment["AZURE_CLIENT_ID"],
                "client_assertion_type": JWT_BEARER,
                "client_assertion": pod.token(),
                "scope": f"{resource}/.default",
            },
        )
        check(answer)
        return str(answer.json()["access_token"])

    async def token(self, resource: str) -> str:
        """The operator's access token for `resource`, by its client secret. Raises `SandboxError`."""
        return await self._cloud.token(resource)

    # --- what happened

    async def journal(
        self, since: int | None = None, *, kind: str = "", actor: str = "", pod: str = "", last: int = 0
    ) -> list[Record]:
        """The journal's records after sequence number `since`; without it, since the last `restore`.

        Of a `kind` such as `entra.token`, of an `actor`, about a `pod`; and of those the `last` so many.
        Raises `SandboxError` for a kind or an actor that there is not.
        """
        wanted = {"since": self._began if since is None else since, "last": last}
        params = {**wanted, "kind": kind, "actor": actor, "pod": pod}
        answer = await self._control.request("GET", "/journal", params=params)
        return [decode(line) for line in answer.content.splitlines()]

    async def newest(self, kind: str, wanted: Callable[[Record], bool], *, pod: str = "") -> Record | None:
        """The newest record of a kind for which `wanted` holds, None where there is none."""
        last = 32
        while True:
            records = await self.journal(0, kind=kind, pod=pod, last=last)
            found = next(filter(wanted, reversed(records)), None)
            if found is not None or len(records) < last:
                return found
            last *= 32

    async def history(self) -> list[Command]:
        """What was asked of the control service and changed something, oldest first."""
        return msgspec.convert(await self._control.json("GET", "/history"), list[Command])

    async def follow(
        self,
        since: int | None = None,
        *,
        kind: str = "",
        actor: str = "",
        pod: str = "",
        timeout: float | None = None,
    ) -> AsyncGenerator[Record, None]:
        """Records after `since`, then new ones as they come, chosen as in `journal`; close it to stop.

        Raises `TimeoutError` when nothing came for `timeout` seconds of real time.
        """
        start = self._began if since is None else since
        params = {"since": start, "kind": kind, "actor": actor, "pod": pod}
        try:
            async with self._control.stream("/journal/stream", params, timeout) as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("data: "):
                        yield decode(line.removeprefix("data: "))
        except httpx.ReadTimeout:
            raise TimeoutError(f"nothing happened for {timeout:g} s") from None

    async def wait_for(
        self, what: str, wanted: Callable[[Record], bool], *, since: int | None = None, timeout: float = 15.0
    ) -> Record:
        """The first record after `since` for which `wanted` holds.

        Raises `SandboxError` naming `what`, and what came instead, after `timeout` seconds of real time.
        """
        time, kinds = SystemTime(), list[str]()
        end, seen = time.tick() + timeout, self._began if since is None else since
        async with aclosing(self.follow(seen, timeout=timeout)) as records:
            try:
                async for record in records:
                    if wanted(record):
                        return record
                    seen = record.sequence
                    kinds.append(record.kind)
                    if time.tick() > end:
                        break
            except TimeoutError:
                pass  # said below, with what was waited for
        for record in await self.journal(seen):  # a busy machine may be late to deliver what is there
            if wanted(record):
                return record
            kinds.append(record.kind)
        came = f"of {len(kinds)} other records the last is {kinds[-1]}" if kinds else "nothing else came"
        raise SandboxError(f"waited {timeout:g} s for {what}, and it did not come; {came}")

    async def explain(self, since: int | None = None, target: str | None = None) -> "Explanation | None":
        """Why something is broken, None when nothing is; `target` names a pod, request or record."""
        from apim_sandbox.insight.explain import explain

        return explain(await self.journal(since), target)

    async def report(self, since: int | None = None) -> str:
        """The walk up to the broken hop, and the explanation, as the command line prints them."""
        from apim_sandbox.cli.render.story import story

        return story(await self.journal(since))


def _is_ready(record: Record) -> bool:
    return isinstance(record.event, PodChanged) and record.event.ready
