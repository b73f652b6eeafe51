"""What every place where pods run can do: the embedded cluster and kind meet here."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from apim_emulators.core.vocabulary import ServiceAccountName

Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Terminated"]


class ClusterError(ValueError):
    """What a cluster refuses, with what to do about it; the cause is the user's to mend."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message + (f" (fix: {fix})" if fix else ""))
        self.message = message
        self.fix = fix


class Hint(Struct, frozen=True):
    """What Kubernetes accepts in silence and a person would want to know. `place` is file:line:column."""

    place: str
    message: str
    fix: str = ""


class Applied(Struct, frozen=True):
    """What became of one object. `object` is `Kind/name`; `acted_on` is False for kinds merely kept."""

    object: str
    namespace: str
    result: Literal["created", "configured", "unchanged", "deleted"]
    acted_on: bool = True
    place: str = ""
    hints: tuple[Hint, ...] = ()


class PodView(Struct, frozen=True):
    """A pod as `get pods` shows it. `ports` maps container ports to ports of this machine."""

    namespace: str
    name: str
    phase: Phase
    ready: bool
    reason: str = ""
    message: str = ""
    restarts: int = 0
    ports: Mapping[int, int] = field(default_factory=dict)
    service_account: str = "default"
    node: str = ""
    started_at: float = 0.0


class EventView(Struct, frozen=True):
    """A Kubernetes event; repeated ones are counted. Times in epoch seconds."""

    at: float
    type: Literal["Normal", "Warning"]
    namespace: str
    object: str
    reason: str
    message: str
    count: int = 1


NONE: Mapping[str, str] = MappingProxyType({})


class Attachment(Struct, frozen=True):
    """What a program needs to be a pod: its environment and the directory that holds its token."""

    namespace: str
    pod: str
    service_account: str
    environment: Mapping[str, str]
    directory: str


ObjectKind = Literal["Secret", "MutatingWebhookConfiguration"]


class Cluster(Protocol):
    """Manifests go in; pods, logs and events come out."""

    async def apply(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        """Apply manifests given as `(path, text)`. Raises `DocumentError`; then nothing was applied."""
        ...

    async def delete(self, documents: Iterable[tuple[str, str]]) -> list[Applied]:
        """Delete what the manifests name; what is not there is left out of the answer."""
        ...

    async def catch_up(self) -> None:
        """Do at once what a jump of the sandbox's clock has made due, where that clock is the kubelet's."""
        ...

    async def pods(self) -> list[PodView]:
        """Every pod, oldest first."""
        ...

    async def delete_pod(self, namespace: str, name: str) -> bool:
        """Delete a pod and wait until it is gone; False when there is none of that name."""
        ...

    async def logs(self, namespace: str, name: str) -> list[str]:
        """The pod's log lines so far. Raises `ClusterError` when there is no such pod."""
        ...

    def follow_logs(self, namespace: str, name: str) -> AsyncIterator[str]:
        """The pod's log lines, then new ones until the pod is gone."""
        ...

    async def events(self) -> list[EventView]:
        """The cluster's events, oldest first."""
        ...

    async def pod(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The pod as admission left it, a Kubernetes object; None when there is none of that name."""
        ...

    async def service_accounts(self) -> list[Mapping[str, Any]]:
        """Every service account, as a Kubernetes object."""
        ...

    async def objects(self, kind: ObjectKind) -> list[Mapping[str, Any]]:
        """Every object of a kind, as a Kubernetes object; of a Secret only what may be shown."""
        ...

    async def create_token(self, service_account: ServiceAccountName, audience: str, seconds: int) -> str:
        """A token as the kubelet would project it for `audience`, the API server's own where that is empty.

        Raises `ClusterError`.
        """
        ...

    def attach(
        self, service_account: ServiceAccountName, annotations: Mapping[str, str] = NONE
    ) -> AbstractAsyncContextManager[Attachment]:
        """Be a pod of `service_account` while the context is open: admitted by the real webhook, with
        a token file that is renewed; `annotations` are the pod's. Raises `ClusterError`."""
        ...
