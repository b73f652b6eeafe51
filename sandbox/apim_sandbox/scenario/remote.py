"""A sandbox in another process, over its control service and its proxy: what live and kind have in common.

Time there is real. Instead of waiting the sandbox's clock is moved on, a stride at a time, as soon as
everybody has come to rest: the emulators, the embedded kubelet and the gateways follow it.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec
from msgspec import Struct, field

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.events import (
    ConfigurationAsked,
    FaultFired,
    GatewayChanged,
    GatewayLogged,
    PodAdmitted,
    PodChanged,
    TokenAsked,
)
from apim_emulators.core.journal import Record
from apim_emulators.core.vocabulary import ServiceAccountName
from apim_sandbox.assembly import actor_of
from apim_sandbox.client import AsyncSandbox, SandboxError, check
from apim_sandbox.cluster.protocol import Attachment, EventView, PodView
from apim_sandbox.instance import StateDir
from apim_sandbox.scenario.model import AddFault, Answer, CutOff, RotateKey
from apim_sandbox.scenario.venue import ActionError
from apim_sandbox.serving.steering import PREFIX, steering_hosts
from apim_sandbox.world.model import World

STRIDE = 5.0  # seconds of the sandbox's time at once: half of the gateway's poll
BREATH = 0.08  # seconds of real time between strides
QUIET = 0.4  # seconds of real time without a record: at rest
LOOK = 0.1


# The fault by which a host is cut off, by how.
WALLS: Mapping[str, str] = {
    "name": "name-unknown",
    "refused": "connection-refused",
    "reset": "reset",
    "certificate": "wrong-certificate",
    "no-answer": "unreachable",
    "plain-http": "plain-http",
}


class Pace(Struct, frozen=True):
    """How slow a place is, in real seconds: until all is at rest, and until a check must be true."""

    rest: float
    patience: float


class Remote(Struct):
    """Meets `Venue` over HTTP. `began` is the journal's number before the run."""

    sandbox: AsyncSandbox
    world: World
    began: int
    pace: Pace
    walls: Mapping[str, str] = field(default_factory=lambda: WALLS)
    seen: list[Record] = field(default_factory=list)
    applied: list[tuple[str, str]] = field(default_factory=list)
    _offset: float = 0.0
    _faults: list[str] = field(default_factory=list)
    _cut: dict[str, str] = field(default_factory=dict)  # the fault's id by host
    _heard: float = 0.0
    _awaits_pods: bool = False

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Take the journal's records as they come while the block runs."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow)
            yield
            tasks.cancel_scope.cancel()

    async def _follow(self) -> None:
        async with aclosing(self.sandbox.follow(self.began)) as records:
            async for record in records:
                self.seen.append(record)
                self._heard = anyio.current_time()

    @property
    def http(self) -> httpx.AsyncClient:
        return self.sandbox.http

    @property
    def patience(self) -> float:
        return self.pace.patience

    def records(self) -> list[Record]:
        return list(self.seen)

    # --- time

    def now(self) -> float:
        return SystemTime().wall() + self._offset

    async def sleep_until(self, moment: float) -> None:
        await self.at_rest()
        while (left := moment - self.now()) > 0:
            await self._move(min(left, STRIDE))
            await anyio.sleep(BREATH)
        await self.at_rest()

    async def look_again(self) -> None:
        await anyio.sleep(LOOK)

    async def advance(self, seconds: float) -> None:
        await self._move(seconds)
        await self.at_rest()

    async def skew(self, actor: str, seconds: float) -> None:
        await self.sandbox.clock.skew(actor, seconds)

    async def _move(self, seconds: float) -> None:
        await self.sandbox.clock.advance(seconds)
        self._offset = (await self.sandbox.clock.show())["offset"]

    async def at_rest(self) -> None:
        """Wait until every pod is ready or has said what keeps it, and nothing more is told."""
        with anyio.move_on_after(self.pace.rest):
            while await self._busy():  # noqa: ASYNC110  others' doing
                await anyio.sleep(LOOK)

    async def _busy(self) -> bool:
        if anyio.current_time() - self._heard < QUIET:
            return True
        pods = await self.pods()
        if self._awaits_pods and not pods and not self._refused():
            return True
        self._awaits_pods = False
        said = {_speaker(record) for record in self.seen}
        return any(_starting(pod) and pod.name not in said for pod in pods)

    def _refused(self) -> bool:
        """Whether admission has refused a pod, so that none will come."""
        return any(
            isinstance(record.event, PodAdmitted) and record.event.outcome in ("failed", "denied")
            for record in self.seen
        )

    # --- the cluster

    async def apply(self, documents: Iterable[tuple[str, str]]) -> None:
        given = list(documents)
        self.applied += given
        await self.sandbox.apply(given)
        self._awaits_pods, self._heard = True, anyio.current_time()

    async def delete(self, documents: Iterable[tuple[str, str]]) -> None:
        await self.sandbox.delete(list(documents))

    async def pods(self) -> Sequence[PodView]:
        return [msgspec.convert(one, PodView, strict=False) for one in await self.sandbox.pods()]

    async def delete_pod(self, namespace: str, name: str) -> None:
        await self.sandbox.delete_pod(namespace, name)
        self._heard = anyio.current_time()

    async def logs(self, namespace: str, name: str) -> Sequence[str]:
        try:
            return [line async for line in self.sandbox.logs(namespace, name)]
        except SandboxError:
            return ()

    async def events(self) -> Sequence[EventView]:
        return [msgspec.convert(one, EventView) for one in await self.sandbox.events()]

    async def call(self, pod: PodView, path: str) -> httpx.Response | None:
        port = pod.ports.get(8080)
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
                return None if port is None else await http.get(f"http://127.0.0.1:{port}{path}")
        return None

    @asynccontextmanager
    async def attach(self, account: ServiceAccountName) -> AsyncIterator[Attachment]:
        async with self.sandbox.attach(str(account)) as pod:
            yield Attachment(account.namespace, "", account.name, pod.environment, pod.directory)

    async def default_token(self, account: ServiceAccountName, seconds: float | None) -> str:
        return await self.sandbox.service_account_token(str(account), "", round(seconds or 3607))

    async def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
        told = await self._steer("oidc", "tokens", {"claims": claims, "header": header})
        return str(told["token"])

    async def rotate_key(self, wanted: RotateKey) -> None:
        await self._steer("oidc", "keys", wanted.model_dump())

    # --- the cloud

    async def arm(
        self, method: str, path: str, *, body: Any = None, api_version: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        version = {"api_version": api_version} if api_version else {}
        return await self.sandbox.arm(method, path, body=body, headers=headers, **version)

    async def graph(self, method: str, path: str, *, body: Any = None) -> Any:
        return await self.sandbox.graph(method, path, body=body)

    async def block_sign_in(self, name: str, principal: str) -> None:
        await self._steer("entra", "policies", {"name": name, "principal": principal})

    # --- what goes wrong by itself

    async def add_fault(self, wanted: AddFault) -> None:
        arguments: dict[str, Any] = dict(wanted.arguments)
        added = await self.sandbox.faults.add(
            wanted.fault, wanted.target or "", id=wanted.id, calls=wanted.calls, lasting=wanted.lasting,
            tenant=wanted.tenant, gateway=wanted.gateway, path=wanted.path, method=wanted.method,
            chance=wanted.chance, **arguments,
        )  # fmt: skip
        self._faults.append(added)

    async def remove_fault(self, fault_id: str) -> None:
        await self.sandbox.faults.remove(fault_id)

    async def unfired(self) -> Sequence[str]:
        """By what the journal tells: a fault may be gone by the end."""
        fired = {record.event.id for record in self.seen if isinstance(record.event, FaultFired)}
        return [one for one in self._faults if one not in fired]

    async def cut_off(self, wanted: CutOff) -> None:
        fault, target = self.walls[wanted.how], actor_of(self.world, wanted.host)
        if target is None:
            raise ActionError(f"{wanted.host} is no host of the sandbox")
        self._cut[wanted.host] = await self.sandbox.faults.add(fault, target)

    async def reconnect(self, host: str) -> None:
        if host not in self._cut:
            raise ActionError(f"{host} was not cut off; cut off are {', '.join(self._cut) or 'none'}")
        await self.sandbox.faults.remove(self._cut.pop(host))

    async def answer(self, wanted: Answer) -> None:
        await self._ask(wanted.host, "answers", wanted.model_dump(mode="json"))

    async def restore(self, host: str) -> None:
        await self._ask(host, "restored", {"host": host})

    async def _steer(self, emulator: str, what: str, body: Mapping[str, Any]) -> Any:
        return await self._ask(steering_hosts(self.world)[emulator], f"{emulator}/{what}", body)

    async def _ask(self, host: str, path: str, body: Mapping[str, Any]) -> Any:
        """What the sandbox's own parts do to the emulator behind a host. Raises `SandboxError`."""
        secret = StateDir(Path(self.sandbox.instance.state_dir)).secrets().admin
        headers = {"authorization": f"Bearer {secret}"}
        answer = await self.http.post(f"https://{host}{PREFIX}{path}", json=body, headers=headers)
        check(answer)
        return answer.json()


# A pod that is being made, or whose gateway is just starting.
_PENDING = ("", "ContainerCreating", "PodInitializing")


def _starting(pod: PodView) -> bool:
    return (pod.phase == "Pending" and pod.reason in _PENDING) or (pod.phase == "Running" and not pod.ready)


def _speaker(record: Record) -> str:
    """The pod that with this record has said that it is ready, or what keeps it."""
    match record.event:
        case TokenAsked(ok=False, pod=pod) | GatewayChanged(state="ready", pod=pod):
            return pod
        case ConfigurationAsked(pod=pod, status=status) if status is None or status >= 400:
            return pod
        case GatewayLogged(level="error", pod=pod):
            return pod
        case PodChanged(ready=True, pod=pod):
            return pod
    return ""
