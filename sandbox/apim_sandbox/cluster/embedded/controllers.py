"""The controllers of the embedded cluster: Deployments make pods, and each pod gets its place on the node."""

from copy import deepcopy

import anyio
from anyio.abc import TaskGroup

from apim_emulators.core.context import Context
from apim_sandbox.cluster.embedded import deployments
from apim_sandbox.cluster.embedded.admission import AdmissionError
from apim_sandbox.cluster.embedded.api import ApiError
from apim_sandbox.cluster.embedded.events import EventLog
from apim_sandbox.cluster.embedded.images import ImageCache
from apim_sandbox.cluster.embedded.kubelet import PodWorker
from apim_sandbox.cluster.embedded.objects import Key, Pod, Raw, Stored
from apim_sandbox.cluster.embedded.pod_api import PodApi
from apim_sandbox.cluster.embedded.runtime import Runtime
from apim_sandbox.cluster.embedded.settings import ClusterSettings
from apim_sandbox.cluster.embedded.store import ObjectStore

# The ReplicaSet controller's retries (client-go DefaultTypedControllerRateLimiter).
FIRST_RETRY, LONGEST_RETRY = 0.005, 1000.0
UNSCHEDULABLE_RETRY = 5.0


class Controllers:
    """One controller for each Deployment and bare Pod. `workers`: the pods by namespace and name."""

    def __init__(
        self,
        context: Context,
        settings: ClusterSettings,
        runtime: Runtime,
        pods: PodApi,
        store: ObjectStore,
        events: EventLog,
    ) -> None:
        self.workers: dict[tuple[str, str], PodWorker] = {}
        self._context = context
        self._settings = settings
        self._runtime = runtime
        self._pods = pods
        self._store = store
        self._events = events
        self._images = ImageCache(set(settings.cached_images))
        self._tasks: TaskGroup | None = None
        self._controllers: dict[Key, anyio.CancelScope] = {}
        self._changed = anyio.Event()

    def run_in(self, tasks: TaskGroup | None) -> None:
        """Where controllers and pods run; None when the cluster ends."""
        self._tasks = tasks
        self.start()

    async def halt(self) -> None:
        """End all controllers and pods."""
        for controller in self._controllers.values():
            controller.cancel()
        self._controllers.clear()
        await self.end(list(self.workers.values()))

    def restart(self) -> None:
        """Go on after `halt` with the objects that are there; no image is known but those of the settings."""
        self._images = ImageCache(set(self._settings.cached_images))
        self.start()

    async def withdraw(self, key: Key) -> None:
        """End a Deployment's controller and its pods."""
        controller = self._controllers.pop(key, None)
        if controller is not None:
            controller.cancel()
        await self.end([one for one in self.workers.values() if one.owner == owner_of(key)])

    async def end(self, workers: list[PodWorker]) -> None:
        """End these pods, and wait until they are gone."""
        for worker in workers:
            worker.end()
        for worker in workers:
            await worker.gone.wait()

    def notify(self) -> None:
        """Let every controller look at its object again."""
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    def start(self) -> None:
        """Start the controllers of objects that have none yet."""
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
        if (key.namespace, key.name) not in self.workers:
            await self._create(deepcopy(stored.raw), key.name, owner_of(key), "", stored.place)

    async def _reconcile(self, stored: Stored) -> None:
        key = stored.key
        hash_ = deployments.template_hash(stored.raw)
        mine = [one for one in self.workers.values() if one.owner == owner_of(key) and not one.ending]
        states = [deployments.PodState(one.pod.name, one.template_hash, one.ready) for one in mine]
        step = deployments.plan(stored.raw, states, hash_)
        for worker in mine:
            if worker.pod.name in step.delete:
                worker.end()
        for _ in range(step.create):
            raw = deployments.pod_template(stored.raw, key.name, key.namespace, stored.uid, hash_)
            name = raw["metadata"]["generateName"] + self._context.ids.suffix()
            await self._create(raw, name, owner_of(key), hash_, stored.place)

    async def _create(self, raw: Raw, name: str, owner: str, hash_: str, place: str) -> None:
        admitted = await self._pods.admit(raw, name, place)
        assert self._tasks is not None, "controllers run only inside run()"
        worker = PodWorker(
            context=self._context,
            pod=admitted,
            owner=owner,
            template_hash=hash_,
            volumes=self._pods.volumes(admitted),
            store=self._store,
            events=self._events,
            runtime=self._runtime,
            images=self._images,
            node=self._settings.node.name,
            place_on_node=lambda: self._schedule(admitted),
            on_change=self.notify,
        )
        self.workers[(admitted.namespace, admitted.name)] = worker
        self._tasks.start_soon(self._host, worker)

    async def _host(self, worker: PodWorker) -> None:
        try:
            await worker.run(lambda: self._pods.forget(worker.pod))
        finally:
            self.workers.pop((worker.pod.namespace, worker.pod.name), None)
            self.notify()

    async def _schedule(self, admitted: Pod) -> None:
        """Wait until the node has room."""
        worker = self.workers[(admitted.namespace, admitted.name)]
        while True:
            others = [one.pod for one in self.workers.values() if one.scheduled and one is not worker]
            lacking = self._settings.node.lacks(admitted, others)
            if not lacking:
                return
            message = f"0/1 nodes are available: {', '.join(f'1 Insufficient {one}' for one in lacking)}."
            self._events.add(
                "Warning", admitted.namespace, f"Pod/{admitted.name}", "FailedScheduling", message
            )
            worker.block("Unschedulable", message)
            await self._context.clock.sleep(UNSCHEDULABLE_RETRY)


def owner_of(key: Key) -> str:
    return f"{key.kind}/{key.namespace}/{key.name}"
