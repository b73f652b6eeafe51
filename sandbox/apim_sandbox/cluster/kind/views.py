"""What a real pod's object says: phase, reason, what admission added, where its token is. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from apim_emulators.webhook.selection import WEBHOOK_NAME, Configuration, LabelSelector
from apim_sandbox.cluster.embedded.admission import added
from apim_sandbox.cluster.embedded.objects import items, labels, mapping
from apim_sandbox.cluster.protocol import Phase, PodView

Raw = dict[str, Any]
WEBHOOK_CONFIGURATION = "azure-wi-webhook-mutating-webhook-configuration"
# The volume's name tells the generation: pkg/webhook/consts.go up to v1.5.1, and in v1.6.0.
_PROFILES = (("azure-workload-identity-reserved-", "1.6.0"), ("azure-identity-token", "1.5.1"))
_OWN = "kube-api-access-"  # the API server's own default token, not the webhook's doing
TOKEN_FILE_VARIABLE = "AZURE_FEDERATED_TOKEN_FILE"
_WAITING = {"ContainerCreating", "PodInitializing"}


class TokenFile(Struct, frozen=True):
    """A projected service-account token: in which container, where, and for whom it is meant."""

    container: str
    path: str
    audience: str


class Mutation(Struct, frozen=True):
    """What a webhook added to a pod."""

    env: Mapping[str, str]
    volumes: tuple[str, ...]
    mounts: tuple[str, ...]
    profile: str


def view(pod: Raw, problem: tuple[str, str] = ("", "")) -> PodView:
    """A pod as `get pods` shows it; `problem` is what its events say while its containers only wait."""
    metadata, spec, status = pod["metadata"], mapping(pod.get("spec")), mapping(pod.get("status"))
    containers = items(status.get("containerStatuses"))
    reason, message = _reason(pod)
    if problem[0] and (not reason or reason in _WAITING):
        reason, message = problem
    return PodView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        phase=_phase(pod),
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in _conditions(pod)),
        reason=reason,
        message=message,
        restarts=sum(int(one.get("restartCount", 0)) for one in containers),
        service_account=spec.get("serviceAccountName") or "default",
        node=str(spec.get("nodeName", "")),
    )


def mutation(pod: Raw, template: Raw | None) -> Mutation | None:
    """What the webhook added to `pod`, compared with its owner's template; None where nothing shows.

    Without a template (a bare pod) only what the webhook alone adds is counted.
    """
    volumes = [str(one.get("name")) for one in items(mapping(pod.get("spec")).get("volumes"))]
    profile, reserved = next(
        ((profile, name) for name in volumes for prefix, profile in _PROFILES if name.startswith(prefix)),
        ("", ""),
    )
    env, new_volumes, _ = added(template or {}, pod)
    own = {name: value for name, value in env.items() if name.startswith("AZURE_")}
    if not profile:
        return None
    mounts = tuple(
        dict.fromkeys(
            str(mount["mountPath"])
            for container in _containers(pod)
            for mount in items(container.get("volumeMounts"))
            if mount.get("name") == reserved
        )
    )
    shown = tuple(name for name in new_volumes if not name.startswith(_OWN)) if template else (reserved,)
    return Mutation(own, shown, mounts, profile)


def why_unmutated(pod: Raw, configuration: Raw | None, namespace: Raw | None) -> str:
    """Why the webhook did not change a pod, in the words of the embedded cluster's admission."""
    hooks = [one for one in items((configuration or {}).get("webhooks")) if one.get("name") == WEBHOOK_NAME]
    if not hooks:
        return "the cluster has no azure-workload-identity webhook"
    selector = LabelSelector(mapping(mapping(hooks[0].get("namespaceSelector")).get("matchLabels")))
    unmet = Configuration(namespace_selector=selector).why_not(pod, labels(namespace or {}))
    if unmet:
        return unmet
    if hooks[0].get("failurePolicy") == "Ignore":
        return "the webhook could not be called, and its failurePolicy is Ignore"
    return "the webhook changed nothing"


def token_file(pod: Raw) -> TokenFile | None:
    """The token of the first running container that has one: the file that AZURE_FEDERATED_TOKEN_FILE
    names, which a pod may have brought itself, else the webhook's."""
    running = {
        one.get("name")
        for one in items(mapping(pod.get("status")).get("containerStatuses"))
        if "running" in mapping(one.get("state"))
    }
    found = [
        file
        for container in items(mapping(pod.get("spec")).get("containers"))
        if container.get("name") in running
        for file in _token_files(pod, container)
    ]
    return found[0] if found else None


def run_of(pod: Raw, container: str) -> str:
    """Which run of a container this is: its id, a new one each time it is started; "" before the first."""
    for one in items(mapping(pod.get("status")).get("containerStatuses")):
        if one.get("name") == container:
            return str(one.get("containerID", ""))
    return ""


def _token_files(pod: Raw, container: Raw) -> list[TokenFile]:
    """The projected tokens that a container sees: its own choice first, then the webhook's."""
    named = [
        str(one.get("value")) for one in items(container.get("env")) if one.get("name") == TOKEN_FILE_VARIABLE
    ]
    volumes = {str(one.get("name")): one for one in items(mapping(pod.get("spec")).get("volumes"))}
    reserved, chosen = [], []
    for mount in items(container.get("volumeMounts")):
        volume = volumes.get(str(mount.get("name")), {})
        for source in items(mapping(volume.get("projected")).get("sources")):
            token = mapping(source.get("serviceAccountToken"))
            path = f"{str(mount.get('mountPath')).rstrip('/')}/{token.get('path')}"
            file = TokenFile(str(container["name"]), path, str(token.get("audience", "")))
            if token and path in named:
                chosen.append(file)
            elif token and str(volume["name"]).startswith(tuple(prefix for prefix, _ in _PROFILES)):
                reserved.append(file)
    return chosen + reserved


def refused(message: str) -> tuple[Literal["denied", "failed"], str] | None:
    """What a FailedCreate event says of admission: denied or not callable, with its words."""
    if f'admission webhook "{WEBHOOK_NAME}" denied the request' in message:
        return "denied", message.partition("denied the request: ")[2] or message
    if f'failed calling webhook "{WEBHOOK_NAME}"' in message:
        return "failed", message.removeprefix("Error creating: ")
    if "error looking up service account" in message:
        return "denied", message.removeprefix("Error creating: ")
    return None


def _phase(pod: Raw) -> Phase:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminated"
    phase = mapping(pod.get("status")).get("phase", "Pending")
    known: dict[str, Phase] = {"Running": "Running", "Succeeded": "Succeeded", "Failed": "Failed"}
    return known.get(str(phase), "Pending")


def _reason(pod: Raw) -> tuple[str, str]:
    status = mapping(pod.get("status"))
    if status.get("reason"):  # Evicted, NodeLost
        return str(status["reason"]), str(status.get("message", ""))
    for kind, prefix in (("initContainerStatuses", "Init:"), ("containerStatuses", "")):
        for one in items(status.get(kind)):
            state = mapping(one.get("state"))
            for how in ("waiting", "terminated"):
                told = mapping(state.get(how))
                if told.get("reason") and told["reason"] != "Completed":
                    return prefix + str(told["reason"]), str(told.get("message", ""))
    for condition in _conditions(pod):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason", "")), str(condition.get("message", ""))
    return "", ""


def _conditions(pod: Raw) -> Iterator[Raw]:
    yield from items(mapping(pod.get("status")).get("conditions"))


def _containers(pod: Raw) -> Iterator[Raw]:
    spec = mapping(pod.get("spec"))
    yield from items(spec.get("initContainers"))
    yield from items(spec.get("containers"))
