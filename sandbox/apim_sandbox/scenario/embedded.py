"""`--on embedded`: the whole sandbox in this process, in virtual time.

All changes of the cloud go through ARM and Graph as the operator, all of the cluster through its
API. Only what is no action of anybody's (a clock that drifts, a key that the issuer swaps) reaches
into the part concerned, through that part's own state object.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
from msgspec import Struct, field

from apim_emulators.core.events import ClockMoved
from apim_emulators.core.journal import Record
from apim_emulators.core.vocabulary import KUBERNETES_HOST, ServiceAccountName
from apim_sandbox.assembly import Assembly
from apim_sandbox.client.aio.cloud import ARM_API
from apim_sandbox.cluster.protocol import Attachment, ClusterError, EventView, PodView
from apim_sandbox.scenario.faults import fault_request
from apim_sandbox.scenario.model import AddFault, Answer, CutOff, RotateKey
from apim_sandbox.scenario.network import Network
from apim_sandbox.scenario.venue import ActionError
from apim_sandbox.serving.steering import Steering
from apim_sandbox.virtual_sandbox import VirtualSandbox
from apim_sandbox.world.model import World


class Embedded(Struct):
    """Meets `Venue` in virtual time: what is due happens at its tick, so that no check needs patience."""

    sandbox: VirtualSandbox
    network: Network = field(default_factory=Network)
    patience: float = 0.0

    def __post_init__(self) -> None:
        self.sandbox.wire.fault = self.network.fault

    @property
    def world(self) -> World:
        return self.sandbox.world

    @property
    def http(self) -> httpx.AsyncClient:
        return self.sandbox.http

    def records(self) -> list[Record]:
        return self.sandbox.records()

    # --- time

    def now(self) -> float:
        return self.sandbox.clock.now()

    async def sleep_until(self, moment: float) -> None:
        await self.sandbox.clock.sleep_until(moment)

    async def look_again(self) -> None:
        raise AssertionError("nothing comes late in virtual time")

    async def advance(self, seconds: float) -> None:
        def change() -> None:
            self.sandbox.clock.advance(seconds)
            self._tell(ClockMoved(advanced=seconds))

        await self.sandbox.clock.in_turn(change, self.sandbox.cluster.catch_up)

    async def skew(self, actor: str, seconds: float) -> None:
        self.sandbox.clock.set_skew(actor, seconds)
        self._tell(ClockMoved(advanced=0.0, actor=actor, skew=seconds))

    def _tell(self, event: ClockMoved) -> None:
        self.sandbox.journal.add("control", self.now(), event, 0.0)

    # --- the cluster

    async def apply(self, documents: Iterable[tuple[str, str]]) -> None:
        await self.sandbox.apply(documents)

    async def delete(self, documents: Iterable[tuple[str, str]]) -> None:
        await self.sandbox.cluster.delete(documents)

    async def pods(self) -> Sequence[PodView]:
        return await self.sandbox.cluster.pods()

    async def delete_pod(self, namespace: str, name: str) -> None:
        await self.sandbox.cluster.delete_pod(namespace, name)

    async def logs(self, namespace: str, name: str) -> Sequence[str]:
        try:
            return await self.sandbox.cluster.logs(namespace, name)
        except ClusterError:
            return ()

    async def events(self) -> Sequence[EventView]:
        return await self.sandbox.cluster.events()

    async def call(self, pod: PodView, path: str) -> httpx.Response | None:
        try:
            return await self.sandbox.call(pod.namespace, pod.name, path)
        except httpx.TransportError:
            return None

    def attach(self, account: ServiceAccountName) -> AbstractAsyncContextManager[Attachment]:
        return self.sandbox.cluster.attach(account)

    async def default_token(self, account: ServiceAccountName, seconds: float | None) -> str:
        answer = await self.http.post(
            f"https://{KUBERNETES_HOST}/api/v1/namespaces/{account.namespace}"
            f"/serviceaccounts/{account.name}/token",
            json={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": round(seconds or 3607)},
            },
            headers={"authorization": f"Bearer {self.sandbox.around.secrets.admin}"},
        )
        answer.raise_for_status()
        token: str = answer.json()["status"]["token"]
        return token

    async def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
        return self._steering.sign(claims, header)

    async def rotate_key(self, wanted: RotateKey) -> None:
        self._steering.rotate_key(wanted.cluster, keep_old=wanted.keep_old, publish=wanted.publish)

    @property
    def _steering(self) -> Steering:
        return Steering(Assembly(self.world, self.sandbox.around, self.sandbox.hosts))

    # --- the cloud

    async def arm(
        self, method: str, path: str, *, body: Any = None, api_version: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        return await self.sandbox.arm(
            method, path, body=body, api_version=api_version or ARM_API, headers=headers
        )

    async def graph(self, method: str, path: str, *, body: Any = None) -> Any:
        return await self.sandbox.graph(method, path, body=body)

    async def block_sign_in(self, name: str, principal: str) -> None:
        self._steering.block_sign_in(name, principal)

    # --- what goes wrong by itself

    async def add_fault(self, wanted: AddFault) -> None:
        seed = self.sandbox.around.ids.child("faults").secret()  # the run's own, the same each time
        self.sandbox.add_fault(fault_request(wanted, self.now(), seed))

    async def remove_fault(self, fault_id: str) -> None:
        if not self.sandbox.faults.remove(fault_id):
            there = ", ".join(self.sandbox.faults.planned) or "none"
            raise ActionError(f'no fault has the id "{fault_id}"; there are {there}')

    async def unfired(self) -> Sequence[str]:
        return self.sandbox.faults.unfired

    async def cut_off(self, wanted: CutOff) -> None:
        self.network.cut[wanted.host] = wanted

    async def reconnect(self, host: str) -> None:
        if self.network.cut.pop(host, None) is None:
            there = ", ".join(self.network.cut) or "none"
            raise ActionError(f"{host} was not cut off; cut off are {there}")

    async def answer(self, wanted: Answer) -> None:
        self._steering.answer(wanted)

    async def restore(self, host: str) -> None:
        self._steering.restore(host)
