"""Pods on their way through the API server: their account, the webhook, and what the issuer must know."""

import anyio

from apim_emulators.core.context import Context
from apim_sandbox.cluster.embedded.admission import Admission, AdmissionError
from apim_sandbox.cluster.embedded.api import ApiError, KubernetesApi
from apim_sandbox.cluster.embedded.events import EventLog
from apim_sandbox.cluster.embedded.objects import (
    Key,
    Pod,
    Raw,
    Stored,
    labels,
    mapping,
    pod,
    service_account_of,
)
from apim_sandbox.cluster.embedded.projection import PodVolumes
from apim_sandbox.cluster.embedded.settings import ClusterSettings
from apim_sandbox.cluster.embedded.store import ObjectStore

RBAC = ("ClusterRole", "ClusterRoleBinding")


class PodApi:
    """Admits pods, and keeps the issuer's emulator told of the objects that it looks at."""

    def __init__(
        self,
        context: Context,
        settings: ClusterSettings,
        api: KubernetesApi,
        admission: Admission,
        store: ObjectStore,
        events: EventLog,
    ) -> None:
        self.api = api
        self._context = context
        self._settings = settings
        self._admission = admission
        self._store = store
        self._events = events
        self._synced: dict[Key, Raw] = {}
        self._volumes: dict[str, PodVolumes] = {}  # of the pods that are there, by uid

    def restart(self) -> None:
        """Know of nothing that was told before."""
        self._synced.clear()

    async def admit(self, raw: Raw, name: str, place: str) -> Pod:
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
        answer = await self.api.put_pod(admitted, namespace, name)
        uid = str(mapping(answer.get("metadata")).get("uid") or uid)
        admitted["metadata"]["uid"] = uid
        return pod(admitted, place)

    def volumes(self, admitted: Pod) -> PodVolumes:
        directory = self._settings.state_dir / "pods" / admitted.uid
        volumes = PodVolumes(
            self._context, self.api, self._store, self._events, admitted, directory, self._settings.node.name
        )
        self._volumes[admitted.uid] = volumes
        return volumes

    async def catch_up(self) -> None:
        """Sync all volumes that are due."""
        for volumes in list(self._volumes.values()):
            await volumes.catch_up()

    async def forget(self, admitted: Pod) -> None:
        self._volumes.pop(admitted.uid, None)
        try:
            with anyio.move_on_after(2):
                await self.api.delete_pod(admitted.namespace, admitted.name)
        except ApiError as error:
            self._events.add(
                "Warning", admitted.namespace, f"Pod/{admitted.name}", "FailedDelete", str(error)
            )

    async def _sync_account(self, stored: Stored) -> None:
        if self._synced.get(stored.key) == stored.raw:
            return
        raw = {**stored.raw, "metadata": {**stored.raw["metadata"], "uid": stored.uid}}
        await self.api.put_service_account(raw, stored.key.namespace, stored.key.name)
        self._synced[stored.key] = stored.raw

    async def sync_rbac(self) -> None:
        """Tell the API of cluster roles and bindings: the token proxy reads who may use which identity."""
        for kind in RBAC:
            for stored in self._store.of_kind(kind):
                if self._settings.root_ca and self._synced.get(stored.key) != stored.raw:
                    try:
                        await self.api.put_rbac(stored.raw, kind, stored.key.name)
                    except ApiError as error:
                        self._events.add("Warning", "", str(stored.key), "FailedSync", str(error))
                        continue
                    self._synced[stored.key] = stored.raw

    async def withdraw(self, key: Key) -> None:
        """Tell of a service account, a cluster role or a binding that is gone."""
        if self._synced.pop(key, None) is None:
            return
        try:
            if key.kind in RBAC:
                await self.api.delete_rbac(key.kind, key.name)
            else:
                await self.api.delete_service_account(key.namespace, key.name)
        except ApiError as error:
            self._events.add("Warning", key.namespace, str(key), "FailedDelete", str(error))
