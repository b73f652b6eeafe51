"""The shapes of what the control service answers, and of what the script API makes of it.

Times are epoch seconds of the sandbox's clock, durations seconds.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import msgspec
from msgspec import Struct

from apim_sandbox.client.answers import SandboxError

Manifest = Path | tuple[str, str]
"""A file, or `(path, text)` where `path` is what messages name."""


class ClockShown(TypedDict):
    """`offset`: how far ahead of real time; `skews` by actor; `frozen`: where it stands, if it does."""

    now: float
    offset: float
    skews: dict[str, float]
    frozen: float | None


class OperatorShown(TypedDict):
    tenant: str
    client_id: str


class StatusShown(TypedDict):
    """What `apim-sandbox status` prints; `journal` is the newest record's sequence number."""

    version: str
    world: str
    operator: OperatorShown
    emulators: list[str]
    separate: bool
    journal: int
    clock: ClockShown


class HintShown(TypedDict):
    place: str
    message: str
    fix: str


class AppliedShown(TypedDict):
    """What became of one object: `result` is `created`, `configured`, `unchanged` or `deleted`."""

    object: str
    namespace: str
    result: str
    acted_on: bool
    place: str
    hints: list[HintShown]


class PodShown(TypedDict):
    """A pod as `get pods` shows it; `ports` maps container ports to ports of this machine."""

    namespace: str
    name: str
    phase: str
    ready: bool
    reason: str
    message: str
    restarts: int
    ports: dict[str, int]
    service_account: str
    node: str
    started_at: float


class EventShown(TypedDict):
    """A Kubernetes event; repeated ones are counted."""

    at: float
    type: str
    namespace: str
    object: str
    reason: str
    message: str
    count: int


class GatewayShown(TypedDict):
    """What a gateway last said of itself; its state is `gone` when it has fallen silent instead."""

    namespace: str
    pod: str
    gateway: str
    state: str
    revision: str
    apis: list[str]
    not_acting: list[str]
    version: str
    last_heartbeat: float | None


class FaultShown(TypedDict):
    """A fault and how often it acted; `active` while its time is now. Moments in epoch seconds."""

    id: str
    target: str
    fault: str
    arguments: dict[str, Any]
    scope: dict[str, Any]
    calls: str
    active: bool
    fired: int


class Pod(Struct, frozen=True):
    """What a program in a pod would see: `environment` to add to its own, and its volumes' directory."""

    environment: dict[str, str]
    directory: str

    def token(self) -> str:
        """The projected token as it is now. Raises `SandboxError` when the webhook did not give one."""
        path = self.environment.get("AZURE_FEDERATED_TOKEN_FILE")
        if path is None:
            raise SandboxError("the pod has no AZURE_FEDERATED_TOKEN_FILE: the webhook did not change it")
        return Path(path).read_text(encoding="utf-8")


def pod_of(line: str | bytes) -> Pod:
    """The control service's answer to an attachment. Raises `SandboxError` with its refusal."""
    answer = msgspec.json.decode(line)
    if "detail" in answer:
        raise SandboxError(answer["detail"])
    return msgspec.convert(answer, Pod)


def ready_pod(
    applied: Sequence[AppliedShown], pods: Sequence[PodShown]
) -> tuple[str, str, Mapping[str, int]] | None:
    """Namespace, name and ports of a pod that is ready already, where applying changed nothing."""
    if any(one["result"] != "unchanged" for one in applied):
        return None
    workloads = [one for one in applied if one["object"].startswith(("Deployment/", "Pod/"))]
    for workload in workloads:
        name = workload["object"].partition("/")[2]
        for pod in pods:
            if pod["ready"] and pod["namespace"] == workload["namespace"] and pod["name"].startswith(name):
                return pod["namespace"], pod["name"], pod["ports"]
    return None


def documents(manifests: "tuple[Manifest, ...]") -> dict[str, list[dict[str, str]]]:
    """The body of `/apply` and `/delete`. Raises `SandboxError` for a file that can't be read."""
    return {"documents": [_document(one) for one in manifests]}


def _document(manifest: Manifest) -> dict[str, str]:
    if isinstance(manifest, tuple):
        path, text = manifest
        return {"path": path, "text": text}
    try:
        return {"path": str(manifest), "text": manifest.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxError(f"manifest {manifest} can't be read: {error}") from None


class Poll(Struct, frozen=True):
    """A gateway's question for its configuration or changes: when, and what the configuration API answered.

    `status` is None when nobody answered; `error` then says why.
    """

    at: float
    status: int | None
    error: str = ""
    request_id: str = ""
