"""Reads a real cluster's pods and events as they change, and tells the journal what happened there."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import anyio
import httpx
from anyio.abc import TaskGroup
from msgspec import Struct, field

from apim_emulators.core.context import Context
from apim_emulators.core.events import PodAdmitted, PodChanged, TokenProjected
from apim_emulators.core.jose import JoseError, parse
from apim_sandbox.cluster.embedded.objects import items, mapping
from apim_sandbox.cluster.kind import views
from apim_sandbox.cluster.kind.api import KubernetesApi
from apim_sandbox.cluster.protocol import ClusterError, EventView, PodView

Raw = dict[str, Any]
# kind's own pods and the webhook's are the stage, not the play.
STAGE = (
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "local-path-storage",
    "azure-workload-identity-system",
)
RETRY_SECONDS = 1.0
LOOK_AGAIN = 30.0  # seconds between looks at a token file that is due to be renewed
PERMISSION = "permission denied"


class _Reading(Struct):
    """A pod's token file: its container's run, and the wish to look again."""

    file: views.TokenFile
    run: str
    again: anyio.Event = field(default_factory=anyio.Event)


class Watcher:
    """Keeps the cluster's pods and events, and journals them."""

    def __init__(self, context: Context, api: KubernetesApi) -> None:
        self._context = context
        self._api = api
        self._pods: dict[str, Raw] = {}  # by uid
        self._shown: dict[str, tuple[Any, ...]] = {}
        self._problems: dict[tuple[str, str], tuple[str, str]] = {}
        self._events: dict[str, EventView] = {}
        self._admitted: set[str] = set()
        self._refused: dict[str, str] = {}  # by the ReplicaSet's uid
        self._reading: dict[str, _Reading] = {}  # by uid
        self._tasks: TaskGroup | None = None

    async def run(self) -> None:
        """Watch until cancelled; a cluster that is away is looked for again."""
        selector = ",".join(f"metadata.namespace!={name}" for name in STAGE)
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._for_ever, "/api/v1/pods", selector, self._pod)
            self._tasks.start_soon(self._for_ever, "/api/v1/events", selector, self._event)

    def pods(self) -> list[PodView]:
        """Oldest first."""
        living = sorted(self._pods.values(), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        return [self._view(pod) for pod in living]

    def events(self) -> list[EventView]:
        return sorted(self._events.values(), key=lambda event: event.at)

    async def _for_ever(self, path: str, selector: str, take: Callable[[Raw], Awaitable[None]]) -> None:
        while True:
            with suppress(ClusterError, httpx.HTTPError):
                async for change in self._api.watch(path, fieldSelector=selector):
                    await take(change)
            await anyio.sleep(RETRY_SECONDS)

    def _view(self, pod: Raw) -> PodView:
        metadata = pod["metadata"]
        return views.view(pod, self._problems.get((metadata["namespace"], metadata["name"]), ("", "")))

    # --- pods

    async def _pod(self, change: Raw) -> None:
        if change["type"] == "SYNCED":
            there = {one["metadata"]["uid"] for one in change["object"]["items"]}
            for gone in [pod for uid, pod in self._pods.items() if uid not in there]:
                self._gone(gone)
            return
        pod: Raw = change["object"]
        uid = pod["metadata"]["uid"]
        if change["type"] == "DELETED":
            self._gone(pod)
            return
        self._pods[uid] = pod
        if uid not in self._admitted:
            self._admitted.add(uid)
            await self._journal_admission(pod)
        self._journal_change(pod)
        self._look_for_token(pod)

    def _gone(self, pod: Raw) -> None:
        metadata = pod["metadata"]
        self._pods.pop(metadata["uid"], None)
        self._problems.pop((metadata["namespace"], metadata["name"]), None)
        self._shown.pop(metadata["uid"], None)
        self._context.journal.append(PodChanged(metadata["namespace"], metadata["name"], "Terminated", False))

    def _journal_change(self, pod: Raw) -> None:
        seen = self._view(pod)
        shown = (seen.phase, seen.ready, seen.reason, seen.message)
        uid = pod["metadata"]["uid"]
        if seen.phase != "Terminated" and shown != self._shown.get(uid):
            self._shown[uid] = shown
            self._context.journal.append(
                PodChanged(seen.namespace, seen.name, seen.phase, seen.ready, seen.reason, seen.message)
            )

    async def _journal_admission(self, pod: Raw) -> None:
        metadata, account = pod["metadata"], mapping(pod.get("spec")).get("serviceAccountName") or "default"
        namespace, name = metadata["namespace"], metadata["name"]
        found = views.mutation(pod, await self._template(pod))
        if found is not None:
            event = PodAdmitted(
                namespace, name, account, "mutated", "", found.profile, found.env, found.volumes, found.mounts
            )
        else:
            group = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            hooks = await self._api.find(f"{group}/{views.WEBHOOK_CONFIGURATION}")
            space = await self._api.find(f"/api/v1/namespaces/{namespace}")
            event = PodAdmitted(namespace, name, account, "skipped", views.why_unmutated(pod, hooks, space))
        self._context.journal.append(event)

    async def _template(self, pod: Raw) -> Raw | None:
        for owner in items(pod["metadata"].get("ownerReferences")):
            if owner.get("controller"):
                kind = await self._api.kind(str(owner["apiVersion"]), str(owner["kind"]))
                found = await self._api.find(kind.path(pod["metadata"]["namespace"], str(owner["name"])))
                template = mapping(mapping((found or {}).get("spec")).get("template"))
                return template or None
        return None

    # --- tokens

    def _look_for_token(self, pod: Raw) -> None:
        """Begin to read the pod's token; look at once where its container was started again.

        A kubelet that was started again with its node has projected a new token.
        """
        found, uid = views.token_file(pod), pod["metadata"]["uid"]
        if found is None or self._tasks is None:
            return
        reading = self._reading.get(uid)
        if reading is None:
            reading = self._reading[uid] = _Reading(found, views.run_of(pod, found.container))
            self._tasks.start_soon(self._read_tokens, pod, reading)
        elif (run := views.run_of(pod, reading.file.container)) != reading.run:
            reading.run = run
            reading.again.set()

    async def _read_tokens(self, pod: Raw, reading: _Reading) -> None:
        """Journal the pod's token, and each renewal, until the pod is gone."""
        uid, metadata, file = pod["metadata"]["uid"], pod["metadata"], reading.file
        jti, told = "", ""  # the token told of, and which run of the container had it
        while uid in self._pods:
            wait = LOOK_AGAIN
            reading.again, run = anyio.Event(), reading.run
            try:
                text = await self._api.execute(
                    metadata["namespace"], metadata["name"], file.container, ["cat", file.path]
                )
                token = parse(text.strip())
            except (ClusterError, JoseError) as error:
                self._unreadable(pod, file, str(error))
                wait = RETRY_SECONDS if reading.run != told else LOOK_AGAIN
            else:
                claims = token.claims
                issued, expires = float(claims.get("iat", 0)), float(claims.get("exp", 0))
                # The kubelet: at 80 % of its life, or after a day (pkg/kubelet/token/token_manager.go).
                renew = min(issued + 86400.0, expires - 0.2 * (expires - issued))
                if claims.get("jti") != jti:
                    event = TokenProjected(
                        namespace=metadata["namespace"],
                        pod=metadata["name"],
                        service_account=mapping(pod.get("spec")).get("serviceAccountName") or "default",
                        path=file.path,
                        jti=str(claims.get("jti", "")),
                        token=token.shown(),
                        expires_at=expires,
                        renew_at=renew,
                        renewal=bool(jti),
                    )
                    jti = str(claims.get("jti", ""))
                    self._context.journal.append(event)
                told = run
                wait = max(renew - self._context.clock.now(), LOOK_AGAIN)
            with anyio.move_on_after(wait):
                await reading.again.wait()
        self._reading.pop(uid, None)

    def _unreadable(self, pod: Raw, file: views.TokenFile, problem: str) -> None:
        """A token that its own container may not read is a cause of its own; say so once."""
        metadata = pod["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if PERMISSION in problem.lower() and key not in self._problems:
            self._problems[key] = (
                "TokenFileUnreadable",
                f"{file.path}: {PERMISSION} in container {file.container}",
            )
            self._journal_change(pod)

    # --- events

    async def _event(self, change: Raw) -> None:
        if change["type"] not in ("ADDED", "MODIFIED"):
            return
        raw: Raw = change["object"]
        about = mapping(raw.get("involvedObject"))
        message, reason = str(raw.get("message", "")), str(raw.get("reason", ""))
        namespace, name = str(about.get("namespace", "")), str(about.get("name", ""))
        self._events[raw["metadata"]["uid"]] = EventView(
            at=_moment(
                raw.get("lastTimestamp") or raw.get("eventTime") or raw["metadata"]["creationTimestamp"]
            ),
            type="Warning" if raw.get("type") == "Warning" else "Normal",
            namespace=namespace,
            object=f"{about.get('kind')}/{name}",
            reason=reason,
            message=message,
            count=int(raw.get("count") or 1),
        )
        if reason == "FailedCreate":
            self._refusal(namespace, name, message, str(about.get("uid")))
        elif reason in ("FailedMount", "FailedCreatePodSandBox") and about.get("kind") == "Pod":
            self._problems[namespace, name] = (reason, message)
            pod = self._pods.get(str(about.get("uid")))
            if pod is not None:
                self._journal_change(pod)

    def _refusal(self, namespace: str, name: str, message: str, uid: str) -> None:
        """A pod that was never made: the ReplicaSet tells, again and again, said once.

        By its uid: one that was deleted and made anew has the same name.
        """
        told = views.refused(message)
        if told is None or self._refused.get(uid) == told[1]:
            return
        self._refused[uid] = told[1]
        self._context.journal.append(PodAdmitted(namespace, name, "", told[0], told[1]))


def _moment(text: Any) -> float:
    return datetime.fromisoformat(str(text)).timestamp()
