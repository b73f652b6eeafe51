"""The API server's part of admission: who is asked about a pod, and what becomes of the answer.

The webhook is called over HTTPS with an AdmissionReview whenever its selectors match; that is the
API server's decision alone, the webhook never looks at the label (`pkg/webhook` of azure-workload-identity).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Literal

import httpx
from msgspec import Struct, field

from apim_emulators.core.context import Context
from apim_emulators.core.events import PodAdmitted
from apim_emulators.core.provenance import Behaviour
from apim_emulators.core.vocabulary import WEBHOOK_HOST
from apim_emulators.webhook import selection
from apim_emulators.webhook.certificates import service_name
from apim_emulators.webhook.trust import BundleError, roots
from apim_emulators.webhook.validation import invalid, pod_complaints
from apim_sandbox.cluster.embedded.certificates import WebhookCertificates
from apim_sandbox.cluster.embedded.installed import CONFIGURATION
from apim_sandbox.cluster.embedded.objects import Raw, items, mapping, service_account_of
from apim_sandbox.cluster.embedded.patch import PatchError, apply_patch
from apim_sandbox.cluster.embedded.store import ObjectStore

SELECTED_BY_LABEL = Behaviour(
    id="cluster.webhook-selection",
    label="documented",
    statement='Only pods that carry the label azure.workload.identity/use: "true" reach the webhook.',
    source="azure-workload-identity chart, MutatingWebhookConfiguration objectSelector",
    witness="tests/sandbox/cluster/test_admission.py::test_a_pod_without_the_label_is_not_shown_to_the_webhook",
)
FAILURE_POLICY = Behaviour(
    id="cluster.webhook-failure-policy",
    label="documented",
    statement="With failurePolicy Fail an unreachable webhook blocks pods, with Ignore they start unmutated.",
    source="Kubernetes, dynamic admission control; azure-workload-identity chart (Fail since v1.0.0)",
    witness="tests/sandbox/cluster/test_admission.py::test_an_unreachable_webhook_blocks_or_is_ignored",
)


class AdmissionError(Exception):
    """The API server refuses the pod; the message is what its client sees."""


class WebhookSettings(Struct, frozen=True):
    """How the webhook is installed; the API server goes by the objects. `timeout` in seconds.

    `rotates` is False with --disable-cert-rotation: who else keeps the certificates made them once.
    """

    url: str = f"https://{WEBHOOK_HOST}/mutate-v1-pod"
    enabled: bool = True
    profile: str = "1.6.0"
    failure_policy: Literal["Fail", "Ignore"] = "Fail"
    timeout: float = 10.0
    namespace_selector: Mapping[str, str] = field(default_factory=dict)
    rotates: bool = True


class Admission:
    """Asks the webhook about pods and journals what came of it."""

    def __init__(
        self,
        context: Context,
        settings: WebhookSettings,
        store: ObjectStore,
        certificates: WebhookCertificates,
    ) -> None:
        self._context = context
        self._settings = settings
        self._store = store
        self._certificates = certificates
        self._refused: dict[str, tuple[str, str]] = {}  # what was last said about each owner's pods

    async def admit(self, raw: Raw, name: str, namespace_labels: Raw, place: str = "") -> Raw:
        """The pod as it will be stored. `name` is the final one, which a generated pod's `raw` lacks.

        Raises `AdmissionError`.
        """
        started = self._context.clock.tick()
        namespace = raw["metadata"]["namespace"]

        def journal(outcome: Any, reason: str = "", after: Raw | None = None) -> None:
            self._tell(raw, name, outcome, reason, after, place, self._context.clock.tick() - started)

        await self._certificates.settle()
        hook = self._configuration()
        if hook is None:
            journal("skipped", "the cluster has no azure-workload-identity webhook")
            return raw
        skipped = hook.why_not(raw, namespace_labels)
        if skipped:
            journal("skipped", skipped)
            return raw
        try:
            answer = await self._ask(hook, raw, namespace)
            after = self._patched(raw, answer)
        except _CallError as error:
            message = error.told_by(hook)
            if hook.admits_unasked:
                journal("skipped", f"failurePolicy Ignore let the pod through: {message}")
                return raw
            journal("failed", message)
            raise AdmissionError(message) from None
        except _DeniedError as error:
            journal("denied", str(error))
            raise AdmissionError(selection.denied(str(error))) from None
        complaints = pod_complaints(after)
        if complaints:
            message = invalid(name, complaints)
            journal("denied", message)
            raise AdmissionError(message)
        if after == raw:
            journal("skipped", "the webhook changed nothing")
        else:
            journal("mutated", after=after)
        return after

    def refused(self, raw: Raw, name: str, reason: str, place: str) -> None:
        """Tell of a pod that the API server itself refused, before any webhook."""
        self._tell(raw, name, "denied", reason, None, place, 0.0)

    def _tell(
        self, raw: Raw, name: str, outcome: Any, reason: str, after: Raw | None, place: str, took: float
    ) -> None:
        # A controller tries for hours what is refused each time for the same reason: said once.
        owner = raw["metadata"].get("generateName") or name
        known, self._refused[owner] = self._refused.get(owner), (outcome, reason)
        if outcome in ("denied", "failed") and known == (outcome, reason):
            return
        env, volumes, mounts = added(raw, after) if after is not None else ({}, (), ())
        account = service_account_of(mapping(raw.get("spec")))
        event = PodAdmitted(
            raw["metadata"]["namespace"], name, account, outcome, reason, self._settings.profile,
            env, volumes, mounts, place,
        )  # fmt: skip
        self._context.journal.append(event, duration=took)

    def _configuration(self) -> selection.Configuration | None:
        """The webhook's entry as it stands; None when the cluster has none."""
        stored = self._store.get(CONFIGURATION.kind, "", CONFIGURATION.name)
        return selection.configuration(stored.raw) if stored is not None else None

    def _shake_hands(self, hook: selection.Configuration) -> None:
        """Raise what keeps the API server from sending anything: nobody there, or nobody whom it trusts."""
        try:
            trusted = roots(hook.ca_bundle)
        except BundleError as error:
            raise _NoClientError(str(error)) from None
        wrong = self._certificates.why_untrusted(trusted, service_name(hook.namespace))
        if wrong is None:
            wrong = 'no endpoints available for service "azure-wi-webhook-webhook-service"'
        if wrong:
            raise _CallError(hook.unreachable(wrong))

    async def _ask(self, hook: selection.Configuration, raw: Raw, namespace: str) -> Raw:
        self._shake_hands(hook)
        uid = self._context.ids.uuid()
        url = f"{self._settings.url}?timeout={hook.timeout:g}s"
        try:
            answer = await self._context.http.post(
                url, json=review(raw, namespace, uid), timeout=hook.timeout
            )
        except httpx.TimeoutException:
            cause = "context deadline exceeded"
            raise _CallError(hook.unreachable(cause)) from None
        except httpx.HTTPError as error:
            raise _CallError(hook.unreachable(_as_go_says(error))) from None
        if answer.status_code != 200:
            raise _CallError(
                f"an error on the server ({json.dumps(answer.text[:200])}) has prevented the request from "
                f"succeeding (status {answer.status_code})"
            )
        try:
            response = answer.json()["response"]
        except (ValueError, KeyError, TypeError):
            raise _CallError("webhook response is not an AdmissionReview") from None
        if not isinstance(response, dict) or response.get("uid") != uid:
            raise _CallError("webhook response's uid is not the request's")
        return response

    def _patched(self, raw: Raw, response: Raw) -> Raw:
        if response.get("allowed") is not True:
            status = mapping(response.get("status"))
            raise _DeniedError(str(status.get("message") or status.get("reason") or "without explanation"))
        patch = response.get("patch")
        if not patch:
            return raw
        if response.get("patchType") != "JSONPatch":
            raise _CallError(f"webhook response has patchType {response.get('patchType')!r}")
        try:
            operations = json.loads(base64.b64decode(patch, validate=True))
            patched = apply_patch(raw, operations)
        except (binascii.Error, ValueError, PatchError) as error:
            raise _CallError(f"webhook returned a patch that can't be applied: {error}") from None
        if not isinstance(patched, dict):
            raise _CallError("webhook returned a patch that leaves no object")
        return patched


def review(raw: Raw, namespace: str, uid: str) -> Raw:
    """The AdmissionReview v1 that a pod's creation makes."""
    pods = {"group": "", "version": "v1"}
    request: Raw = {
        "uid": uid,
        "kind": {**pods, "kind": "Pod"},
        "resource": {**pods, "resource": "pods"},
        "requestKind": {**pods, "kind": "Pod"},
        "requestResource": {**pods, "resource": "pods"},
        "namespace": namespace,
        "operation": "CREATE",
        "userInfo": {
            "username": "system:serviceaccount:kube-system:replicaset-controller",
            "groups": ["system:serviceaccounts", "system:authenticated"],
        },
        "object": raw,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    if raw["metadata"].get("name"):
        request["name"] = raw["metadata"]["name"]
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def added(before: Raw, after: Raw) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """What a mutation added: environment, volume names, mount paths."""
    env: dict[str, str] = {}
    mounts: list[str] = []
    old, new = mapping(before.get("spec")), mapping(after.get("spec"))
    for kind in ("initContainers", "containers"):
        known = {str(one.get("name")): one for one in items(old.get(kind))}
        for container in items(new.get(kind)):
            was = known.get(str(container.get("name")), {})
            names = {one.get("name") for one in items(was.get("env"))}
            for variable in items(container.get("env")):
                if variable.get("name") not in names:
                    env.setdefault(str(variable.get("name")), str(variable.get("value", "")))
            paths = {one.get("mountPath") for one in items(was.get("volumeMounts"))}
            for mount in items(container.get("volumeMounts")):
                path = str(mount.get("mountPath"))
                if path not in paths and path not in mounts:
                    mounts.append(path)
    there = {one.get("name") for one in items(old.get("volumes"))}
    volumes = [str(one.get("name")) for one in items(new.get("volumes")) if one.get("name") not in there]
    return env, tuple(volumes), tuple(mounts)


class _CallError(Exception):
    """The webhook could not be asked, or answered nonsense."""

    def told_by(self, hook: selection.Configuration) -> str:
        """What the API server says of it."""
        return hook.call_failed(str(self))


class _NoClientError(_CallError):
    """Not even a client for the webhook could be made of its configuration."""

    def told_by(self, hook: selection.Configuration) -> str:
        return hook.without_client(str(self))


class _DeniedError(Exception):
    """The webhook said no."""


def _as_go_says(error: httpx.HTTPError) -> str:
    """The API server is a Go program: OpenSSL's word for an answer that is no TLS is not its own."""
    said = str(error) or type(error).__name__
    return "http: server gave HTTP response to HTTPS client" if "WRONG_VERSION_NUMBER" in said else said
