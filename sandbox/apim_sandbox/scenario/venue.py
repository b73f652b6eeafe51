"""Where a scenario is played: what the runner, its steps and its checks need of a sandbox.

embedded: virtual time, in this process      live: a sandbox of its own, over its control service
kind: a real cluster with the emulators in containers, over their control service

One protocol, so that a scenario's file says nothing of where it runs. What a place can't do it never
gets asked: see `places.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

import httpx
from msgspec import Struct

from apim_emulators.core.journal import Record
from apim_emulators.core.vocabulary import ServiceAccountName
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.cluster.protocol import Attachment, EventView, PodView
from apim_sandbox.scenario.model import AddFault, Answer, CutOff, RotateKey
from apim_sandbox.world.model import World

On = Literal["embedded", "live", "kind"]


class Site(Struct, frozen=True):
    """Where to run; `layout` names the kind sandbox."""

    on: On = "embedded"
    layout: Layout | None = None


EMBEDDED = Site()


class ActionError(Exception):
    """A step that could not be done: the scenario, not the sandbox, is wrong."""


class Venue(Protocol):
    """A sandbox under a scenario. Times are in seconds, moments in epoch seconds of the sandbox's clock."""

    @property
    def world(self) -> World: ...

    @property
    def http(self) -> httpx.AsyncClient:
        """Reaches every emulated host by its real name, as a program in a pod would."""
        ...

    @property
    def patience(self) -> float:
        """Real seconds in which a check may still come true; 0 where what is due happens at its tick."""
        ...

    def records(self) -> list[Record]:
        """The run's journal so far."""
        ...

    # --- time

    def now(self) -> float: ...

    async def sleep_until(self, moment: float) -> None:
        """Let the sandbox live on until then."""
        ...

    async def look_again(self) -> None:
        """The pause between two looks of a check that may still come true."""
        ...

    async def advance(self, seconds: float) -> None: ...

    async def skew(self, actor: str, seconds: float) -> None: ...

    # --- the cluster

    async def apply(self, documents: Iterable[tuple[str, str]]) -> None:
        """Raises `DocumentError` or `SandboxError` when the cluster refuses them."""
        ...

    async def delete(self, documents: Iterable[tuple[str, str]]) -> None: ...

    async def pods(self) -> Sequence[PodView]:
        """Oldest first."""
        ...

    async def delete_pod(self, namespace: str, name: str) -> None: ...

    async def logs(self, namespace: str, name: str) -> Sequence[str]:
        """Empty for a pod that is gone."""
        ...

    async def events(self) -> Sequence[EventView]: ...

    async def call(self, pod: PodView, path: str) -> httpx.Response | None:
        """An API through a gateway; None when nobody answers."""
        ...

    def attach(self, account: ServiceAccountName) -> AbstractAsyncContextManager[Attachment]:
        """Be a pod of the account while the context is open."""
        ...

    async def default_token(self, account: ServiceAccountName, seconds: float | None) -> str:
        """What /var/run/secrets/kubernetes.io/serviceaccount/token holds: for the API server alone."""
        ...

    async def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
        """A token made with the key that the first cluster signs with now."""
        ...

    async def rotate_key(self, wanted: RotateKey) -> None: ...

    # --- the cloud

    async def arm(
        self, method: str, path: str, *, body: Any = None, api_version: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """A request to ARM as the operator. Raises `SandboxError`."""
        ...

    async def graph(self, method: str, path: str, *, body: Any = None) -> Any:
        """A request to Microsoft Graph as the operator. Raises `SandboxError`."""
        ...

    async def block_sign_in(self, name: str, principal: str) -> None:
        """A Conditional Access policy of the first tenant that blocks a principal, given by its object id."""
        ...

    # --- what goes wrong by itself

    async def add_fault(self, wanted: AddFault) -> None:
        """Raises `FaultError` or `SandboxError` for a fault that can't be."""
        ...

    async def remove_fault(self, fault_id: str) -> None:
        """Raises `ActionError` when there is none of that id."""
        ...

    async def unfired(self) -> Sequence[str]:
        """The ids of the faults that never acted."""
        ...

    async def cut_off(self, wanted: CutOff) -> None: ...

    async def reconnect(self, host: str) -> None: ...

    async def answer(self, wanted: Answer) -> None: ...

    async def restore(self, host: str) -> None: ...
