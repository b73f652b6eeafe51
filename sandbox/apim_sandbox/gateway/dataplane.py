"""The gateway's front: status, then host, routing, keys, policies, forwarding. Bodies stream both ways."""

from collections.abc import AsyncIterator, Callable
from email.utils import formatdate

import httpx
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from apim_emulators.core.clock import Clock
from apim_emulators.core.events import RequestServed
from apim_emulators.core.ids import Ids
from apim_emulators.core.journal import Journal
from apim_emulators.core.provenance import Behaviour
from apim_sandbox.gateway import errors, policies, status, subscriptions
from apim_sandbox.gateway.logs import GatewayLog
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.gateway.routing import Match, find
from apim_sandbox.gateway.state import Configuration

BACKEND_TIMEOUT = 300.0  # seconds: forward-request's documented default

_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade", b"host")
)  # fmt: skip

FORWARDING = Behaviour(
    id="gateway.dataplane.forwarding",
    label="documented",
    statement="a request goes to the API's service URL with the rest of its path, query, headers and body",
    source="Microsoft's forward-request policy; time-out 300 s",
    witness="tests/sandbox/gateway/test_dataplane.py::test_a_request_is_forwarded_with_its_rest_query_and_body",
)

HOSTS = Behaviour(
    id="gateway.dataplane.hosts",
    label="assumed",
    statement="a gateway with host names serves APIs under these alone (others get 404), one without under "
    "any; status paths answer under any",
    source="hostname configurations are documented; what another Host header gets is not",
    witness="tests/sandbox/gateway/test_dataplane.py::test_a_gateway_with_host_names_serves_under_them_alone",
)
WILDCARDS = Behaviour(
    id="gateway.dataplane.host-wildcards",
    label="assumed",
    statement="a host name's own entry goes before `*.` and one label, that before `*`",
    source="azure-rest-api-specs: a hostname may be a partial or full wildcard; its reach is not documented",
    witness="tests/sandbox/gateway/test_dataplane.py::test_a_host_name_may_be_a_wildcard",
)


class DataPlane(Struct):
    """An ASGI application; `configuration` gives what is in force, None before the first."""

    configuration: Callable[[], Configuration | None]
    backend: httpx.AsyncClient
    clock: Clock
    ids: Ids
    journal: Journal
    log: GatewayLog
    pod: PodIdentity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        configuration = self.configuration()
        probed = status.answer(path, scope["method"], configuration is not None)
        served = _Served(send, self.clock)
        if probed is not None:
            await probed(scope, receive, served)
            return
        started = self.clock.tick()
        match: Match | None = None
        try:
            if configuration is None:
                await errors.render(errors.NOT_CONFIGURED)(scope, receive, served)
                return
            request = Request(scope, receive)
            if not configuration.hosts or configuration.host_name(_host(request)):
                match = find(
                    configuration.apis, request.method, path, request.url.query, dict(request.headers)
                )
            response = self._refuse(configuration, match, request)
            if response is not None or match is None:
                await (response or errors.render(errors.NOT_FOUND))(scope, receive, served)
                return
            await self._run(configuration, match, request, served)
        finally:
            event = RequestServed(
                namespace=self.pod.namespace,
                pod=self.pod.name,
                method=scope["method"],
                path=path,
                status=served.status or 499,
                api=match.api.name if match else "",
                backend=(match.api.service_url or "") if match and served.forwarded else "",
            )
            self.journal.append(event, duration=self.clock.tick() - started)

    def _refuse(self, configuration: Configuration, match: Match | None, request: Request) -> Response | None:
        if match is None or not match.api.subscription_required:
            return None
        error = subscriptions.check(configuration.subscriptions, match.api, request)
        if error is None:
            return None
        return errors.render(
            error,
            {
                "www-authenticate": f'AzureApiManagementKey realm="{request.url.scheme}://{request.url.netloc}"'
            },
        )

    async def _run(
        self, configuration: Configuration, match: Match, request: Request, send: "_Served"
    ) -> None:
        """The operation's policies, around the back end's answer."""
        operation = match.operation.name if match.operation else ""
        plan = configuration.plans[match.api.name, operation]
        dropped = _hop_by_hop(request.headers.get("connection"))
        headers = [(name, value) for name, value in request.headers.raw if name not in dropped]
        early = policies.run((*plan.inbound, *plan.backend), headers)
        if early is not None:
            await _send(send, early.status, early.answer_headers(), early.body)
        elif plan.forwards:
            await self._forward(plan, match, request, headers, send)
        else:
            await self._answer(plan, 200, [], None, send)

    async def _forward(
        self,
        plan: policies.Plan,
        match: Match,
        request: Request,
        headers: policies.Headers,
        send: "_Served",
    ) -> None:
        if match.api.service_url is None:
            self._failed(match, "the API has no service URL")
            await errors.render(errors.BACKEND_FAILED)(request.scope, request.receive, send)
            return
        address = match.api.service_url.rstrip("/") + match.rest
        if request.url.query:
            address += f"?{request.url.query}"
        send.forwarded = True
        try:
            outgoing = self.backend.build_request(
                request.method,
                address,
                headers=headers,
                content=_body(request) if _has_body(request) else None,
                timeout=BACKEND_TIMEOUT,
            )
            answer = await self.backend.send(outgoing, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._failed(match, f"{type(error).__name__}: {error}")
            await errors.render(errors.BACKEND_FAILED)(request.scope, request.receive, send)
            return
        except ClientDisconnect:
            return
        try:
            dropped = _hop_by_hop(answer.headers.get("connection"))
            kept = [
                (name.lower(), value) for name, value in answer.headers.raw if name.lower() not in dropped
            ]
            await self._answer(plan, answer.status_code, kept, answer, send)
        finally:
            await answer.aclose()

    async def _answer(
        self,
        plan: policies.Plan,
        status_code: int,
        headers: policies.Headers,
        answer: httpx.Response | None,
        send: "_Served",
    ) -> None:
        """The back end's answer, or an empty one, after the outbound policies."""
        instead = policies.run(plan.outbound, headers)
        if instead is not None:
            await _send(send, instead.status, instead.answer_headers(), instead.body)
            return
        if answer is None:
            await _send(send, status_code, headers, b"")
            return
        await send({"type": "http.response.start", "status": status_code, "headers": headers})
        async for chunk in answer.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _failed(self, match: Match, reason: str) -> None:
        self.log.emit(
            "error",
            "FailedToProcessRequest",
            f"api: {match.api.revision_name}, back end: {match.api.service_url}",
            exception=reason,
        )


class _Served:
    """`send` that remembers the status, and dates an answer that no back end has dated."""

    def __init__(self, send: Send, clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self.status: int | None = None
        self.forwarded = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not any(name == b"date" for name, _ in message["headers"]):
                date = formatdate(self._clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
        await self._send(message)


async def _send(send: Send, status_code: int, headers: policies.Headers, body: bytes) -> None:
    """An answer that the gateway makes itself."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status_code, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _host(request: Request) -> str:
    """The host that the request is for, without its port."""
    return (request.url.hostname or "").lower()


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk


def _hop_by_hop(connection: str | None) -> frozenset[bytes]:
    """Headers that end here, those included that `Connection` names (RFC 9110 7.6.1)."""
    if not connection:
        return _HOP_BY_HOP
    return _HOP_BY_HOP | {name.strip().lower().encode("latin-1") for name in connection.split(",")}
