"""What is nobody's action in the cloud, done to emulators wherever they run.

A signing key that the issuer swaps, a policy that Graph has no route for here, somebody else's answer
under a host's name, another world from the start. Virtual runs call `Steering` itself; the control
service and live scenarios reach it in any process under `/.apim-sandbox/` of that process's hosts,
with the secret of the sandbox's own parts.

control ──POST https://login.microsoftonline.com/.apim-sandbox/entra/world──► edge ──► Steering
"""

from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from apim_emulators.core import jose
from apim_emulators.core import vocabulary as names
from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.http import LazyApp
from apim_emulators.core.ids import derived_uuid
from apim_sandbox.assembly import Assembly, issuer_hosts
from apim_sandbox.documents import Document, DocumentError
from apim_sandbox.world.model import World

if TYPE_CHECKING:
    from apim_emulators.oidc.state import IssuerState
    from apim_sandbox.scenario.model import Answer

PREFIX = "/.apim-sandbox/"
MAX_BODY = 4 * 1024 * 1024  # bytes; a world is some ten thousand


class SteeringError(ValueError):
    """What can't be done to an emulator; the message names the value and what there is."""


class Steering(Struct, frozen=True):
    """Reaches into the emulators of one process, through their own state objects."""

    assembly: Assembly

    def reload(self, emulator: str, world: World) -> None:
        """Let an emulator forget all and begin anew with `world`, at the clock's right time."""
        from apim_sandbox.scenario.network import forget_answers

        if emulator not in self.assembly.built:
            raise SteeringError(f"no {emulator} runs here; there are {', '.join(self.assembly.built)}")
        # What is seeded carries the time. The control service has set the clock right as well, and
        # tells so over another connection, which may be the slower one.
        self.assembly.around.clock.follow(0.0, {})
        forget_answers(self.assembly.hosts)
        self.assembly.reload(emulator, world)

    def rotate_key(self, cluster: str, *, keep_old: bool, publish: bool) -> str:
        """Sign with a new key from now on; its kid. `publish`: whether JWKS shows it."""
        state, context = self._issuer(), self.assembly.around.context("oidc")
        try:
            new = state.rotate(cluster, keep_old=keep_old)
        except KeyError:
            there = ", ".join(one.name for one in state.clusters())
            raise SteeringError(f"no cluster is called {cluster!r}; there are {there}") from None
        if not publish:
            state.drop_key(cluster, new.kid)
        published = [key.kid for key in state.keys(cluster) if key.published]
        after = {"issuer": state.cluster(cluster).issuer, "published": published}
        context.journal.append(
            ResourceChanged("signingKey", new.kid, cluster, "created", "cluster", after=after)
        )
        return new.kid

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
        """A token made with the key that the first cluster signs with now."""
        return jose.sign(claims, self._issuer().signing_key(self.assembly.world.clusters[0].name), header)

    def block_sign_in(self, name: str, principal: str) -> None:
        """A Conditional Access policy of the first tenant that blocks the principal of this object id."""
        from apim_emulators.entra.model import ConditionalAccessPolicy
        from apim_emulators.entra.state import Directory

        around, tenant = self.assembly.around, self.assembly.world.tenants[0]
        policy = ConditionalAccessPolicy(
            derived_uuid("scenario", "policy", name),
            names.TenantId(tenant.id),
            name,
            (names.ObjectId(principal),),
        )
        Directory(around.store("entra"), around.keys).put_policy(policy)

    def answer(self, wanted: "Answer") -> None:
        """Let somebody else answer at a host's path."""
        from apim_sandbox.scenario.network import interpose

        if not interpose(self.assembly.hosts, wanted):
            there = ", ".join(self.assembly.hosts)
            raise SteeringError(f"no host is called {wanted.host}; there are {there}")

    def restore(self, host: str) -> None:
        """Let a host answer for itself again."""
        from apim_sandbox.scenario.network import withdraw

        if not withdraw(self.assembly.hosts, host):
            raise SteeringError(f"{host} answers for itself")

    def _issuer(self) -> "IssuerState":
        from apim_emulators.oidc.state import IssuerState

        around = self.assembly.around
        return IssuerState(around.store("oidc"), around.keys, admin_token=around.secrets.admin)


def steering_hosts(world: World) -> dict[str, str]:
    """Under which of its names each emulator with a memory is steered."""
    return {
        "oidc": issuer_hosts(world)[0],
        "entra": names.LOGIN_HOST,
        "arm": names.ARM_HOST,
        "apim": names.APIM_PROVIDER_HOST,
    }


async def reload_everywhere(http: httpx.AsyncClient, before: World, world: World, secret: str) -> None:
    """Let every emulator begin anew with `world`, wherever it runs. Raises `SteeringError`.

    The issuer is asked by the name that it had in the world before.
    """
    body = msgspec.json.encode(world)
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    for emulator, host in steering_hosts(before).items():
        url = f"https://{host}{PREFIX}{emulator}/world"
        answer = await http.post(url, content=body, headers=headers)
        if not answer.is_success:
            raise SteeringError(f"{emulator} did not take the world {world.name}: {answer.text[:500]}")


def steered(assembly: Assembly) -> ASGIApp:
    """What an edge answers under `PREFIX`; built at the first request."""
    return LazyApp(lambda: create_app(Steering(assembly), assembly.around.secrets.admin))


def create_app(steering: Steering, secret: str) -> ASGIApp:
    """The routes under `PREFIX`, for whoever holds the secret of the sandbox's own parts."""

    async def world(request: Request, body: Mapping[str, Any]) -> Any:
        from apim_sandbox.world.load import from_document

        steering.reload(request.path_params["emulator"], from_document(Document("<world>", body)))

    async def rotate(_: Request, body: Mapping[str, Any]) -> Any:
        return {"kid": steering.rotate_key(**body)}

    async def sign(_: Request, body: Mapping[str, Any]) -> Any:
        return {"token": steering.sign(**body)}

    async def policy(_: Request, body: Mapping[str, Any]) -> Any:
        steering.block_sign_in(**body)

    async def answer(_: Request, body: Mapping[str, Any]) -> Any:
        from apim_sandbox.scenario.model import Answer
        from apim_sandbox.validation import validated

        steering.answer(validated(Answer, Document("<answer>", body), "the answer"))

    async def restore(_: Request, body: Mapping[str, Any]) -> Any:
        steering.restore(**body)

    routes = [
        Route(f"{PREFIX}answers", _guarded(answer, secret), methods=["POST"]),
        Route(f"{PREFIX}restored", _guarded(restore, secret), methods=["POST"]),
        Route(f"{PREFIX}{{emulator}}/world", _guarded(world, secret), methods=["POST"]),
        Route(f"{PREFIX}oidc/keys", _guarded(rotate, secret), methods=["POST"]),
        Route(f"{PREFIX}oidc/tokens", _guarded(sign, secret), methods=["POST"]),
        Route(f"{PREFIX}entra/policies", _guarded(policy, secret), methods=["POST"]),
    ]
    return Starlette(routes=routes)


Handler = Callable[[Request, Mapping[str, Any]], Awaitable[Any]]


def _guarded(handler: Handler, secret: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler with a JSON object for its body; what it refuses is told with the value and the reason."""

    async def answer(request: Request) -> Response:
        presented = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not compare_digest(presented.encode(), secret.encode()):
            return JSONResponse({"detail": "steering wants the sandbox's own secret"}, 401)
        if int(request.headers.get("content-length") or 0) > MAX_BODY:
            return JSONResponse({"detail": f"the body is longer than {MAX_BODY} bytes"}, 413)
        try:
            body = msgspec.json.decode(await request.body(), type=dict[str, Any])
            found = await handler(request, body)
        except (SteeringError, DocumentError, msgspec.MsgspecError, TypeError) as error:
            return JSONResponse({"detail": str(error)}, 422)
        return JSONResponse(found or {})

    return answer
