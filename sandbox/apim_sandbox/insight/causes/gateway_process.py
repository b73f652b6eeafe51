"""What happened to the gateway's own process: its memory, its disk, the network of its pod."""

from apim_emulators.core.events import FaultFired, PodChanged
from apim_sandbox.insight.causes.facts import Failure, pod_place
from apim_sandbox.insight.explanation import Explanation, Fact, Mend
from apim_sandbox.insight.trace import Seen

OUT_OF_MEMORY = "OOMKilled"
_LOCK = "snapshot.lock.json"  # alone it is the path that was looked for in vain
_NO_COPY = "ConfigurationNotFoundException: "


def killed(failure: Failure, event: PodChanged) -> Explanation:
    """The node ended the container, which could not say a word about it."""
    return Explanation(
        cause="gateway-out-of-memory",
        hop=9,
        headline=f"Pod {event.pod} is killed by its node (hop 9): memory ran out ({OUT_OF_MEMORY}).",
        facts=(Fact("reason", event.reason), Fact("message", event.message)),
        mends=(
            Mend(
                "manifest",
                "a higher resources.limits.memory: the article gives the gateway 2 Gi",
                pod_place(failure.trace, failure.pod, "/resources"),
                f"kubectl top pod -n {event.namespace} {event.pod} --containers",
            ),
        ),
        seen_in_the_field="a container that its node kills has no last line of log; exit code 137 tells it.",
    )


def slow(failure: Failure, event: PodChanged, probe: str) -> Explanation | None:
    """Whether it was the gateway that had not begun when its probe gave up."""
    fired = _fired(failure, "slow-start")
    if fired is None:
        return None
    return Explanation(
        cause="gateway-slow-start",
        hop=9,
        headline=f"Pod {event.pod} is stopped before it has started (hop 9): the gateway in it takes longer "
        f"to begin than its {probe} probe waits.",
        facts=(Fact("message", event.message), Fact("fault", f"{fired.event.fault}: {fired.event.effect}")),
        mends=(
            Mend(
                "manifest",
                f"{probe}Probe: a failureThreshold times periodSeconds that the start fits into, such as "
                "30 times 10 s",
                pod_place(failure.trace, failure.pod),
            ),
        ),
        seen_in_the_field="public logs show starts of 11 to 30 s; the chart's probes wait for 30 s.",
    )


def cut_off(failure: Failure, whom: str, hop: int, address: str, error: str) -> Explanation | None:
    """Whether it is the pod's own network that is cut, whoever was asked."""
    fired = _fired(failure, "egress-cut", within=4)
    if fired is None:
        return None
    namespace = failure.pod.namespace if failure.pod else "<namespace>"
    said = fired.event.effect.partition(": ")[2]
    return Explanation(
        cause="pod-egress-cut",
        hop=hop,
        headline=f"The gateway's pod can't get out (hop {hop}): on its way to {whom} {said}.",
        facts=(
            Fact("address", address),
            Fact("error", error or "no answer"),
            Fact("fault", f"{fired.event.fault}: {fired.event.effect}"),
        ),
        mends=(
            Mend(
                "cluster",
                "let the pod out: TCP 443 to Entra and API Management, port 53 to the cluster's DNS",
                "the namespace's NetworkPolicies",
                f"kubectl get networkpolicy -n {namespace} -o yaml",
            ),
        ),
        seen_in_the_field="a policy that lets too little out (Azure/azure-workload-identity#611).",
    )


def without_copy(failure: Failure) -> Explanation | None:
    """Whether a copy on disk was to help out and could not: that keeps the gateway from serving."""
    if failure.pod is None:
        return None
    logs = failure.trace.of_pod(failure.trace.logs, failure.pod)
    gateways = failure.trace.of_pod(failure.trace.gateways, failure.pod)
    now = failure.record.sequence
    before = [one for one in gateways if one.sequence < now]
    after = [one.event.state for one in gateways if one.sequence > now]
    if not before or before[-1].event.state != "starting" or after[:1] == ["serving-from-memory"]:
        return None
    begun = before[-1].sequence
    failed = [
        one for one in logs if one.event.event_type == "ConfigInitialSyncFailed" and one.sequence > begun
    ]
    if not failed:
        return None
    problem = failed[-1].event.exception.partition(_NO_COPY)[2]
    unsaved = [one.event for one in logs if one.event.event_type == "SaveBackupFailed"]
    if problem and not problem.endswith(_LOCK):
        cause, text = "backup-unusable", f"its copy on disk can't be used: {problem.rstrip('.')}"
        mend = "delete what is in the volume at /apim/config: the gateway writes it anew once it is connected"
    elif unsaved:
        cause, text = "backup-never-saved", f"its copy on disk could never be written: {unsaved[-1].message}"
        mend = "a volume at /apim/config with room, writable by group 1001 (securityContext.fsGroup: 1001)"
    else:
        return None
    fired = _fired(failure, "corrupt-backup" if cause == "backup-unusable" else "unwritable-backup")
    return Explanation(
        cause=cause,
        hop=9,
        headline=f"The gateway has no configuration (hop 9): {text}.",
        facts=(
            Fact("log", failed[-1].event.line),
            *((Fact("fault", f"{fired.event.fault}: {fired.event.effect}"),) if fired else ()),
            Fact(
                "besides", "the configuration API can't be reached: a running gateway would go on from memory"
            ),
        ),
        mends=(Mend("cluster", mend, pod_place(failure.trace, failure.pod)),),
        seen_in_the_field="a copy that is there and can't be restored keeps a pod from starting while the "
        "cloud is away (Azure/api-management-self-hosted-gateway#418).",
    )


def _fired(failure: Failure, fault: str, within: int | None = None) -> Seen[FaultFired] | None:
    """The fault's newest firing before the failure, at most so many records before it."""
    for one in reversed(failure.trace.faults):
        near = within is None or failure.record.sequence - within <= one.sequence
        if one.event.fault == fault and one.sequence <= failure.record.sequence + 2 and near:
            return one
    return None
