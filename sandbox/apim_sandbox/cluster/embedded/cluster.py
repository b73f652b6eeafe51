"""The embedded cluster: keeps objects, makes pods of Deployments, and runs them on one node."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import anyio

from apim_emulators.core.context import Context
from apim_emulators.core.events import ManifestRefused, ObjectApplied
from apim_emulators.core.keys import KeySource
from apim_emulators.core.store import MemoryStore
from apim_emulators.core.vocabulary import ServiceAccountName
from apim_emulators.webhook.model import USE_LABEL
from apim_sandbox.cluster.embedded import installed
from apim_sandbox.cluster.embedded.admission import Admission, AdmissionError
from apim_sandbox.cluster.embedded.api import ApiError, KubernetesApi
from apim_sandbox.cluster.embedded.certificates import Blocking, WebhookCertificates, here
from apim_sandbox.cluster.embedded.controllers import Controllers
from apim_sandbox.cluster.embedded.environment import ConfigError, environment
from apim_sandbox.cluster.embedded.events import EventLog
from apim_sandbox.cluster.embedded.hints import hints
from apim_sandbox.cluster.embedded.kubelet import PodWorker
from apim_sandbox.cluster.embedded.manifest import Manifest, manifests
from apim_sandbox.cluster.embedded.objects import (
    ACTED_ON,
    Key,
    Raw,
    mapping,
)
from apim_sandbox.cluster.embedded.paths import rewritten
from apim_sandbox.cluster.embedded.places import places
from apim_sandbox.cluster.embedded.pod_api import RBAC, PodApi
from apim_sandbox.cluster.embedded.projection import VolumeError
from apim_sandbox.cluster.embedded.runtime import Runtime
from apim_sandbox.cluster.embedded.settings import ClusterSettings, service_account
from apim_sandbox.cluster.embedded.store import ObjectStore
from apim_sandbox.cluster.embedded.validate import problems
from apim_sandbox.cluster.protocol import (
    NONE,
    Applied,
    Attachment,
    ClusterError,
    EventView,
    Hint,
    ObjectKind,
    PodView,
)
from apim_sandbox.cluster.shown import public
from apim_sandbox.documents import DocumentError

ROOT_CA = "kube-root-ca.crt"


class EmbeddedCluster:
    """Meets `cluster.protocol.Cluster`. Nothing runs until `run` does."""

    def __init__(
        self,
        context: Context,
        settings: ClusterSettings,
        runtime: Runtime,
        keys: KeySource,
        store: MemoryStore | None = None,
        *,
        blocking: Blocking = here,
    ) -> None:
        """`keys` are the webhook's; making them can take a while, in the way that `blocking` says."""
        self._context = context
        self._settings = settings
        self._events = EventLog(context.clock)
        objects = store or MemoryStore()
        self._store = ObjectStore(context.ids, objects)
        self._certificates = WebhookCertificates(
            context, self._store, keys, rotates=settings.webhook.rotates, blocking=blocking
        )
        admission = Admission(context, settings.webhook, self._store, self._certificates)
        api = KubernetesApi(context.http, settings.kubernetes_url, settings.admin_token)
        self._pods = PodApi(context, settings, api, admission, self._store, self._events)
        self._controllers = Controllers(context, settings, runtime, self._pods, self._store, self._events)
        self._install(ObjectStore(context.ids.child("webhook"), objects))
        for raw in settings.accounts:
            metadata = raw["metadata"]
            self._need_namespace(metadata["namespace"])
            self._store.put(Key("ServiceAccount", metadata["namespace"], metadata["name"]), raw, "the world")

    async def run(self) -> None:
        """Run controllers and pods until cancelled; pods are ended on the way out."""
        try:
            async with anyio.create_task_group() as tasks:
                self._controllers.run_in(tasks)
                tasks.start_soon(self._certificates.run)
                await anyio.sleep_forever()
        finally:
            self._controllers.run_in(None)

    async def halt(self) -> None:
        """End all pods and controllers; the objects stay. `resume` goes on with those that are there then."""
        await self._controllers.halt()

    def resume(self) -> None:
        """Go on after `halt`, as a cluster does that comes back: of runs before it knows nothing."""
        self._events.clear()
        self._pods.restart()
        self._certificates.restart()
        self._controllers.restart()

    def _install(self, store: ObjectStore) -> None:
        """What the webhook's chart leaves in a cluster, unless it was installed before.

        `store` gives these objects ids of their own stream.
        """
        hook = self._settings.webhook
        if hook.enabled and store.get(installed.MARKER.kind, "", installed.MARKER.name) is None:
            for raw in installed.objects(hook.failure_policy, hook.timeout, hook.namespace_selector):
                store.put(installed.key_of(raw), raw, "the world")

    # --- objects

    async def apply(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        try:
            found = manifests(documents, self._settings.default_namespace)
            self._refuse(found)
        except DocumentError as error:
            self._context.journal.append(ManifestRefused(str(error.place), error.message, error.fix))
            raise
        await self._certificates.settle()
        accounts = {(one.key.namespace, one.key.name) for one in self._store.of_kind("ServiceAccount")}
        results = [self._apply(one, hints(one, found, accounts)) for one in found]
        if any(one.key in installed.OURS for one in found):
            await self._certificates.look()
        await self._pods.sync_rbac()
        self._controllers.start()
        self._controllers.notify()
        await anyio.lowlevel.checkpoint()
        return results

    async def delete(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        results = [
            self._report(manifest, "deleted")
            for manifest in manifests(documents, self._settings.default_namespace)
            if await self._delete(manifest.key)
        ]
        self._controllers.notify()
        return results

    def _refuse(self, found: list[Manifest]) -> None:
        """Raise what the API server would refuse, before anything is applied."""
        wrong = [problem for manifest in found for problem in problems(manifest)]
        for manifest in found:
            before = self._store.get(manifest.key.kind, manifest.key.namespace, manifest.key.name)
            if manifest.key.kind == "Deployment" and before is not None:
                old, new = (mapping(raw.get("spec")).get("selector") for raw in (before.raw, manifest.raw))
                if old != new:
                    shown = json.dumps(new, separators=(",", ":"), sort_keys=True)
                    message = f"spec.selector: Invalid value: {shown}: field is immutable"
                    before_it = json.dumps(old, separators=(",", ":"), sort_keys=True)
                    fix = f"put it back to {before_it}, or delete the Deployment first"
                    wrong.append(manifest.error(("spec", "selector"), message, fix))
        if wrong:
            raise DocumentError(wrong[0].place, wrong[0].message, wrong[0].fix, tuple(wrong[1:]))

    def _apply(self, manifest: Manifest, found: tuple[Hint, ...]) -> Applied:
        key = manifest.key
        if key.kind == "Namespace":
            self._need_namespace(key.name)
        elif key.namespace:
            self._need_namespace(key.namespace)
        raw = deepcopy(manifest.raw)
        if key.namespace:
            raw["metadata"]["namespace"] = key.namespace
        before = self._store.get(key.kind, key.namespace, key.name)
        if key == installed.CONFIGURATION and before is not None:
            raw = installed.with_bundles_of(before.raw, raw)
        result = self._store.put(key, raw, manifest.place)
        return self._report(manifest, result, found)

    def _report(self, manifest: Manifest, result: Any, found: tuple[Hint, ...] = ()) -> Applied:
        key = manifest.key
        acted_on = (
            key.kind in ACTED_ON
            or key in installed.OURS
            or (bool(self._settings.root_ca) and key.kind in RBAC)
        )
        event = ObjectApplied(str(key), key.namespace, result, acted_on, manifest.place, places(manifest))
        self._context.journal.append(event)
        return Applied(str(key), key.namespace, result, acted_on, manifest.place, found)

    async def _delete(self, key: Key) -> bool:
        if self._store.remove(key) is None:
            return False
        if key.kind == "Deployment":
            await self._controllers.withdraw(key)
        elif key.kind == "Pod":
            await self.delete_pod(key.namespace, key.name)
        elif key.kind in (*RBAC, "ServiceAccount"):
            await self._pods.withdraw(key)
        elif key.kind == "Namespace":
            for kind in ("Deployment", "Pod", "ServiceAccount", "ConfigMap", "Secret"):
                for stored in list(self._store.of_kind(kind)):
                    if stored.key.namespace == key.name:
                        await self._delete(stored.key)
        return True

    def _need_namespace(self, name: str) -> None:
        """Make a namespace and its default service account where they are missing."""
        if self._store.get("Namespace", "", name) is None:
            raw = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self._store.put(Key("Namespace", "", name), raw)
        if self._store.get("ServiceAccount", name, "default") is None:
            raw = service_account(ServiceAccountName(name, "default"), {}, {})
            self._store.put(Key("ServiceAccount", name, "default"), raw)
        if self._settings.root_ca and self._store.get("ConfigMap", name, ROOT_CA) is None:
            metadata = {"name": ROOT_CA, "namespace": name}
            trusted = {"ca.crt": self._settings.root_ca}
            raw = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": trusted}
            self._store.put(Key("ConfigMap", name, ROOT_CA), raw)

    # --- pods

    async def catch_up(self) -> None:
        await self._pods.catch_up()

    async def pods(self) -> list[PodView]:
        return [worker.view() for worker in self._controllers.workers.values()]

    async def pod(self, namespace: str, name: str) -> Raw | None:
        worker = self._controllers.workers.get((namespace, name))
        return worker.pod.raw if worker is not None else None

    async def service_accounts(self) -> list[Mapping[str, Any]]:
        return [
            {**one.raw, "metadata": {**one.raw["metadata"], "uid": one.uid}}
            for one in self._store.of_kind("ServiceAccount")
        ]

    async def objects(self, kind: ObjectKind) -> list[Mapping[str, Any]]:
        return [
            public({**one.raw, "metadata": {**one.raw["metadata"], "uid": one.uid}})
            for one in self._store.of_kind(kind)
        ]

    async def events(self) -> list[EventView]:
        return self._events.all()

    async def delete_pod(self, namespace: str, name: str) -> bool:
        worker = self._controllers.workers.get((namespace, name))
        if worker is None:
            return False
        self._store.remove(Key("Pod", namespace, name))
        await self._controllers.end([worker])
        return True

    async def logs(self, namespace: str, name: str) -> list[str]:
        return self._worker(namespace, name).logs.lines()

    def follow_logs(self, namespace: str, name: str) -> AsyncIterator[str]:
        return self._worker(namespace, name).logs.follow()

    def _worker(self, namespace: str, name: str) -> PodWorker:
        worker = self._controllers.workers.get((namespace, name))
        if worker is None:
            there = ", ".join(f"{one}/{other}" for one, other in self._controllers.workers) or "none"
            raise ClusterError(f"no pod is called {namespace}/{name}; there are {there}")
        return worker

    @asynccontextmanager
    async def attach(
        self, service_account: ServiceAccountName, annotations: Mapping[str, str] = NONE
    ) -> AsyncIterator[Attachment]:
        self._need_account(service_account)
        name = f"run-{self._context.ids.suffix()}"
        try:
            admitted = await self._pods.admit(_program(service_account, name, annotations), name, "")
            volumes = self._pods.volumes(admitted)
            await volumes.mount()
            env = environment(admitted, admitted.containers[0], self._store, self._settings.node.name)
        except (AdmissionError, ApiError, VolumeError, ConfigError) as error:
            raise ClusterError(str(error)) from None
        mounts = volumes.mounts(admitted.containers[0])
        moved = {**mounts, **self._settings.addresses}
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(volumes.keep_current)
                yield Attachment(
                    namespace=service_account.namespace,
                    pod=name,
                    service_account=service_account.name,
                    environment=rewritten({k: v for k, v in env.items() if k != "HOSTNAME"}, moved),
                    directory=next(iter(mounts.values()), ""),
                )
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._pods.forget(admitted)
                volumes.remove()

    async def create_token(self, service_account: ServiceAccountName, audience: str, seconds: int) -> str:
        self._need_account(service_account)
        namespace, name = service_account.namespace, f"token-{self._context.ids.suffix()}"
        try:
            admitted = await self._pods.admit(_program(service_account, name), name, "")
            bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": admitted.uid}
            issued = await self._pods.api.create_token(
                namespace, service_account.name, [audience] if audience else [], seconds, bound
            )
        except (AdmissionError, ApiError) as error:
            raise ClusterError(str(error)) from None
        await self._pods.forget(admitted)
        return issued.token

    def _need_account(self, account: ServiceAccountName) -> None:
        if self._store.get("ServiceAccount", account.namespace, account.name) is not None:
            return
        client_id = self._settings.identities.get(account)
        if client_id is None:
            there = [
                str(one.key.namespace + "/" + one.key.name) for one in self._store.of_kind("ServiceAccount")
            ]
            known = sorted({*there, *map(str, self._settings.identities)})
            raise ClusterError(
                f"service account {account} does not exist; there are {', '.join(known) or 'none'}",
                "apply a manifest that has it",
            )
        self._need_namespace(account.namespace)
        raw = service_account(account, {}, {"azure.workload.identity/client-id": client_id})
        self._store.put(Key("ServiceAccount", account.namespace, account.name), raw, "the world")


def _program(account: ServiceAccountName, name: str, annotations: Mapping[str, str] = NONE) -> Raw:
    """The pod that a program outside is taken for."""
    metadata: Raw = {"name": name, "namespace": account.namespace, "labels": {USE_LABEL: "true"}}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "serviceAccountName": account.name,
            "containers": [{"name": "run", "image": "the program itself"}],
        },
    }
