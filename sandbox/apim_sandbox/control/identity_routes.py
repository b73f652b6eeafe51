"""The control service's routes for whoever wants to be a pod: an environment, a token file, a token."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
import msgspec
from msgspec import Meta
from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

from apim_emulators.core.vocabulary import ServiceAccountName
from apim_sandbox.cluster.protocol import Attachment, ClusterError
from apim_sandbox.control.journal_routes import NDJSON
from apim_sandbox.control.offers import Body, Offers
from apim_sandbox.control.steered import Control


class Keep(Body, frozen=True):
    """Be a pod of `NAMESPACE/NAME` (empty: the world's first) until the sandbox ends."""

    service_account: str = ""


class NewToken(Body, frozen=True):
    """What a projected token is made of; life in seconds, as TokenRequest bounds it."""

    service_account: str = ""
    audience: str = ""
    seconds: Annotated[int, Meta(ge=1, le=1 << 32)] = 3600


def identity_routes(offers: Offers, control: Control) -> None:
    """Add them to the control service."""

    def account_of(text: str) -> ServiceAccountName:
        return ServiceAccountName.parse(text or control.default_service_account)

    def annotation_of(text: str) -> tuple[str, str]:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise HTTPException(422, f"annotation {text!r} is not of the form KEY=VALUE")
        return key, value

    def whole(attachment: Attachment) -> Attachment:
        return replace(attachment, environment={**attachment.environment, **control.pod_variables})

    @offers.post("/attachments", body=Keep)
    async def keep(_: Request, body: Keep) -> Attachment:
        """Be a pod of a service account for as long as the sandbox runs."""
        return whole(await control.attachments.keep(account_of(body.service_account)))

    @offers.post("/tokens", body=NewToken)
    async def token(_: Request, body: NewToken) -> dict[str, str]:
        """A fresh token for a service account and audience, as it would be projected."""
        account = account_of(body.service_account)
        return {"token": await control.cluster.create_token(account, body.audience, body.seconds)}

    @offers.get("/attach", query=["service_account", "annotation"])
    async def attach(request: Request) -> StreamingResponse:
        """Be a pod of a service account for as long as this answer is being read.

        The first line is `{"environment": {...}, "directory": ...}`, or `{"detail": ...}` if refused;
        the token file is renewed until the reader goes away.
        """
        account = account_of(request.query_params.get("service_account", ""))
        annotations = dict(map(annotation_of, request.query_params.getlist("annotation")))

        async def stream() -> AsyncIterator[bytes]:
            try:
                async with control.cluster.attach(account, annotations) as attachment:
                    yield msgspec.json.encode(whole(attachment)) + b"\n"
                    while True:
                        await anyio.sleep(5)
                        yield b"\n"  # a reader that has gone is noticed at the next write
            except ClusterError as error:
                yield msgspec.json.encode({"detail": str(error)}) + b"\n"

        return StreamingResponse(stream(), media_type=NDJSON)
