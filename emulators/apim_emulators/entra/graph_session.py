"""One request to Graph: who asks, what they may, and how changes are told to the journal."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from apim_emulators.core.bearer import AccessTokens, Caller
from apim_emulators.core.context import Context
from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.http import json_response, read_body
from apim_emulators.core.vocabulary import GRAPH_HOST
from apim_emulators.entra import behaviours
from apim_emulators.entra.forms import host_of
from apim_emulators.entra.graph_errors import GraphError
from apim_emulators.entra.graph_query import next_link, paged, select
from apim_emulators.entra.model import Application, Tenant
from apim_emulators.entra.settings import ObjectKind
from apim_emulators.entra.state import Directory

B = TypeVar("B", bound=BaseModel)
WRITE_ALL = frozenset({"Application.ReadWrite.All", "Directory.ReadWrite.All"})
OWNED = "Application.ReadWrite.OwnedBy"
READ = WRITE_ALL | {OWNED, "Application.Read.All", "Directory.Read.All"}
GROUPS_WRITE = frozenset({"Group.ReadWrite.All", "Directory.ReadWrite.All", "GroupMember.ReadWrite.All"})
GROUPS_READ = GROUPS_WRITE | READ | {"Group.Read.All", "GroupMember.Read.All", "User.Read.All"}
CALLER = "graph.caller"  # where the ASGI scope keeps the caller's object id, for the journal
_REFUSALS: Mapping[str, str] = {
    "token-malformed": "IDX14100: JWT is not well formed.",
    "token-audience": "Access token validation failure. Invalid audience.",
    "token-issuer": "Access token validation failure. Invalid issuer.",
    "token-expired": "Lifetime validation failed, the token is expired.",
    "token-not-yet-valid": "Lifetime validation failed, the token is not yet valid.",
    "token-key": "Signing key is invalid.",
    "token-signature": "Access token validation failure. Invalid signature.",
    "entra-unreachable": "Signing keys could not be read.",
}


class Session:
    """The caller of one request with the directory behind it."""

    def __init__(
        self, request: Request, context: Context, directory: Directory, caller: Caller, tenant: Tenant
    ) -> None:
        self.request = request
        self.context = context
        self.directory = directory
        self.caller = caller
        self.tenant = tenant
        roles = caller.token.claims.get("roles")
        self.roles = (
            frozenset(role for role in roles if isinstance(role, str))
            if isinstance(roles, list)
            else frozenset()
        )

    @property
    def now(self) -> float:
        return self.context.clock.now()

    @property
    def beta(self) -> bool:
        return self.request.url.path.startswith("/beta/")

    def path(self, name: str) -> str:
        """A path parameter, empty where the route has none of this name."""
        return str(self.request.path_params.get(name, ""))

    def require(self, allowed: Iterable[str]) -> None:
        """Refuse a caller who holds none of these application permissions."""
        if self.roles.isdisjoint(allowed):
            raise GraphError("denied")

    def require_change(self, application: Application | None) -> None:
        """Whether the caller may change `application`: any with `.All`, its own with `.OwnedBy`."""
        if not self.roles.isdisjoint(WRITE_ALL):
            return
        owns = application is None or self.caller.object_id in application.owners
        if OWNED not in self.roles or not owns:
            raise GraphError("denied")

    def visible_at(self, kind: ObjectKind) -> float:
        return self.directory.visible_at(kind, self.now, self.context.faults)

    async def body(self, model: type[B]) -> B:
        """The request's body as `model`. Raises `GraphError`."""
        try:
            decoded = msgspec.json.decode(await read_body(self.request))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise GraphError("bad-body", detail="The payload is not JSON.") from None
        try:
            return model.model_validate(decoded)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(str(part) for part in first["loc"]) or "body"
            if first["type"] == "extra_forbidden":
                raise GraphError("bad-request", detail=f"Invalid property '{name}'.") from None
            raise GraphError(
                "bad-request", detail=f"Invalid value for property '{name}': {first['msg']}."
            ) from None

    def changed(
        self,
        kind: str,
        object_id: str,
        name: str,
        change: Literal["created", "updated", "deleted"],
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell the journal of a write. The views it is given hold no secret."""
        self.context.journal.append(
            ResourceChanged(kind, object_id, name, change, self.caller.object_id, before or {}, after or {})
        )

    def answer(self, value: Mapping[str, Any], status: int = 200, entity: str = "") -> Response:
        """One object, with `$select` obeyed and its `@odata.context`."""
        shown = select(value, self.request.query_params.get("$select", ""))
        context = {"@odata.context": f"{self._root()}/$metadata#{entity}/$entity"} if entity else {}
        return json_response({**context, **shown}, status, behaviour=behaviours.GRAPH)

    def listed(self, items: list[dict[str, Any]], entity: str) -> Response:
        """A page of `items` under the query options."""
        options = dict(self.request.query_params)
        page = paged(items, options)
        body: dict[str, Any] = {"@odata.context": f"{self._root()}/$metadata#{entity}"}
        if options.get("$count") == "true":
            body["@odata.count"] = len(
                paged(items, {"$filter": options.get("$filter", ""), "$top": "999"}).items
            )
        if page.next_skip is not None:
            base = f"https://{self._host()}{self.request.url.path}"
            body["@odata.nextLink"] = next_link(base, options, page.next_skip)
        body["value"] = page.items
        return json_response(body, behaviour=behaviours.GRAPH)

    def _host(self) -> str:
        return host_of(self.request.headers) if "host" in self.request.headers else GRAPH_HOST

    def _root(self) -> str:
        return f"https://{self._host()}/{'beta' if self.beta else 'v1.0'}"


class GraphRoute(Struct, frozen=True):
    """One operation below `/v1.0` and `/beta`."""

    method: str
    path: str
    handler: Callable[[Session], Awaitable[Response]]


async def open_session(
    request: Request, context: Context, directory: Directory, tokens: AccessTokens
) -> Session:
    """The session of a request with a good token for Graph. Raises `GraphError`."""
    found = await tokens.check(
        request.headers.get("authorization"), trusts=lambda tenant: directory.find_tenant(tenant) is not None
    )
    if not isinstance(found, Caller):
        if found.cause == "token-missing":
            raise GraphError("token-missing")
        raise GraphError("token-refused", detail=_REFUSALS[found.cause])
    tenant = directory.find_tenant(found.tenant_id)
    assert tenant is not None
    request.scope[CALLER] = found.object_id
    return Session(request, context, directory, found, tenant)
