"""The control service's cluster: manifests go in; pods, events and logs come out."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from apim_sandbox.control.offers import Body, Offers
from apim_sandbox.control.steered import Control

_YES = ("true", "1", "yes")


class Document(Body, frozen=True):
    """A manifest as text; `path` is what places in messages name."""

    text: str
    path: str = ""


class Manifests(Body, frozen=True):
    """Manifests, in the order in which they are applied."""

    documents: tuple[Document, ...]

    def pairs(self) -> list[tuple[str, str]]:
        return [(document.path, document.text) for document in self.documents]


def cluster_routes(offers: Offers, control: Control) -> None:
    """Add them to the control service."""
    _listings(offers, control)

    @offers.post("/apply", body=Manifests)
    async def apply(_: Request, body: Manifests) -> Any:
        """As `kubectl apply`: what became of each object."""
        return await control.cluster.apply(body.pairs())

    @offers.post("/delete", body=Manifests)
    async def delete(_: Request, body: Manifests) -> Any:
        """As `kubectl delete -f`."""
        return await control.cluster.delete(body.pairs())

    @offers.get("/pods/{namespace}/{name}")
    async def pod(request: Request) -> Any:
        """The pod as Kubernetes' object, as admission left it."""
        found = await control.cluster.pod(*_named(request))
        if found is None:
            raise _no_pod(request)
        return found

    @offers.delete("/pods/{namespace}/{name}")
    async def delete_pod(request: Request) -> None:
        """Its Deployment makes another one."""
        if not await control.cluster.delete_pod(*_named(request)):
            raise _no_pod(request)

    @offers.get("/pods/{namespace}/{name}/logs", query=["follow"])
    async def logs(request: Request) -> Response:
        """The container's log; with `follow`, as it grows."""
        namespace, name = _named(request)
        if not any(pod.namespace == namespace and pod.name == name for pod in await control.cluster.pods()):
            raise _no_pod(request)
        if request.query_params.get("follow", "").lower() not in _YES:
            lines = await control.cluster.logs(namespace, name)
            return PlainTextResponse("".join(f"{line}\n" for line in lines))

        async def stream() -> AsyncIterator[bytes]:
            async for line in control.cluster.follow_logs(namespace, name):
                yield f"{line}\n".encode()

        return StreamingResponse(stream(), media_type="text/plain; charset=utf-8")


def _listings(offers: Offers, control: Control) -> None:
    @offers.get("/pods")
    async def pods(_: Request) -> Any:
        """Every pod."""
        return await control.cluster.pods()

    @offers.get("/events")
    async def events(_: Request) -> Any:
        """What Kubernetes says of its objects."""
        return await control.cluster.events()

    @offers.get("/serviceaccounts")
    async def service_accounts(_: Request) -> Any:
        """Every service account with its annotations."""
        return await control.cluster.service_accounts()

    @offers.get("/secrets")
    async def secrets(_: Request) -> Any:
        """The cluster's Secrets: of what they hold, certificates alone are shown."""
        return await control.cluster.objects("Secret")

    @offers.get("/webhooks")
    async def webhooks(_: Request) -> Any:
        """The webhooks' configurations."""
        return await control.cluster.objects("MutatingWebhookConfiguration")

    @offers.get("/gateways")
    async def gateways(_: Request) -> Any:
        """Each gateway's newest state."""
        return await control.gateways()


def _named(request: Request) -> tuple[str, str]:
    return request.path_params["namespace"], request.path_params["name"]


def _no_pod(request: Request) -> HTTPException:
    return HTTPException(404, "no pod {}/{}".format(*_named(request)))
