"""Where pods reach the cluster's token proxy: a TLS listener of the cluster's own name and CA.

    pod ──TLS, server name NAME.ests.sandbox.test, the cluster's CA──► here ──► the issuer's token proxy

A pod of AKS finds it at the API server's address and tells it apart by the server name alone. Here it has
a port of its own on loopback, which the pods' variables name instead of https://kubernetes.default.svc.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from apim_emulators.core.http import BodyTooLargeError, read_body
from apim_emulators.oidc.model import token_proxy_host
from apim_sandbox.serving.certificates import CertificateAuthority
from apim_sandbox.serving.edge import listen, serving

_CLIENTS_OWN = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})
_OURS_AGAIN = frozenset({"content-length", "connection", "transfer-encoding", "date", "content-encoding"})


class Place(Struct, frozen=True):
    """How pods reach the token proxy: `url` for their variables, `root_ca` (PEM) to verify it."""

    url: str
    root_ca: str


@asynccontextmanager
async def served_token_proxy(cluster: str, directory: Path, http: httpx.AsyncClient) -> AsyncIterator[Place]:
    """Serve the token proxy of `cluster` while the block runs; its CA is kept in `directory`."""
    name = token_proxy_host(cluster)
    authority = CertificateAuthority(directory)
    bound = listen(0, "--edge-port")
    with bound:
        async with serving(Forward(http, name), bound, only_for(name, authority)):
            url = f"https://localhost:{bound.getsockname()[1]}"
            yield Place(url, authority.ca_file.read_text())


def only_for(name: str, authority: CertificateAuthority) -> ssl.SSLContext:
    """A TLS context that answers a hello for `name` and refuses every other one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(*authority.issue(name))

    def check(_: ssl.SSLObject, asked: str | None, __: ssl.SSLContext) -> int | None:
        return None if asked == name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = check
    return context


class Forward:
    """ASGI: hands every request on to `host` and its answer back."""

    def __init__(self, http: httpx.AsyncClient, host: str) -> None:
        self._http = http
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            body = await read_body(request)
        except BodyTooLargeError as error:
            return PlainTextResponse(f"{error}\n", 413)
        url = request.url.replace(scheme="https", netloc=self._host)
        headers = {name: value for name, value in request.headers.items() if name not in _CLIENTS_OWN}
        try:
            answer = await self._http.request(request.method, str(url), content=body, headers=headers)
        except httpx.HTTPError as error:
            return PlainTextResponse(
                f"the token proxy can't be reached: {str(error) or type(error).__name__}\n", 502
            )
        kept = {name: value for name, value in answer.headers.items() if name not in _OURS_AGAIN}
        return Response(answer.content, answer.status_code, kept)
