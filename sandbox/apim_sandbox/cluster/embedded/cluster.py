"""The embedded cluster: keeps objects, makes pods of Deployments, and runs them on one node."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import anyio
from anyio.abc import TaskGroup

from apim_emulators.core.context import Context
from apim_emulators.core.events import ManifestRefused, ObjectApplied
from apim_emulators.core.keys import KeySource
from apim_emulators.core.store import MemoryStore
from apim_emulators.core.vocabulary import ServiceAccountName
from apim_emulators.webhook.model import USE_LABEL
from apim_sandbox.cluster.embedded import deployments, installed
from apim_sandbox.cluster.embedded.admission import Admission, AdmissionError
from apim_sandbox.cluster.embedded.api import ApiError, KubernetesApi
from apim_sandbox.cluster.embedded.certificates import Blocking, WebhookCertificates, here
from apim_sandbox.cluster.embedded.environment import ConfigError, environment
from apim_sandbox.cluster.embedded.events import EventLog
from apim_sandbox.cluster.embedded.hints import hints
from apim_sandbox.cluster.embedded.images import ImageCache
from apim_sandbox.cluster.embedded.kubelet import PodWorker
from apim_sandbox.cluster.embedded.manifest import Manifest, manifests
from apim_sandbox.cluster.embedded.objects import (
    ACTED_ON,
    Key,
    Pod,
    Raw,
    Stored,
    labels,
    mapping,
    pod,
    service_account_of,
)
from apim_sandbox.cluster.embedded.paths import rewritten
from apim_sandbox.cluster.embedded.places import places
from apim_sandbox.cluster.embedded.projection import PodVolumes, VolumeError
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

# The ReplicaSet controller's retries (client-go DefaultTypedControllerRateLimiter).
FIRST_RETRY, LONGEST_RETRY = 0.005, 1000.0
UNSCHEDULABLE_RETRY = 5.0
ROOT_CA = "kube-root-ca.crt"
RBAC = ("ClusterRole", "ClusterRoleBinding")


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
        self._runtime = runtime
        self._api = KubernetesApi(context.http, settings.kubernetes_url, settings.admin_token)
        self._events = EventLog(context.clock)
        objects = store or MemoryStore()
        self._store = ObjectStore(context.ids, objects)
        self._certificates = WebhookCertificates(
            context, self._store, keys, rotates=settings.webhook.rotates, blocking=blocking
        )
        self._admission = Admission(context, settings.webhook, self._store, self._certificates)
        self._images = ImageCache(set(settings.cached_images))
        self._workers: dict[tuple[str, str], PodWorker] = {}
        self._synced: dict[Key, Raw] = {}
        self._tasks: TaskGroup | None = None
        self._controllers: dict[Key, anyio.CancelScope] = {}
        self._changed = anyio.Event()
        self._install(ObjectStore(context.ids.child("webhook"), objects))
        for raw in settings.accounts:
            metadata = raw["metadata"]
            self._need_namespace(metadata["namespace"])
            self._store.put(Key("ServiceAccount", metadata["namespace"], metadata["name"]), raw, "the world")

    async def run(self) -> None:
        """Run controllers and pods until cancelled; pods are ended on the way out."""
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self._start_controllers()
                tasks.start_soon(self._certificates.run)
                await anyio.sleep_forever()
        finally:
            self._tasks = None

    async def halt(self) -> None:
        """End all pods and controllers; the objects stay. `resume` goes on with those that are there then."""
        for controller in self._controllers.values():
            controller.cancel()
        self._controllers.clear()
        await self._end(list(self._workers.values()))

    def resume(self) -> None:
        """Go on after `halt`, as a cluster does that comes back: of runs before it knows nothing."""
        self._events.clear()
        self._synced.clear()
        self._images = ImageCache(set(self._settings.cached_images))
        self._certificates.restart()
        self._start_controllers()

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
        await self._sync_rbac()
        self._start_controllers()
        self._notify()
        await anyio.lowlevel.checkpoint()
        return results

    async def delete(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        results = [
            self._report(manifest, "deleted")
            for manifest in manifests(documents, self._settings.default_namespace)
            if await self._delete(manifest.key)
        ]
        self._notify()
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
                    fix = f"put it back to {old}, or delete the Deployment first"
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
            controller = self._controllers.pop(key, None)
            if controller is not None:
                controller.cancel()
            await self._end([one for one in self._workers.values() if one.owner == _owner(key)])
        elif key.kind == "Pod":
            await self.delete_pod(key.namespace, key.name)
        elif key.kind in RBAC and self._synced.pop(key, None) is not None:
            try:
                await self._api.delete_rbac(key.kind, key.name)
            except ApiError as error:
                self._events.add("Warning", "", str(key), "FailedDelete", str(error))
        elif key.kind == "ServiceAccount" and self._synced.pop(key, None) is not None:
            try:
                await self._api.delete_service_account(key.namespace, key.name)
            except ApiError as error:
                self._events.add("Warning", key.namespace, str(key), "FailedDelete", str(error))
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

    async def pods(self) -> list[PodView]:
        return [worker.view() for worker in self._workers.values()]

    async def pod(self, namespace: str, name: str) -> Raw | None:
        worker = self._workers.get((namespace, name))
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
        worker = self._workers.get((namespace, name))
        if worker is None:
            return False
        self._store.remove(Key("Pod", namespace, name))
        await self._end([worker])
        return True

    async def logs(self, namespace: str, name: str) -> list[str]:
        return self._worker(namespace, name).logs.lines()

    def follow_logs(self, namespace: str, name: str) -> AsyncIterator[str]:
        return self._worker(namespace, name).logs.follow()

    def _worker(self, namespace: str, name: str) -> PodWorker:
        worker = self._workers.get((namespace, name))
        if worker is None:
            there = ", ".join(f"{one}/{other}" for one, other in self._workers) or "none"
            raise ClusterError(f"no pod is called {namespace}/{name}; there are {there}")
        return worker

    @asynccontextmanager
    async def attach(
        self, service_account: ServiceAccountName, annotations: Mapping[str, str] = NONE
    ) -> AsyncIterator[Attachment]:
        self._need_account(service_account)
        name = f"run-{self._context.ids.suffix()}"
        try:
            admitted = await self._admit(_program(service_account, name, annotations), name, "")
            volumes = self._volumes(admitted)
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
                await self._forget(admitted)
                volumes.remove()

    async def create_token(self, service_account: ServiceAccountName, audience: str, seconds: int) -> str:
        self._need_account(service_account)
        namespace, name = service_account.namespace, f"token-{self._context.ids.suffix()}"
        try:
            admitted = await self._admit(_program(service_account, name), name, "")
            bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": admitted.uid}
            issued = await self._api.create_token(
                namespace, service_account.name, [audience] if audience else [], seconds, bound
            )
        except (AdmissionError, ApiError) as error:
            raise ClusterError(str(error)) from None
        await self._forget(admitted)
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

    async def _admit(self, raw: Raw, name: str, place: str) -> Pod:
        """The admitted pod, known to the API. Raises `AdmissionError` or `ApiError`."""
        namespace = raw["metadata"]["namespace"]
        account = service_account_of(mapping(raw.get("spec")))
        stored = self._store.get("ServiceAccount", namespace, account)
        if stored is None:
            shown = raw["metadata"].get("name") or raw["metadata"].get("generateName")
            reason = (
                f'pods "{shown}" is forbidden: error looking up service account {namespace}/{account}: '
                f'serviceaccount "{account}" not found'
            )
            self._admission.refused(raw, name, reason, place)
            raise AdmissionError(reason)
        await self._sync_account(stored)
        raw = {**raw, "spec": {**mapping(raw.get("spec")), "serviceAccountName": account}}
        namespace_object = self._store.get("Namespace", "", namespace)
        namespace_labels = {
            **(labels(namespace_object.raw) if namespace_object else {}),
            "kubernetes.io/metadata.name": namespace,
        }
        admitted = await self._admission.admit(raw, name, namespace_labels, place)
        uid = self._context.ids.uuid()
        admitted = {**admitted, "metadata": {**admitted["metadata"], "name": name, "uid": uid}}
        answer = await self._api.put_pod(admitted, namespace, name)
        uid = str(mapping(answer.get("metadata")).get("uid") or uid)
        admitted["metadata"]["uid"] = uid
        return pod(admitted, place)

    async def _sync_account(self, stored: Stored) -> None:
        if self._synced.get(stored.key) == stored.raw:
            return
        raw = {**stored.raw, "metadata": {**stored.raw["metadata"], "uid": stored.uid}}
        await self._api.put_service_account(raw, stored.key.namespace, stored.key.name)
        self._synced[stored.key] = stored.raw

    async def _sync_rbac(self) -> None:
        """Tell the API of cluster roles and bindings: the token proxy reads who may use which identity."""
        for kind in RBAC:
            for stored in self._store.of_kind(kind):
                if self._settings.root_ca and self._synced.get(stored.key) != stored.raw:
                    try:
                        await self._api.put_rbac(stored.raw, kind, stored.key.name)
                    except ApiError as error:
                        self._events.add("Warning", "", str(stored.key), "FailedSync", str(error))
                        continue
                    self._synced[stored.key] = stored.raw

    def _volumes(self, admitted: Pod) -> PodVolumes:
        directory = self._settings.state_dir / "pods" / admitted.uid
        return PodVolumes(
            self._context, self._api, self._store, self._events, admitted, directory, self._settings.node.name
        )

    async def _forget(self, admitted: Pod) -> None:
        try:
            with anyio.move_on_after(2):
                await self._api.delete_pod(admitted.namespace, admitted.name)
        except ApiError as error:
            self._events.add(
                "Warning", admitted.namespace, f"Pod/{admitted.name}", "FailedDelete", str(error)
            )

    async def _end(self, workers: list[PodWorker]) -> None:
        for worker in workers:
            worker.end()
        for worker in workers:
            await worker.gone.wait()

    # --- controllers

    def _notify(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    def _start_controllers(self) -> None:
        if self._tasks is None:
            return
        for kind in ("Deployment", "Pod"):
            for stored in self._store.of_kind(kind):
                if stored.key not in self._controllers:
                    self._controllers[stored.key] = scope = anyio.CancelScope()
                    self._tasks.start_soon(self._control, stored.key, scope)

    async def _control(self, key: Key, scope: anyio.CancelScope) -> None:
        """Keep one Deployment's or bare Pod's pods as it wants them."""
        delay = FIRST_RETRY
        with scope:
            while (stored := self._store.get(key.kind, key.namespace, key.name)) is not None:
                changed = self._changed
                try:
                    await (self._reconcile(stored) if key.kind == "Deployment" else self._once(stored))
                except (AdmissionError, ApiError) as error:
                    self._events.add(
                        "Warning", key.namespace, str(key), "FailedCreate", f"Error creating: {error}"
                    )
                    await self._context.clock.sleep(delay)
                    delay = min(delay * 2, LONGEST_RETRY)
                    continue
                delay = FIRST_RETRY
                await changed.wait()
        if self._controllers.get(key) is scope:
            del self._controllers[key]

    async def _once(self, stored: Stored) -> None:
        key = stored.key
        if (key.namespace, key.name) not in self._workers:
            await self._create(deepcopy(stored.raw), key.name, _owner(key), "", stored.place)

    async def _reconcile(self, stored: Stored) -> None:
        key = stored.key
        hash_ = deployments.template_hash(stored.raw)
        mine = [one for one in self._workers.values() if one.owner == _owner(key) and not one.ending]
        states = [deployments.PodState(one.pod.name, one.template_hash, one.ready) for one in mine]
        step = deployments.plan(stored.raw, states, hash_)
        for worker in mine:
            if worker.pod.name in step.delete:
                worker.end()
        for _ in range(step.create):
            raw = deployments.pod_template(stored.raw, key.name, key.namespace, stored.uid, hash_)
            name = raw["metadata"]["generateName"] + self._context.ids.suffix()
            await self._create(raw, name, _owner(key), hash_, stored.place)

    async def _create(self, raw: Raw, name: str, owner: str, hash_: str, place: str) -> None:
        admitted = await self._admit(raw, name, place)
        assert self._tasks is not None, "controllers run only inside run()"
        worker = PodWorker(
            context=self._context,
            pod=admitted,
            owner=owner,
            template_hash=hash_,
            volumes=self._volumes(admitted),
            store=self._store,
            events=self._events,
            runtime=self._runtime,
            images=self._images,
            node=self._settings.node.name,
            place_on_node=lambda: self._schedule(admitted),
            on_change=self._notify,
        )
        self._workers[(admitted.namespace, admitted.name)] = worker
        self._tasks.start_soon(self._host, worker)

    async def _host(self, worker: PodWorker) -> None:
        try:
            await worker.run(lambda: self._forget(worker.pod))
        finally:
            self._workers.pop((worker.pod.namespace, worker.pod.name), None)
            self._notify()

    async def _schedule(self, admitted: Pod) -> None:
        """Wait until the node has room."""
        worker = self._workers[(admitted.namespace, admitted.name)]
        while True:
            others = [one.pod for one in self._workers.values() if one.scheduled and one is not worker]
            lacking = self._settings.node.lacks(admitted, others)
            if not lacking:
                return
            message = f"0/1 nodes are available: {', '.join(f'1 Insufficient {one}' for one in lacking)}."
            self._events.add(
                "Warning", admitted.namespace, f"Pod/{admitted.name}", "FailedScheduling", message
            )
            worker.block("Unschedulable", message)
            await self._context.clock.sleep(UNSCHEDULABLE_RETRY)


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


def _owner(key: Key) -> str:
    return f"{key.kind}/{key.namespace}/{key.name}"
