"""The control service's routes that few ask for, or that take more than a path: FastAPI's.

Loaded at the first request to one of them; the OpenAPI document has the quick ones too.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.routing import Route

from apim_emulators.core.events import WorldLoaded
from apim_emulators.core.vocabulary import ServiceAccountName
from apim_sandbox.cluster.protocol import ClusterError
from apim_sandbox.control.app import Control, refusals
from apim_sandbox.control.clock_routes import clock_routes
from apim_sandbox.control.fault_routes import FaultDesk, fault_routes
from apim_sandbox.control.history import History
from apim_sandbox.control.quick_routes import NDJSON
from apim_sandbox.documents import Document as YamlDocument
from apim_sandbox.world.load import from_document
from apim_sandbox.world.seed import service_names


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Document(_Body):
    path: str = ""
    text: str


class Apply(_Body):
    """Manifests as text; `path` is what places in messages name."""

    documents: list[Document]


class Keep(_Body):
    """Be a pod of `NAMESPACE/NAME` (empty: the world's first) until the sandbox ends."""

    service_account: str = ""


class NewToken(_Body):
    """What a projected token is made of; life in seconds, as TokenRequest bounds it."""

    service_account: str = ""
    audience: str = ""
    seconds: int = Field(default=3600, ge=1, le=1 << 32)


def further_routes(control: Control, history: History, quick: Sequence[Route]) -> FastAPI:
    """The application beneath the quick routes."""
    app = FastAPI(title="apim-sandbox control", version="1", docs_url="/docs", redoc_url=None)
    for kind, handler in refusals().items():
        app.add_exception_handler(kind, handler)
    for route in quick:  # for the document alone: requests to them never come this far
        app.add_api_route(route.path, route.endpoint, methods=sorted(route.methods or ()))
    clock_routes(app, control.clock, control.journal)
    _cluster_routes(app, control)
    _identity_routes(app, control)
    desk = FaultDesk(control.faults, control.clock, control.world)
    fault_routes(app, desk)
    _history_routes(app, history)
    _world_routes(app, control, desk)
    return app


def _cluster_routes(app: FastAPI, control: Control) -> None:
    @app.post("/apply")
    async def apply(body: Apply) -> Any:
        documents = [(document.path, document.text) for document in body.documents]
        return msgspec.to_builtins(await control.cluster.apply(documents))

    @app.post("/delete")
    async def delete(body: Apply) -> Any:
        documents = [(document.path, document.text) for document in body.documents]
        return msgspec.to_builtins(await control.cluster.delete(documents))

    @app.get("/pods")
    async def pods() -> Any:
        return msgspec.to_builtins(await control.cluster.pods())

    @app.get("/events")
    async def events() -> Any:
        return msgspec.to_builtins(await control.cluster.events())

    @app.get("/serviceaccounts")
    async def service_accounts() -> Any:
        return await control.cluster.service_accounts()

    @app.get("/secrets")
    async def secrets() -> Any:
        """The cluster's Secrets: of what they hold, certificates alone are shown."""
        return await control.cluster.objects("Secret")

    @app.get("/webhooks")
    async def webhooks() -> Any:
        return await control.cluster.objects("MutatingWebhookConfiguration")

    @app.get("/pods/{namespace}/{name}")
    async def pod(namespace: str, name: str) -> Any:
        """The pod as Kubernetes' object, as admission left it."""
        found = await control.cluster.pod(namespace, name)
        if found is None:
            raise HTTPException(404, f"no pod {namespace}/{name}")
        return found

    @app.delete("/pods/{namespace}/{name}", status_code=204)
    async def delete_pod(namespace: str, name: str) -> Response:
        if not await control.cluster.delete_pod(namespace, name):
            raise HTTPException(404, f"no pod {namespace}/{name}")
        return Response(status_code=204)

    @app.get("/pods/{namespace}/{name}/logs")
    async def logs(namespace: str, name: str, follow: bool = False) -> Response:
        if not any(pod.namespace == namespace and pod.name == name for pod in await control.cluster.pods()):
            raise HTTPException(404, f"no pod {namespace}/{name}")
        if not follow:
            lines = await control.cluster.logs(namespace, name)
            return PlainTextResponse("".join(f"{line}\n" for line in lines))

        async def stream() -> AsyncIterator[bytes]:
            async for line in control.cluster.follow_logs(namespace, name):
                yield f"{line}\n".encode()

        return StreamingResponse(stream(), media_type="text/plain; charset=utf-8")

    @app.get("/gateways")
    async def gateways() -> Any:
        return await control.gateways()


def _identity_routes(app: FastAPI, control: Control) -> None:
    def account_of(text: str) -> ServiceAccountName:
        return ServiceAccountName.parse(text or control.default_service_account)

    def annotation_of(text: str) -> tuple[str, str]:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise HTTPException(422, f"annotation {text!r} is not of the form KEY=VALUE")
        return key, value

    @app.post("/attachments")
    async def keep(body: Keep) -> Any:
        """Be a pod of a service account for as long as the sandbox runs."""
        attachment = await control.attachments.keep(account_of(body.service_account))
        return msgspec.to_builtins(
            replace(attachment, environment={**attachment.environment, **control.pod_variables})
        )

    @app.post("/tokens")
    async def token(body: NewToken) -> dict[str, str]:
        """A fresh token for a service account and audience, as it would be projected."""
        account = account_of(body.service_account)
        return {"token": await control.cluster.create_token(account, body.audience, body.seconds)}

    @app.get("/attach")
    async def attach(
        service_account: Annotated[str, Query()] = "",
        annotation: Annotated[tuple[str, ...], Query()] = (),
    ) -> StreamingResponse:
        """Be a pod of a service account for as long as this answer is being read.

        The first line is `{"environment": {...}, "directory": ...}`, or `{"detail": ...}` if refused;
        the token file is renewed until the reader goes away.
        """
        import anyio

        account, annotations = account_of(service_account), dict(map(annotation_of, annotation))

        async def stream() -> AsyncIterator[bytes]:
            try:
                async with control.cluster.attach(account, annotations) as attachment:
                    environment = {**attachment.environment, **control.pod_variables}
                    yield msgspec.json.encode(replace(attachment, environment=environment)) + b"\n"
                    while True:
                        await anyio.sleep(5)
                        yield b"\n"  # a reader that has gone is noticed at the next write
            except ClusterError as error:
                yield msgspec.json.encode({"detail": str(error)}) + b"\n"

        return StreamingResponse(stream(), media_type=NDJSON)


def _history_routes(app: FastAPI, history: History) -> None:
    @app.get("/history")
    async def show() -> Any:
        """What was asked of this service, oldest first: for `scenario record`."""
        return msgspec.to_builtins(list(history.commands))


def _world_routes(app: FastAPI, control: Control, desk: FaultDesk) -> None:
    @app.post("/world")
    async def begin_anew(body: dict[str, Any]) -> dict[str, Any]:
        """Begin anew with a world (a world file's content): emulators forget all, faults and the clock too.

        What runs in the cluster is not touched: delete it before.
        """
        world = from_document(YamlDocument("<world>", body))
        if control.reload is None:
            raise HTTPException(
                409, "this sandbox's cluster belongs to its world; start another with up --world FILE"
            )
        control.faults.clear()
        control.clock.follow(0.0, {})
        await control.reload(world)
        desk.world = world
        clusters = tuple(one.name for one in world.clusters)
        loaded = WorldLoaded(world.name, tuple(service_names(world)), clusters)
        control.journal.add("control", control.clock.now(), loaded, 0.0)
        return {"world": world.name, "journal": control.journal.sequence}
