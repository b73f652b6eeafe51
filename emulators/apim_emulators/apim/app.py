"""The configuration API, `https://{service}.configuration.azure-api.net`: what gateways poll.

Plain Starlette, one dispatch: which service, which gateway, who calls, may it, what is new.
"""

import gzip
import math
from typing import Any, Literal

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from apim_emulators.apim import behaviours
from apim_emulators.apim.access import OUTAGES, Access
from apim_emulators.apim.errors import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    FORBIDDEN,
    LEGACY_DISABLED,
    LEGACY_RETIRED,
    METHOD_NOT_ALLOWED,
    SNAPSHOT_REQUIRED,
    THROTTLED,
    UNAUTHORIZED,
    UNAVAILABLE,
    UNKNOWN_GATEWAY,
    UNKNOWN_PATH,
    UNKNOWN_SERVICE,
    ApimRefusedError,
)
from apim_emulators.apim.feed import Compacted, Page, event_json
from apim_emulators.apim.gateway_tokens import SCHEME, check_token, parse_token
from apim_emulators.apim.model import Gateway, Instance, Service
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.apim.state import ApimState
from apim_emulators.apim.throttle import Throttle
from apim_emulators.apim.token_events import TokenEvents
from apim_emulators.core.bearer import AccessTokens, Refusal
from apim_emulators.core.context import Context
from apim_emulators.core.events import ConfigurationAnswered, Half, Token
from apim_emulators.core.faults import CorruptSnapshot, FeedCompacted, HeartbeatsLost, StaleConfiguration
from apim_emulators.core.http import BodyTooLargeError, json_response, read_body
from apim_emulators.core.provenance import HEADER, Behaviour
from apim_emulators.core.vocabulary import LEGACY_CONFIGURATION_DOMAIN, Revision, VocabularyError

MAX_TOP = 100
_MAX_HEARTBEAT = 16 * 1024  # bytes
Entities = tuple[int, dict[str, dict[str, Any]]]  # at a revision
Operation = Literal["snapshot", "events", "heartbeat", "other"]
_OPERATIONS: dict[str, Operation] = {"snapshot": "snapshot", "events": "events", "heartbeat": "heartbeat"}
_METHODS: dict[Operation, str] = {
    "snapshot": "GET, HEAD, OPTIONS",
    "events": "GET, HEAD, OPTIONS",
    "heartbeat": "POST, OPTIONS",
}


class Heartbeat(msgspec.Struct, rename="camel"):
    """What an instance tells about itself each minute; `revision` is the one that it serves from."""

    instance_id: str
    version: str = ""
    revision: str = ""


class Told(Struct):
    """What the journal will say of a request, filled as it becomes known."""

    operation: Operation = "other"
    service: str = ""
    gateway: str = ""
    caller: str = ""
    uti: str = ""
    token: Token | None = None
    reader: Half | None = None
    validator: Half | None = None
    cause: str = ""
    revision: str = ""
    entities: int = 0
    instance: str = ""
    gateways: tuple[str, ...] = ()


def create_app(context: Context, state: ApimState, settings: ApimSettings) -> "ConfigurationApi":
    """Every service's configuration endpoint; the `Host` header says which. Journals through `context`."""
    if state.journal is None:
        state.journal = context.journal
    return ConfigurationApi(context, state, settings)


class ConfigurationApi:
    def __init__(self, context: Context, state: ApimState, settings: ApimSettings) -> None:
        self._context = context
        self._state = state
        self._settings = settings
        self._forget()

    def forget(self) -> None:
        """Drop what a restart would lose: instances, what ARM said, own tokens, counted requests."""
        self._state.forget()
        self._forget()

    def _forget(self) -> None:
        context, settings = self._context, self._settings
        self._access = Access(context, self._state, settings)
        self._tokens = AccessTokens(
            context.http, context.clock, audiences=settings.audiences, leeway=settings.token_leeway
        )
        self._throttle = Throttle(settings.requests_per_minute)
        self._token_events = TokenEvents(context.journal, settings.near_expiry)
        self._told: dict[str, Entities] = {}  # by gateway: the snapshot that was served last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = self._context.clock.tick()
        request = Request(scope, receive)
        told = Told()
        try:
            response = await self._answer(request, told)
        except ApimRefusedError as refused:
            response = json_response(refused.body(), refused.error.status, refused.headers)
            response.headers[HEADER] = f"{refused.error.label}; id=apim-{refused.error.code}"
        request_id = request.headers.get("x-ms-client-request-id", "")[:64] or self._context.ids.uuid()
        response.headers["x-ms-request-id"] = request_id
        self._journal(request, response, told, request_id, self._context.clock.tick() - started)
        if request.method == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    async def _answer(self, request: Request, told: Told) -> Response:
        segments = [segment for segment in request.url.path.split("/") if segment]
        host = request.headers.get("host", "").partition(":")[0]
        self._refuse_legacy(host, told)
        service = self._state.service_of_host(host)
        if service is None:
            told.cause = "service-unknown"
            raise ApimRefusedError(UNKNOWN_SERVICE, host=host)
        told.service = service.name
        operation = _OPERATIONS.get(segments[2]) if len(segments) == 3 and segments[0] == "gateways" else None
        if operation is None:
            told.cause = "v1-path" if segments[:1] == ["subscriptions"] else "path-unknown"
            raise ApimRefusedError(UNKNOWN_PATH, path="/" + "/".join(segments))
        told.operation, told.gateway = operation, segments[1]
        allowed = _METHODS[operation]
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": allowed})
        if request.method not in allowed.split(", "):
            told.cause = "method-not-allowed"
            raise ApimRefusedError(METHOD_NOT_ALLOWED, {"allow": allowed}, method=request.method)
        self._refuse_too_many(service, told)
        gateway = await self._admit(request, service, told)
        match told.operation:
            case "snapshot":
                return self._snapshot(request, service, gateway, told)
            case "events":
                return self._events(request, gateway, told)
            case _:
                return await self._heartbeat(request, gateway, told)

    def _refuse_legacy(self, host: str, told: Told) -> None:
        """Version 1 had a domain of its own, which answers nobody any more."""
        name, _, domain = host.lower().rstrip(".").partition(".")
        if domain != LEGACY_CONFIGURATION_DOMAIN:
            return
        for service in self._state.services():
            if service.name.lower() == name:
                told.service = service.name
                disabled = service.legacy_api == "Disabled"
                told.cause = "legacy-api-disabled" if disabled else "legacy-api-retired"
                raise ApimRefusedError(LEGACY_DISABLED if disabled else LEGACY_RETIRED, service=service.name)

    def _refuse_too_many(self, service: Service, told: Told) -> None:
        seconds = self._throttle.wait(f"{service.id}/{told.gateway}".lower(), self._context.clock.now())
        if seconds:
            told.cause = "throttled"
            whole = max(1, math.ceil(seconds))
            raise ApimRefusedError(
                THROTTLED,
                {"retry-after": str(whole)},
                limit=self._settings.requests_per_minute,
                seconds=whole,
            )

    # --- may the caller?

    async def _admit(self, request: Request, service: Service, told: Told) -> Gateway:
        """The gateway, once the caller may have its configuration; raises `ApimRefusedError`."""
        authorization = request.headers.get("authorization")
        scheme, _, credential = (authorization or "").partition(" ")
        found = self._state.gateway(f"{service.id}/gateways/{told.gateway}")
        if scheme.lower() == SCHEME.lower():
            return self._admit_by_key(credential.strip(), found, told)
        checked = await self._tokens.check(
            authorization, trusts=lambda tenant: tenant.lower() == service.tenant_id.lower()
        )
        if isinstance(checked, Refusal):
            told.token, told.cause = checked.token, checked.cause
            if checked.cause in OUTAGES:
                raise ApimRefusedError(UNAVAILABLE, {"retry-after": "10"})
            raise ApimRefusedError(UNAUTHORIZED, {"www-authenticate": "Bearer"})
        told.caller, told.uti, told.token = checked.object_id, checked.uti, checked.token
        if found is None:
            told.cause = "gateway-unknown"
            told.gateways = tuple(sorted(one.name for one in self._state.gateways(service.id)))
            raise ApimRefusedError(UNKNOWN_GATEWAY, gateway=told.gateway)
        verdict = await self._access.verdict(service, found, checked.object_id)
        told.reader, told.validator, told.cause = verdict.reader, verdict.validator, verdict.cause
        if verdict.cause in OUTAGES:
            raise ApimRefusedError(UNAVAILABLE, {"retry-after": "10"})
        if not verdict.granted:
            raise ApimRefusedError(FORBIDDEN)
        return found

    def _admit_by_key(self, credential: str, found: Gateway | None, told: Told) -> Gateway:
        keys = self._state.existing_keys(found.id) if found else None
        now = self._context.clock.now()
        cause = check_token(credential, told.gateway, keys, now)
        token = parse_token(credential)
        if found is not None and token is not None and cause in (None, "gateway-token-expired"):
            instances = self._state.instances(found.id, now)
            self._token_events.used(found, token, instances[0].id if instances else "", now)
        if cause is not None or found is None:
            told.cause = cause or "gateway-unknown"
            raise ApimRefusedError(UNAUTHORIZED, {"www-authenticate": SCHEME})
        return found

    # --- what it gets

    def _snapshot(self, request: Request, service: Service, gateway: Gateway, told: Told) -> Response:
        revision, entities = self._current(gateway)
        told.revision, told.entities = str(Revision(revision)), len(entities)
        etag = f'"{told.revision}"'
        headers = {
            "etag": etag,
            "vary": "accept-encoding",
            "cache-control": "no-cache",
            HEADER: behaviours.SNAPSHOT.header,
        }
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        body = msgspec.json.encode(
            {
                "revision": told.revision,
                "serviceName": service.name,
                "gatewayId": gateway.name,
                "entities": [{"entity": name, "data": data} for name, data in entities.items()],
            }
        )
        corrupt = self._context.faults.ask(CorruptSnapshot, gateway=gateway.name)
        if corrupt is not None:
            body = corrupt.changed(body)
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 6, mtime=0)
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers, media_type="application/json")

    def _current(self, gateway: Gateway) -> Entities:
        """The feed's newest revision with all entities; the last one told where a fault hides what is new."""
        last = self._told.get(gateway.id.lower())
        if last is not None and self._context.faults.ask(StaleConfiguration, gateway=gateway.name):
            return last
        current = self._told[gateway.id.lower()] = self._state.snapshot(gateway)
        return current

    def _page(self, gateway: Gateway, after: int, top: int) -> Page | Compacted:
        faults = self._context.faults
        if faults.ask(FeedCompacted, gateway=gateway.name) is not None:
            head = self._state.head(gateway)
            return Compacted(after, head, head)
        page = self._state.events(gateway, after, top)
        hides = isinstance(page, Page) and page.events
        if hides and faults.ask(StaleConfiguration, gateway=gateway.name) is not None:
            return Page((), after)
        return page

    def _events(self, request: Request, gateway: Gateway, told: Told) -> Response:
        after, top = _paging(request, told)
        page = self._page(gateway, after, top)
        if isinstance(page, Compacted):
            told.cause, told.revision = "snapshot-required", str(Revision(page.head))
            raise ApimRefusedError(SNAPSHOT_REQUIRED, asked=Revision(after))
        told.revision, told.entities = str(Revision(page.next_revision)), len(page.events)
        return _json(
            {"value": [event_json(event) for event in page.events], "nextSkipToken": told.revision},
            behaviours.EVENTS,
        )

    async def _heartbeat(self, request: Request, gateway: Gateway, told: Told) -> Response:
        try:
            beat = msgspec.json.decode(await read_body(request, _MAX_HEARTBEAT), type=Heartbeat)
        except BodyTooLargeError as error:
            told.cause = "body-too-large"
            raise ApimRefusedError(BODY_TOO_LARGE, limit=error.limit) from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            told.cause = "heartbeat-malformed"
            raise ApimRefusedError(BAD_REQUEST, problem=f"Not a heartbeat: {error}") from None
        if not 0 < len(beat.instance_id) <= 128:
            told.cause = "heartbeat-malformed"
            raise ApimRefusedError(
                BAD_REQUEST, problem="Not a heartbeat: instanceId takes 1 to 128 characters"
            )
        told.instance, told.revision = beat.instance_id, beat.revision[:8]
        now = self._context.clock.now()
        if self._context.faults.ask(HeartbeatsLost, gateway=gateway.name) is None:
            self._state.heartbeat(
                Instance(beat.instance_id, gateway.id, beat.version[:64], told.revision, last_seen=now)
            )
        return Response(status_code=204, headers={HEADER: behaviours.HEARTBEAT.header})

    def _journal(
        self, request: Request, response: Response, told: Told, request_id: str, duration: float
    ) -> None:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self._context.journal.append(
            ConfigurationAnswered(
                service=told.service,
                gateway=told.gateway,
                operation=told.operation,
                method=request.method,
                path=path,
                status=response.status_code,
                request_id=request_id,
                caller=told.caller,
                uti=told.uti,
                token=told.token,
                reader=told.reader,
                validator=told.validator,
                cause=told.cause,
                revision=told.revision,
                entities=told.entities,
                instance=told.instance,
                gateways=told.gateways,
            ),
            duration=duration,
        )


def _json(value: object, behaviour: Behaviour) -> Response:
    return json_response(value, headers={"cache-control": "no-cache"}, behaviour=behaviour)


def _paging(request: Request, told: Told) -> tuple[int, int]:
    """`$skiptoken` and `$top` as numbers; raises `ApimRefusedError` (400)."""
    skiptoken = request.query_params.get("$skiptoken", "00000000")
    top = request.query_params.get("$top", str(MAX_TOP))
    try:
        after = Revision.parse(skiptoken).number
    except VocabularyError as error:
        told.cause = "skiptoken-malformed"
        raise ApimRefusedError(BAD_REQUEST, problem=f"$skiptoken: {error}") from None
    if not (top.isascii() and top.isdigit() and int(top[:9]) > 0):
        told.cause = "top-malformed"
        raise ApimRefusedError(BAD_REQUEST, problem=f"$top: {top[:32]!r} is not a number from 1 to {MAX_TOP}")
    return after, min(int(top[:9]), MAX_TOP)
