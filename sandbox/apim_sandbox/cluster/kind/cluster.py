"""A kind cluster behind the same protocol as the embedded one."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
from msgspec import Struct, field

from apim_emulators.core.context import Context
from apim_emulators.core.events import ManifestRefused, ObjectApplied, TokenProjected
from apim_emulators.core.jose import Jws, parse
from apim_emulators.core.vocabulary import ServiceAccountName
from apim_emulators.webhook.model import USE_LABEL
from apim_sandbox.cluster.embedded.atomic import AtomicWriter, File
from apim_sandbox.cluster.embedded.manifest import Manifest, manifests
from apim_sandbox.cluster.embedded.objects import items, mapping
from apim_sandbox.cluster.embedded.paths import rewritten
from apim_sandbox.cluster.embedded.places import places
from apim_sandbox.cluster.embedded.settings import service_account as account_object
from apim_sandbox.cluster.kind import patch
from apim_sandbox.cluster.kind.api import ApiError, KubernetesApi, Raw
from apim_sandbox.cluster.kind.watch import Watcher
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

OBJECTS: Mapping[ObjectKind, str] = {
    "Secret": "/api/v1/secrets",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
}
GONE_TIMEOUT = 60.0  # seconds for a pod's graceful end
# Deployment.apps "apim-gateway" is invalid: spec.selector: Invalid value: ...
_INVALID = re.compile(r'\S+ "[^"]*" is invalid: (?=(?P<field>[A-Za-z]+(\.[A-Za-z]+)*): )')
Result = Literal["created", "configured", "unchanged"]


class KindSettings(Struct, frozen=True):
    """How the adapter sees its cluster.

    `image` runs as the gateway; `control` and `token` are what its pods use to reach the control service;
    `identities` maps service accounts that the world names to client ids; `directory`
    holds the token files of attached programs, which they see under `outside`.
    """

    image: str
    control: str
    token: str
    bundle: str
    directory: Path
    outside: Path
    identities: Mapping[ServiceAccountName, str] = field(default_factory=dict)
    default_namespace: str = "default"


class KindCluster:
    """Meets `cluster.protocol.Cluster`. Nothing is journalled until `run` runs."""

    def __init__(self, context: Context, api: KubernetesApi, settings: KindSettings) -> None:
        self._context = context
        self._api = api
        self._settings = settings
        self._watcher = Watcher(context, api)

    async def run(self) -> None:
        """Watch the cluster until cancelled."""
        await self._watcher.run()

    async def catch_up(self) -> None:
        """Nothing: a real kubelet keeps real time."""

    # --- objects

    async def apply(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        try:
            return await self._apply(manifests(documents, self._settings.default_namespace))
        except DocumentError as error:
            self._context.journal.append(ManifestRefused(str(error.place), error.message, error.fix))
            raise

    async def _apply(self, found: list[Manifest]) -> list[Applied]:
        made = {
            namespace: await self._need_namespace(namespace)
            for namespace in dict.fromkeys(manifest.key.namespace for manifest in found)
            if namespace
            and not any(one.key.kind == "Namespace" and one.key.name == namespace for one in found)
        }
        prepared = [(manifest, *patch.patched(manifest.raw, self._settings.image)) for manifest in found]
        for manifest, raw, _ in prepared:
            await self._try(manifest, raw, found)
        results = []
        for manifest, raw, changes in prepared:
            namespace = manifest.key.namespace
            hints = [_hint(manifest, change) for change in changes]
            if changes and namespace:
                await self._need_gateway_objects(namespace)
            if made.pop(namespace, False):
                hints.insert(0, Hint(manifest.place, f"namespace {namespace} was not there and was made"))
            results.append(self._report(manifest, await self._put(manifest, raw), tuple(hints)))
        return results

    async def delete(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        return [
            self._report(manifest, "deleted")
            for manifest in manifests(documents, self._settings.default_namespace)
            if await self._api.delete(await self._path(manifest))
        ]

    async def _path(self, manifest: Manifest) -> str:
        kind = await self._api.kind(str(manifest.raw["apiVersion"]), manifest.key.kind)
        namespace = manifest.key.namespace if kind.namespaced else ""
        return kind.path(namespace, manifest.key.name)

    async def _try(self, manifest: Manifest, raw: Raw, all_of_them: list[Manifest]) -> None:
        """Let the API server check an object before anything is applied. Raises `DocumentError`."""
        spaces = {one.key.name for one in all_of_them if one.key.kind == "Namespace"}
        if manifest.key.namespace in spaces:
            return  # it can't be checked before its namespace is there
        try:
            await self._api.apply(await self._path(manifest), raw, dry_run=True)
        except ApiError as error:
            raise _refused(manifest, error) from None

    async def _put(self, manifest: Manifest, raw: Raw) -> Result:
        path = await self._path(manifest)
        before = await self._api.find(path)
        try:
            after = await self._api.apply(path, _clean(raw, manifest.key.namespace))
        except ApiError as error:
            raise _refused(manifest, error) from None
        if before is None:
            return "created"
        same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
        return "unchanged" if same else "configured"

    def _report(self, manifest: Manifest, result: Any, hints: tuple[Hint, ...] = ()) -> Applied:
        key = manifest.key
        event = ObjectApplied(str(key), key.namespace, result, True, manifest.place, places(manifest))
        self._context.journal.append(event)
        return Applied(str(key), key.namespace, result, True, manifest.place, hints)

    async def _need_namespace(self, name: str) -> bool:
        """True when it had to be made."""
        if await self._api.find(f"/api/v1/namespaces/{name}") is not None:
            return False
        raw = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self._api.apply(f"/api/v1/namespaces/{name}", raw)
        return True

    async def _need_gateway_objects(self, namespace: str) -> None:
        """What the patch refers to: the CA bundle, and where the control service is."""
        settings = self._settings
        objects: tuple[Raw, ...] = (
            {
                "kind": "ConfigMap",
                "metadata": {"name": patch.BUNDLE},
                "data": {"bundle.pem": settings.bundle},
            },
            {
                "kind": "Secret",
                "metadata": {"name": patch.CONTROL},
                "stringData": {"url": settings.control, "token": settings.token},
            },
        )
        for raw in objects:
            plural = {"ConfigMap": "configmaps", "Secret": "secrets"}[raw["kind"]]
            path = f"/api/v1/namespaces/{namespace}/{plural}/{raw['metadata']['name']}"
            await self._api.apply(path, {"apiVersion": "v1", **raw})

    # --- pods

    async def pods(self) -> list[PodView]:
        return self._watcher.pods()

    async def pod(self, namespace: str, name: str) -> Raw | None:
        return await self._api.find(f"/api/v1/namespaces/{namespace}/pods/{name}")

    async def service_accounts(self) -> list[Mapping[str, Any]]:
        return list((await self._api.get("/api/v1/serviceaccounts"))["items"])

    async def objects(self, kind: ObjectKind) -> list[Mapping[str, Any]]:
        listed = (await self._api.get(OBJECTS[kind]))["items"]
        return [public({**one, "kind": kind}) for one in listed]

    async def create_token(self, service_account: ServiceAccountName, audience: str, seconds: int) -> str:
        await self._need_account(service_account)
        return await self._token(service_account, audience, seconds)

    async def events(self) -> list[EventView]:
        return self._watcher.events()

    async def delete_pod(self, namespace: str, name: str) -> bool:
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        before = await self._api.find(path)
        if before is None or not await self._api.delete(path):
            return False
        with anyio.move_on_after(GONE_TIMEOUT):
            while True:
                now = await self._api.find(path)
                if now is None or now["metadata"]["uid"] != before["metadata"]["uid"]:
                    return True
                await anyio.sleep(0.3)
        raise ClusterError(f"pod {namespace}/{name} did not end within {GONE_TIMEOUT:g} s")

    async def logs(self, namespace: str, name: str) -> list[str]:
        container = await self._container(namespace, name)
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
        try:
            return (await self._api.text(path, container=container)).splitlines()
        except ApiError as error:
            if error.code == 400:  # waiting to start: it has said nothing yet
                return []
            raise

    async def follow_logs(self, namespace: str, name: str) -> AsyncIterator[str]:
        container = await self._container(namespace, name)
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
        async for line in self._api.lines(path, container=container, follow="true"):
            yield line

    async def call(self, namespace: str, pod: str, port: int, path: str) -> str:
        """GET a path of a pod through the API server; the answer's text. Raises `ApiError`."""
        return await self._api.text(f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}")

    async def _container(self, namespace: str, name: str) -> str:
        """The first container: the gateway's in the article's pod."""
        pod = await self._api.find(f"/api/v1/namespaces/{namespace}/pods/{name}")
        if pod is None:
            there = ", ".join(f"{one.namespace}/{one.name}" for one in self._watcher.pods()) or "none"
            raise ClusterError(f"no pod is called {namespace}/{name}; there are {there}")
        return str(pod["spec"]["containers"][0]["name"])

    # --- programs outside

    @asynccontextmanager
    async def attach(
        self, service_account: ServiceAccountName, annotations: Mapping[str, str] = NONE
    ) -> AsyncIterator[Attachment]:
        await self._need_account(service_account)
        name = f"run-{self._context.ids.suffix()}"
        mutated = await self._shown_to_webhook(service_account, name, annotations)
        container = mutated["spec"]["containers"][0]
        volume, source = _token_source(mutated)
        inside = next(
            (str(one["mountPath"]) for one in items(container.get("volumeMounts")) if one["name"] == volume),
            "",
        )
        outside = self._settings.outside / name
        writer = AtomicWriter(self._settings.directory / name, self._context.ids)
        env = {str(one["name"]): str(one.get("value", "")) for one in items(container.get("env"))}
        attachment = Attachment(
            namespace=service_account.namespace,
            pod=name,
            service_account=service_account.name,
            environment=rewritten(env, {inside: str(outside)}),
            directory=str(outside),
        )
        path = f"{inside.rstrip('/')}/{source['path']}"
        token = await self._write_token(service_account, source, writer)
        self._journal_token(attachment, token, path, renewal=False)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._renew, service_account, source, writer, attachment, path, token)
            yield attachment
            tasks.cancel_scope.cancel()

    async def _need_account(self, account: ServiceAccountName) -> None:
        path = f"/api/v1/namespaces/{account.namespace}/serviceaccounts/{account.name}"
        if await self._api.find(path) is not None:
            return
        client_id = self._settings.identities.get(account)
        if client_id is None:
            known = ", ".join(map(str, self._settings.identities)) or "none"
            raise ClusterError(
                f"service account {account} does not exist; the world names {known}",
                "apply a manifest that has it",
            )
        await self._need_namespace(account.namespace)
        raw = account_object(account, {}, {"azure.workload.identity/client-id": client_id})
        await self._api.apply(path, raw)

    async def _shown_to_webhook(
        self, account: ServiceAccountName, name: str, annotations: Mapping[str, str] = NONE
    ) -> Raw:
        """A pod of the account as admission leaves it; it is never made. Raises `ClusterError`."""
        raw = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {USE_LABEL: "true"}, "annotations": dict(annotations)},
            "spec": {"serviceAccountName": account.name, "containers": [{"name": "run", "image": "none:0"}]},
        }
        return await self._api.create(f"/api/v1/namespaces/{account.namespace}/pods", raw, dryRun="All")

    async def _write_token(self, account: ServiceAccountName, source: Raw, writer: AtomicWriter) -> Jws:
        seconds = int(source.get("expirationSeconds") or 3600)
        text = await self._token(account, str(source.get("audience") or ""), seconds)
        writer.write({str(source["path"]): File(text.encode(), 0o644)}, self._context.clock.now())
        return parse(text)

    async def _token(self, account: ServiceAccountName, audience: str, seconds: int) -> str:
        path = f"/api/v1/namespaces/{account.namespace}/serviceaccounts/{account.name}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience] if audience else [], "expirationSeconds": seconds},
        }
        return str((await self._api.create(path, request))["status"]["token"])

    async def _renew(
        self, account: ServiceAccountName, source: Raw, writer: AtomicWriter, attachment: Attachment,
        path: str, token: Jws,
    ) -> None:  # fmt: skip
        while True:
            await self._context.clock.sleep_until(_renew_at(token))
            try:
                token = await self._write_token(account, source, writer)
            except ClusterError:
                await anyio.sleep(30)  # the old one is kept while it lasts, as the kubelet does
            else:
                self._journal_token(attachment, token, path, renewal=True)

    def _journal_token(self, attachment: Attachment, token: Jws, path: str, *, renewal: bool) -> None:
        event = TokenProjected(
            namespace=attachment.namespace,
            pod=attachment.pod,
            service_account=attachment.service_account,
            path=path,
            jti=str(token.claims.get("jti", "")),
            token=token.shown(),
            expires_at=float(token.claims["exp"]),
            renew_at=_renew_at(token),
            renewal=renewal,
        )
        self._context.journal.append(event)


def _renew_at(token: Jws) -> float:
    issued, expires = float(token.claims["iat"]), float(token.claims["exp"])
    return min(issued + 86400.0, expires - 0.2 * (expires - issued))


def _token_source(pod: Raw) -> tuple[str, Raw]:
    """The volume and source of the webhook's token. Raises `ClusterError` when it added none."""
    for volume in items(mapping(pod.get("spec")).get("volumes")):
        if not str(volume.get("name", "")).startswith("kube-api-access-"):
            for source in items(mapping(volume.get("projected")).get("sources")):
                token = source.get("serviceAccountToken")
                if isinstance(token, dict):
                    return str(volume["name"]), token
    raise ClusterError("the webhook added no token to the pod", "apim-sandbox kind up installs it")


def _refused(manifest: Manifest, error: ApiError) -> DocumentError:
    """What the API server says of an object, at the field that it names."""
    prefix = _INVALID.match(error.message)
    if prefix is None:
        return manifest.error((), error.message)
    message = error.message[prefix.end() :]
    return manifest.error(tuple(prefix["field"].split(".")), message)


def _clean(raw: Raw, namespace: str) -> Raw:
    """What may be sent: an object copied out of a cluster carries what belongs to the API server."""
    metadata = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    return {**raw, "metadata": {**metadata, "namespace": namespace} if namespace else metadata}


def _hint(manifest: Manifest, change: patch.Change) -> Hint:
    return Hint(manifest.place, f"{change.path}: {change.before} → {change.after}", change.why)
