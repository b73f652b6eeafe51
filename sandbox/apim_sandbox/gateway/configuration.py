"""The client of the configuration API: snapshot, events, heartbeat.

One call is one request. Every failure is an `ApiError` whose text is what the gateway's log shows as
the exception.
"""

import zlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import anyio
import httpx
import msgspec

from apim_emulators.core.clock import Clock
from apim_emulators.core.events import ConfigurationAsked
from apim_emulators.core.ids import Ids
from apim_emulators.core.journal import Journal
from apim_emulators.core.provenance import Behaviour
from apim_emulators.core.vocabulary import Revision, VocabularyError
from apim_sandbox.gateway.egress import Egress
from apim_sandbox.gateway.logs import GatewayLog
from apim_sandbox.gateway.pod import PodIdentity
from apim_sandbox.gateway.settings import Settings
from apim_sandbox.gateway.token_source import TokenError
from apim_sandbox.gateway.tokens import Authorization

PAGE = 100  # events a request
MAX_SNAPSHOT = 64 * 1024 * 1024  # bytes, unpacked
_SOURCE = "ConfigurationApiClient"

EVENTS_REQUEST = Behaviour(
    id="gateway.configuration.events-request",
    label="observed",
    statement="GET {endpoint}/gateways/{name}/events?$top=100&$skiptoken={revision as 8 hex digits}",
    source="logs in self-hosted-gateway#328 and PR #371",
    witness="tests/sandbox/gateway/test_configuration.py::test_the_events_request_is_spelled_as_in_public_logs",
)
SNAPSHOT_REQUEST = Behaviour(
    id="gateway.configuration.snapshot-request",
    label="assumed",
    statement="GET {endpoint}/gateways/{name}/snapshot gives gzip JSON; POST .../heartbeat tells the version",
    source="snapshot and heartbeat exist in public logs; their paths and bodies are not public",
    witness="tests/sandbox/gateway/test_configuration.py::test_a_snapshot_is_read",
)
EXCEPTION_TEXT = Behaviour(
    id="gateway.configuration.exception-text",
    label="assumed",
    statement="a refusal is logged as 'Gateway.Configuration.Client.ApiException: StatusCode: ..., "
    "Content: ...', a token failure with the text of azure-identity",
    source="PR #371 shows the beginning, cut after 'Forbidden, Cont'; the rest is ours",
    witness="tests/sandbox/gateway/test_loop.py::test_a_403_reads_as_in_the_report",
)


class ApiError(Exception):
    """The configuration API could not be used.

    The message is the log's exception text; `status` is None when there was no answer, `uri` what
    was, or would have been, asked. `host` is set when its name could not be resolved.
    """

    def __init__(self, message: str, uri: str, status: int | None = None, host: str = "") -> None:
        super().__init__(message)
        self.uri = uri
        self.status = status
        self.host = host


class SnapshotRequiredError(Exception):
    """The events after this revision are no longer kept: start again from a snapshot."""


class Entity(msgspec.Struct, frozen=True):
    """An object of the configuration, such as `apis/echo-api`."""

    entity: str
    data: Any = None


class Snapshot(msgspec.Struct, frozen=True, rename="camel"):
    """The whole configuration at a revision."""

    revision: str
    service_name: str
    gateway_id: str
    entities: tuple[Entity, ...]


class Change(msgspec.Struct, frozen=True):
    """One event of the feed."""

    revision: str
    entity: str
    operation: Literal["upsert", "delete"]
    data: Any = None


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """At most `PAGE` events; `next_skip_token` is the revision after them."""

    value: tuple[Change, ...]
    next_skip_token: str


@dataclass(slots=True)
class ConfigurationClient:
    """Asks on behalf of one gateway."""

    settings: Settings
    http: httpx.AsyncClient
    egress: Egress
    authorization: Authorization
    clock: Clock
    ids: Ids
    journal: Journal
    log: GatewayLog
    pod: PodIdentity
    _dataset_id: str = field(init=False)

    def __post_init__(self) -> None:
        self._dataset_id = self.ids.secret(15)

    @property
    def base(self) -> str:
        """The gateway's address; slashes at the endpoint's end stay, as in the real gateway's log."""
        return f"{self.settings.endpoint}/gateways/{quote(self.settings.gateway_name, safe='')}"

    async def snapshot(self) -> Snapshot:
        """The configuration as it is. Raises `ApiError`."""
        uri = f"{self.base}/snapshot"
        answer = await self._ask("snapshot", "GET", uri)
        try:
            found = msgspec.json.decode(_unpacked(answer.content), type=Snapshot)
            Revision.parse(found.revision)
        except (msgspec.DecodeError, VocabularyError, zlib.error, ValueError) as error:
            raise ApiError(
                _exception(f"the snapshot can't be read: {error}"), uri, answer.status_code
            ) from None
        return found

    async def events(self, after: Revision) -> Page:
        """The next page of changes. Raises `SnapshotRequiredError` or `ApiError`."""
        uri = f"{self.base}/events?$top={PAGE}&$skiptoken={after}"
        answer = await self._ask("events", "GET", uri)
        try:
            page = msgspec.json.decode(answer.content, type=Page)
            Revision.parse(page.next_skip_token)
        except (msgspec.DecodeError, VocabularyError) as error:
            raise ApiError(
                _exception(f"the events can't be read: {error}"), uri, answer.status_code
            ) from None
        return page

    async def heartbeat(self, revision: Revision) -> bool:
        """Say that this instance lives; False where there is no valid token to say it with."""
        body = {"instanceId": self.pod.name, "version": self.settings.version, "revision": str(revision)}
        uri = f"{self.base}/heartbeat"
        if await self._header(uri, renew=False) is None:
            return False
        await self._ask("heartbeat", "POST", uri, body)
        return True

    async def _ask(
        self, operation: Literal["snapshot", "events", "heartbeat"], method: str, uri: str, body: Any = None
    ) -> httpx.Response:
        header = await self._header(uri, renew=operation != "heartbeat")
        request_id = self.ids.uuid()
        if operation == "events":
            self.log.emit(
                "debug",
                "GettingEventsFromApi",
                f"uri: {uri}, dataset-id: {self._dataset_id}, request-id: {request_id}",
                source=_SOURCE,
            )
        headers = {
            "authorization": header or "",
            "x-ms-client-request-id": request_id,
            "accept": "application/json",
        }
        started = self.clock.tick()
        answer: httpx.Response | None = None
        error = ""
        try:
            answer = await self._send(method, uri, headers, body)
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                self.authorization.refused()
            if answer.status_code == HTTPStatus.GONE and operation == "events":
                error = "snapshot required"
                raise SnapshotRequiredError
            if not answer.is_success:
                error = _exception(f"StatusCode: {_status_name(answer.status_code)}, Content: {answer.text}")
                raise ApiError(error, uri, answer.status_code)
        except ApiError as failure:
            error = str(failure)
            raise
        finally:
            event = ConfigurationAsked(
                namespace=self.pod.namespace,
                pod=self.pod.name,
                operation=operation,
                url=uri,
                status=answer.status_code if answer is not None else None,
                request_id=(answer.headers.get("x-ms-request-id") if answer is not None else None)
                or request_id,
                error=error,
            )
            self.journal.append(event, duration=self.clock.tick() - started)
        return answer

    async def _header(self, uri: str, *, renew: bool) -> str | None:
        try:
            return await self.authorization.header(renew=renew)
        except TokenError as error:
            raise ApiError(f"Azure.Identity.AuthenticationFailedException: {error}", uri) from None

    async def _send(self, method: str, uri: str, headers: dict[str, str], body: Any) -> httpx.Response:
        """One request within the time-out. Raises `ApiError` in the words of .NET's HttpClient."""
        limit = self.settings.timeout
        try:
            with anyio.fail_after(limit):
                await self.egress.passed()
                return await self.http.request(method, uri, headers=headers, json=body, timeout=limit)
        except (TimeoutError, httpx.TimeoutException):
            text = (
                "System.Threading.Tasks.TaskCanceledException: The request was canceled due to the "
                f"configured HttpClient.Timeout of {limit:g} seconds elapsing."
            )
            raise ApiError(text, uri) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            host = httpx.URL(self.settings.endpoint).host
            unresolved = any(sign in reason for sign in _UNRESOLVED)
            text = f"System.Net.Http.HttpRequestException: {reason} ({host}:{httpx.URL(uri).port or 443})"
            raise ApiError(text, uri, host=host if unresolved else "") from None


_UNRESOLVED = ("Name or service not known", "nodename nor servname", "Temporary failure in name resolution",
               "No address associated", "getaddrinfo failed", "Resource temporarily unavailable")  # fmt: skip


def _unpacked(content: bytes) -> bytes:
    """The body as JSON: some stores serve a gzip file as such instead of as a content encoding."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacker = zlib.decompressobj(wbits=31)
    data = unpacker.decompress(content, MAX_SNAPSHOT)
    if not unpacker.eof:
        raise ValueError(f"it is cut short or unpacks to more than {MAX_SNAPSHOT} bytes")
    return data


def _exception(text: str) -> str:
    return f"Gateway.Configuration.Client.ApiException: {text}"


def _status_name(status: int) -> str:
    """.NET's name of an HTTP status: `Forbidden`, `NotFound`, `TooManyRequests`."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return str(status)
    return "".join(word.capitalize() for word in phrase.replace("-", " ").split())
