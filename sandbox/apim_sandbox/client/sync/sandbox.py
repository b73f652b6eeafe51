# Written by scripts/docs from client/aio: change it there.
"""A running sandbox: its cluster, journal, clock and faults, and the cloud's routes."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from ssl import create_default_context
from typing import TYPE_CHECKING, Any, Self

import httpx
import msgspec

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.events import PodChanged, TokenAsked
from apim_emulators.core.journal import Record, decode
from apim_emulators.core.vocabulary import JWT_BEARER
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
from apim_sandbox.client.sync.clock import Clock
from apim_sandbox.client.sync.cloud import Arm, Cloud, Graph
from apim_sandbox.client.sync.control import Control
from apim_sandbox.client.sync.faults import Faults
from apim_sandbox.client.sync.gateway import Gateway
from apim_sandbox.client.threads import at_once
from apim_sandbox.control.history import Command
from apim_sandbox.instance import Instance, InstanceError, StateDir, default_state_dir

if TYPE_CHECKING:
    from apim_sandbox.insight.explanation import Explanation

READY_WITHIN = 20.0  # seconds of real time


class Sandbox:
    """A running sandbox: `start` one or `connect` to one. Use as a context manager, or call `aclose`."""

    def __init__(self, instance: Instance, secret: str) -> None:
        self.instance = instance
        self._control = Control(instance, secret)
        context = create_default_context(cafile=instance.ca_file)
        self._http = httpx.Client(proxy=instance.proxy, verify=context, timeout=30, trust_env=False)
        self._cloud = Cloud(self._http, self._control)
        self.graph = Graph(self._cloud)
        self.arm = Arm(self._cloud, self.graph)
        self.clock = Clock(self._control)
        self.faults = Faults(self._control)
        self._began = 0

    @classmethod
    @contextmanager
    def start(
        cls, world: Path | Mapping[str, Any] | None = None, *, state_dir: Path | None = None
    ) -> Iterator[Self]:
        """A sandbox of its own in a thread of this process, on free ports, while the block runs.

        `world` is a world file or what it holds, the article's without one. Its state is kept in
        `state_dir`, else forgotten. Raises `DocumentError` for a world with mistakes, `InstanceError`.
        """
        from apim_sandbox.client.threads import server

        running = server(world, state_dir)
        directory = at_once(running.__enter__)
        try:
            with cls.connect(directory) as sandbox:
                yield sandbox
        finally:
            at_once(running.__exit__, None, None, None)

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

    def close(self) -> None:
        """Let go of the connections; the sandbox runs on."""
        self._control.close()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def status(self) -> StatusShown:
        """World, emulators and clock: what `apim-sandbox status` prints."""
        shown: StatusShown = self._control.json("GET", "/status")
        return shown

    @property
    def http(self) -> httpx.Client:
        """Reaches every emulated host by its real name, as a program in a pod would."""
        return self._http

    def load_world(self, world: Mapping[str, Any]) -> None:
        """Let all emulators begin anew with a world (what a world file holds), without faults and skews.

        Only where the cluster is a real one; what runs in it is not touched. Raises `SandboxError`.
        """
        self._control.json("POST", "/world", json=world)

    # --- the way back

    def snapshot(self) -> str:
        """Remember the whole world as it is now: cloud, cluster, clock. What `restore` takes."""
        return str((self._control.json("POST", "/snapshots"))["id"])

    def restore(self, snapshot: str = "start") -> None:
        """Go back to a snapshot, without one to how all was at the start.

        Faults end, pods are gone, or started anew where the snapshot had them. The journal goes on;
        `journal`, `explain` and `report` tell of what comes after this.
        Raises `SandboxError` for a snapshot that does not exist.
        """
        answer = self._control.json("POST", f"/snapshots/{snapshot}/restore")
        self._began = answer["journal"]
        self._cloud.forget()

    # --- the cluster

    def apply(self, manifests: Iterable[Manifest]) -> list[AppliedShown]:
        """Apply files, or texts as `(path, text)`. Raises `SandboxError`; then nothing was applied."""
        body = documents(tuple(manifests))
        applied: list[AppliedShown] = self._control.json("POST", "/apply", json=body)
        return applied

    def delete(self, manifests: Iterable[Manifest]) -> list[AppliedShown]:
        """Delete what manifests name; one result for each object that was there."""
        body = documents(tuple(manifests))
        deleted: list[AppliedShown] = self._control.json("POST", "/delete", json=body)
        return deleted

    def gateway(self, manifest: Manifest | None = None) -> Gateway:
        """Apply a manifest (the article's without one) and wait until its gateway is ready, if it is not.

        Raises `SandboxError` with the walk and the explanation when it does not become ready.
        """
        from apim_sandbox.examples import article_manifest

        since = (self.status())["journal"]
        applied = self.apply([manifest or article_manifest()])
        pod = ready_pod(applied, self.pods())
        if pod is None:
            try:
                ready = self.wait_for("a ready pod", _is_ready, since=since, timeout=READY_WITHIN)
            except SandboxError as error:
                told = self.report(since)
                raise SandboxError(f"{error}\n{told}") from None
            assert isinstance(ready.event, PodChanged), "_is_ready"
            pod = ready.event.namespace, ready.event.pod, ready.event.ports
        namespace, name, ports = pod
        asked = self.journal(0, kind=TokenAsked.kind, pod=name, last=1)
        identity = next((one.event.client_id for one in asked if isinstance(one.event, TokenAsked)), "")
        url = f"http://127.0.0.1:{ports['8080']}"
        return Gateway(self, namespace, name, url, identity)

    def pods(self) -> list[PodShown]:
        """Every pod, oldest first."""
        shown: list[PodShown] = self._control.json("GET", "/pods")
        return shown

    def pod(self, namespace: str, name: str) -> dict[str, Any]:
        """A pod as Kubernetes' object, as admission left it. Raises `SandboxError` where there is none."""
        found: dict[str, Any] = self._control.json("GET", f"/pods/{namespace}/{name}")
        return found

    def delete_pod(self, namespace: str, name: str) -> None:
        """Delete a pod; its Deployment makes another."""
        self._control.request("DELETE", f"/pods/{namespace}/{name}")

    def logs(self, namespace: str, name: str, *, follow: bool = False) -> Generator[str, None]:
        """A pod's log lines, to the newest, or for ever with `follow`."""
        with self._control.stream(f"/pods/{namespace}/{name}/logs", {"follow": follow}) as answer:
            for line in answer.iter_lines():
                yield line

    def events(self) -> list[EventShown]:
        """The cluster's events, oldest first."""
        shown: list[EventShown] = self._control.json("GET", "/events")
        return shown

    def service_accounts(self) -> list[dict[str, Any]]:
        """The cluster's service accounts, as Kubernetes' objects."""
        found: list[dict[str, Any]] = self._control.json("GET", "/serviceaccounts")
        return found

    def secrets(self) -> list[dict[str, Any]]:
        """The cluster's Secrets, as Kubernetes' objects; of what they hold, certificates alone are shown."""
        found: list[dict[str, Any]] = self._control.json("GET", "/secrets")
        return found

    def webhooks(self) -> list[dict[str, Any]]:
        """The cluster's MutatingWebhookConfigurations, as Kubernetes' objects."""
        found: list[dict[str, Any]] = self._control.json("GET", "/webhooks")
        return found

    def gateways(self) -> list[GatewayShown]:
        """What each gateway last said of itself."""
        shown: list[GatewayShown] = self._control.json("GET", "/gateways")
        return shown

    # --- identities

    @contextmanager
    def attach(self, service_account: str | None = None, annotations: Sequence[str] = ()) -> Iterator[Pod]:
        """Be a pod of `NAMESPACE/NAME` while the block runs: its environment, its renewed token file.

        Without a name: the service account of the world's first federated credential. `annotations` are
        the pod's, each `KEY=VALUE`.
        """
        params = {"service_account": service_account or "", "annotation": list(annotations)}
        with self._control.stream("/attach", params) as answer:
            lines = answer.iter_lines()  # held: its end would end the pod
            yield pod_of(lines.__next__())

    def keep_attached(self, service_account: str | None = None) -> Pod:
        """Be a pod of `NAMESPACE/NAME` until the sandbox ends: for shells, of which nobody hears again."""
        body = {"service_account": service_account or ""}
        return pod_of((self._control.request("POST", "/attachments", json=body)).content)

    def service_account_token(self, service_account: str | None, audience: str, seconds: int = 3600) -> str:
        """A fresh token for a service account and audience, as the kubelet would project it."""
        body = {"service_account": service_account or "", "audience": audience, "seconds": seconds}
        return str((self._control.json("POST", "/tokens", json=body))["token"])

    def exchange(self, pod: Pod, resource: str) -> str:
        """The access token for `resource` that Entra gives for a pod's token. Raises `SandboxError`."""
        environment = pod.environment
        if not environment.get("AZURE_CLIENT_ID"):
            raise SandboxError(
                "the pod has no AZURE_CLIENT_ID: its service account lacks the annotation "
                "azure.workload.identity/client-id"
            )
        answer = self._http.post(
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

    def token(self, resource: str) -> str:
        """The operator's access token for `resource`, by its client secret. Raises `SandboxError`."""
        return self._cloud.token(resource)

    # --- what happened

    def journal(
        self, since: int | None = None, *, kind: str = "", actor: str = "", pod: str = "", last: int = 0
    ) -> list[Record]:
        """The journal's records after sequence number `since`; without it, since the last `restore`.

        Of a `kind` such as `entra.token`, of an `actor`, about a `pod`; and of those the `last` so many.
        Raises `SandboxError` for a kind or an actor that there is not.
        """
        wanted = {"since": self._began if since is None else since, "last": last}
        params = {**wanted, "kind": kind, "actor": actor, "pod": pod}
        answer = self._control.request("GET", "/journal", params=params)
        return [decode(line) for line in answer.content.splitlines()]

    def newest(self, kind: str, wanted: Callable[[Record], bool], *, pod: str = "") -> Record | None:
        """The newest record of a kind for which `wanted` holds, None where there is none."""
        last = 32
        while True:
            records = self.journal(0, kind=kind, pod=pod, last=last)
            found = next(filter(wanted, reversed(records)), None)
            if found is not None or len(records) < last:
                return found
            last *= 32

    def history(self) -> list[Command]:
        """What was asked of the control service and changed something, oldest first."""
        return msgspec.convert(self._control.json("GET", "/history"), list[Command])

    def follow(
        self,
        since: int | None = None,
        *,
        kind: str = "",
        actor: str = "",
        pod: str = "",
        timeout: float | None = None,
    ) -> Generator[Record, None]:
        """Records after `since`, then new ones as they come, chosen as in `journal`; close it to stop.

        Raises `TimeoutError` when nothing came for `timeout` seconds of real time.
        """
        start = self._began if since is None else since
        params = {"since": start, "kind": kind, "actor": actor, "pod": pod}
        try:
            with self._control.stream("/journal/stream", params, timeout) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield decode(line.removeprefix("data: "))
        except httpx.ReadTimeout:
            raise TimeoutError(f"nothing happened for {timeout:g} s") from None

    def wait_for(
        self, what: str, wanted: Callable[[Record], bool], *, since: int | None = None, timeout: float = 15.0
    ) -> Record:
        """The first record after `since` for which `wanted` holds.

        Raises `SandboxError` naming `what`, and what came instead, after `timeout` seconds of real time.
        """
        time, kinds = SystemTime(), list[str]()
        end, seen = time.tick() + timeout, self._began if since is None else since
        with closing(self.follow(seen, timeout=timeout)) as records:
            try:
                for record in records:
                    if wanted(record):
                        return record
                    seen = record.sequence
                    kinds.append(record.kind)
                    if time.tick() > end:
                        break
            except TimeoutError:
                pass  # said below, with what was waited for
        for record in self.journal(seen):  # a busy machine may be late to deliver what is there
            if wanted(record):
                return record
            kinds.append(record.kind)
        came = f"of {len(kinds)} other records the last is {kinds[-1]}" if kinds else "nothing else came"
        raise SandboxError(f"waited {timeout:g} s for {what}, and it did not come; {came}")

    def explain(self, since: int | None = None, target: str | None = None) -> "Explanation | None":
        """Why something is broken, None when nothing is; `target` names a pod, request or record."""
        from apim_sandbox.insight.explain import explain

        return explain(self.journal(since), target)

    def report(self, since: int | None = None) -> str:
        """The walk up to the broken hop, and the explanation, as the command line prints them."""
        from apim_sandbox.cli.render.story import story

        return story(self.journal(since))


def _is_ready(record: Record) -> bool:
    return isinstance(record.event, PodChanged) and record.event.ready
