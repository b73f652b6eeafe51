"""A webhook bench: the API server is the issuer's emulator, called in memory."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.context import Context
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore
from apim_emulators.oidc.app import create_app as create_api_server
from apim_emulators.oidc.model import Cluster
from apim_emulators.oidc.state import IssuerState
from apim_emulators.webhook.app import create_app
from apim_emulators.webhook.config import configure
from apim_emulators.webhook.profiles import ProfileName
from apim_sandbox.cluster.embedded.patch import apply_patch

WEBHOOK = "https://azure-wi-webhook-webhook-service.azure-workload-identity-system.svc"
TENANT = "00000000-0000-0000-0000-00000000000a"


class FixedTime:
    def wall(self) -> float:
        return 1_767_225_600.0

    def tick(self) -> float:
        return 0.0


class Body(httpx.AsyncByteStream):
    """A request body that may be left unread."""

    def __init__(self, body: bytes) -> None:
        self._chunks = iter((body,))

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


@dataclass
class Outcome:
    """What the webhook said about a pod."""

    response: dict[str, Any]
    pod: dict[str, Any]
    operations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def allowed(self) -> bool:
        return bool(self.response["allowed"])

    @property
    def message(self) -> str:
        return str(self.response["status"].get("message", ""))

    @property
    def code(self) -> int:
        return int(self.response["status"]["code"])

    def container(self, name: str = "container") -> dict[str, Any]:
        spec = self.pod["spec"]
        listed = [*spec.get("initContainers", []), *spec["containers"]]
        return next(one for one in listed if one["name"] == name)

    def env(self, name: str = "container") -> dict[str, str]:
        return {one["name"]: one.get("value", "") for one in self.container(name).get("env", [])}


@dataclass
class Bench:
    """A webhook and its API server."""

    http: httpx.AsyncClient
    api: IssuerState
    to_api_server: httpx.AsyncClient

    def account(self, name: str = "sa", namespace: str = "ns1", **annotations: str) -> None:
        """Put a service account; keywords are the workload identity annotations, dashes as underscores."""
        notes = {
            f"azure.workload.identity/{key.replace('_', '-')}": text for key, text in annotations.items()
        }
        self.api.put_object(
            "contoso", "serviceaccounts", namespace, name, {"metadata": {"annotations": notes}},
            new_uid="u", created="2026-01-01T00:00:00Z",
        )  # fmt: skip

    async def post(self, body: bytes, content_type: str | None = "application/json") -> httpx.Response:
        headers = {} if content_type is None else {"content-type": content_type}
        request = self.http.build_request("POST", f"{WEBHOOK}/mutate-v1-pod", headers=headers)
        request.stream = Body(body)
        return await self.http.send(request)

    async def review(
        self, pod: Any, namespace: str = "ns1", version: str = "admission.k8s.io/v1"
    ) -> dict[str, Any]:
        request = {"uid": "review-uid", "namespace": namespace, "operation": "CREATE", "object": pod}
        body = {"kind": "AdmissionReview", "apiVersion": version, "request": request}
        answer = await self.post(json.dumps(body).encode())
        assert answer.status_code == 200
        return dict(answer.json())

    async def admit(self, pod: Any, namespace: str = "ns1") -> Outcome:
        """The outcome with the patch applied as the API server does."""
        response = (await self.review(pod, namespace))["response"]
        assert response["uid"] == "review-uid"
        if "patch" not in response:
            return Outcome(response, pod)
        operations = json.loads(base64.b64decode(response["patch"]))
        assert response["patchType"] == "JSONPatch"
        return Outcome(response, apply_patch(pod, operations), operations)


@asynccontextmanager
async def open_bench(
    *flags: str,
    environment: dict[str, str] | None = None,
    profile: ProfileName = "1.6.0",
    version: str = "v1.36.1",
) -> AsyncIterator[Bench]:
    """A bench from flags, environment, profile and the API server's version."""
    settings = configure(
        flags, {"AZURE_TENANT_ID": TENANT, **(environment or {})}, admin_token="admin", profile=profile
    )
    clock = MasterClock(FixedTime())
    api = IssuerState(MemoryStore(), PooledKeys(), admin_token="admin")
    api.put_cluster(Cluster("contoso", "https://oidc.sandbox.test/contoso", version=version))
    async with AsyncExitStack() as stack:
        nowhere = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(599)))
        )
        journal = ActorJournal(MemoryJournal(), "oidc", clock)
        server = create_api_server(Context(clock, SeededIds("oidc"), journal, nowhere), api)
        to_server = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=server))
        )
        context = Context(clock, SeededIds("webhook"), journal, to_server)
        to_webhook = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(context, settings)))
        )
        yield Bench(to_webhook, api, to_server)


def a_pod(name: str = "pod", annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A labelled pod with one container; annotation keys without the prefix."""
    notes = {f"azure.workload.identity/{key}": text for key, text in (annotations or {}).items()}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "namespace": "ns1",
            "labels": {"azure.workload.identity/use": "true"},
            **({"annotations": notes} if notes else {}),
        },
        "spec": {
            "serviceAccountName": "sa",
            "containers": [{"name": "container", "image": "image"}],
            **spec,
        },
    }
