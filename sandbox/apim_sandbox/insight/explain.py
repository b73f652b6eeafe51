"""From a target, or from the last thing that went wrong, to the reason."""

from collections.abc import Iterable

from msgspec.structs import replace

from apim_emulators.core.events import (
    ArmAnswered,
    ConfigurationAnswered,
    ConfigurationAsked,
    GatewayLogged,
    GraphAnswered,
    ManifestRefused,
    ObjectApplied,
    PodAdmitted,
    PodChanged,
    RequestServed,
    TokenAnswered,
    TokenAsked,
)
from apim_emulators.core.journal import Record
from apim_sandbox.insight import causes
from apim_sandbox.insight.causes.facts import Failure
from apim_sandbox.insight.causes.gateway_process import OUT_OF_MEMORY
from apim_sandbox.insight.explanation import Comparison, Explanation, Fact, Mend
from apim_sandbox.insight.trace import PodName, Trace, claim
from apim_sandbox.insight.walk import walk_of

__all__ = ["LAST", "Comparison", "Explanation", "Fact", "Mend", "explain"]

LAST = "last"  # the last failure, mended since or not
ASK_JOURNAL = "apim-sandbox journal"


def explain(records: Iterable[Record], target: str | None = None) -> Explanation | None:
    """Why `target` failed, None when nothing is broken there.

    `target` is a pod (`namespace/name`, a name, or its beginning), a request id, correlation id,
    trace id, `uti` or `jti`, or a record's sequence number; `"last"` is the last failure even when
    it has been mended since; None is the last failure that has not.
    """
    trace = Trace(records)
    if target is None or target == LAST:
        return _last(trace, mended_too=target == LAST)
    record = _named(trace, target)
    if record is not None:
        return _record(trace, record) or _pod(trace, trace.pod_of(record))
    return _pod(trace, trace.find_pod(target))


def _named(trace: Trace, target: str) -> Record | None:
    """The record that carries this id; the newest of several, a failed one first."""
    found = [record for record in trace.records if target in _ids(record)]
    found.sort(key=lambda record: (_failed(record), record.sequence))
    return found[-1] if found else None


def _ids(record: Record) -> tuple[str, ...]:
    event = record.event
    sequence = str(record.sequence)
    names: tuple[str, ...]
    match event:
        case TokenAnswered():
            names = (event.correlation_id, event.trace_id, event.uti, event.assertion_jti)
        case ConfigurationAnswered():
            names = (event.request_id, event.uti)
        case ConfigurationAsked():
            names = (event.request_id,)
        case ArmAnswered():
            names = (event.correlation_id,)
        case TokenAsked():
            names = (event.assertion_jti, event.uti)
        case _:
            names = ()
    return (sequence, *(name for name in names if name))


def _failed(record: Record) -> bool:
    event = record.event
    match event:
        case TokenAnswered() | ConfigurationAnswered() | ArmAnswered() | GraphAnswered():
            return event.status >= 400
        case TokenAsked():
            return not event.ok
        case ConfigurationAsked():
            # Without a word of error the gateway itself let go: it was being stopped.
            return bool(event.error) if event.status is None else event.status >= 400
        case PodAdmitted():
            return event.outcome != "mutated"
        case PodChanged():
            if event.phase == "Running":
                return "probe failed" in event.message or OUT_OF_MEMORY in event.message
            return event.phase == "Failed" or (event.phase == "Pending" and not _on_its_way(event))
        case GatewayLogged():
            return event.level.lower() == "error"
        case RequestServed():
            return event.status == 404 and not event.api
        case ManifestRefused():
            return True
    return False


def _on_its_way(event: PodChanged) -> bool:
    """Whether a pending pod is just being made: nothing holds it up yet."""
    return not event.reason or (event.reason == "ContainerCreating" and not event.message)


# What was refused to who sets things up. It is told of when nothing else is broken: a gateway that is
# down says more than a request that somebody may have tried in vain on purpose.
_BESIDE = (ArmAnswered, GraphAnswered, ManifestRefused, RequestServed)


def _last(trace: Trace, *, mended_too: bool) -> Explanation | None:
    return _newest(trace, mended_too=mended_too) or _newest(trace, mended_too=mended_too, beside=True)


def _newest(trace: Trace, *, mended_too: bool, beside: bool = False) -> Explanation | None:
    for record in reversed(trace.records):
        if not _failed(record) or isinstance(record.event, _BESIDE) is not beside:
            continue
        if isinstance(record.event, ArmAnswered | GraphAnswered) and record.event.method in ("GET", "HEAD"):
            continue
        if not mended_too and _mended(trace, record):
            continue
        found = None if mended_too else _pod(trace, trace.pod_of(record))
        found = found or _record(trace, record)
        if found is not None:
            return found
    return None


def _mended(trace: Trace, record: Record) -> bool:
    """Whether the same thing has worked since, or the pod is gone and another one is well."""
    keys = _keys(trace, record)
    return any(
        later.sequence > record.sequence and not _failed(later) and keys & _keys(trace, later)
        for later in trace.records
    )


def _keys(trace: Trace, record: Record) -> set[str]:
    """What a later success must share with a failure to count as its mending."""
    event = record.event
    match event:
        case TokenAnswered():
            namespace = str(claim(event, "sub") or "").rpartition(":")[0]
            keys = {f"token {event.tenant} {event.client_id}"}
            return keys | {f"token {namespace}"} if namespace else keys
        case TokenAsked():
            return {f"token system:serviceaccount:{event.namespace}"}
        case ConfigurationAnswered():
            pod = trace.pod_of(record)
            return {f"configuration {event.service} {event.gateway}"} | (
                {f"asked {pod.namespace}"} if pod else set()
            )
        case ConfigurationAsked():
            return {f"asked {event.namespace}"}
        case PodAdmitted():
            return {f"admitted {event.namespace} {_workload(event.pod)}"}
        case PodChanged():
            keys = (
                {f"pod {event.namespace} {_workload(event.pod)}"} if event.ready or _failed(record) else set()
            )
            # A container that was killed has got over it as soon as it runs again, ready or not.
            runs = event.phase == "Running" and (not event.reason or OUT_OF_MEMORY in event.message)
            return keys | {f"runs {event.namespace} {event.pod}"} if runs else keys
        case GatewayLogged():
            return {f"asked {event.namespace}"} if event.level.lower() == "error" else set()
        case ArmAnswered() | GraphAnswered() if event.method not in ("GET", "HEAD"):
            # A retry names a new object of the same kind: what it has in common is where it lies.
            return {f"{event.kind} {event.path.partition('?')[0].rpartition('/')[0].lower()}"}
        case ObjectApplied():
            return {"applied"}
        case ManifestRefused():
            return {"applied"}
        case RequestServed():
            return {f"served {event.path}"}
    return set()


def _workload(pod: str) -> str:
    """A pod's name without what its ReplicaSet appended."""
    return "-".join(pod.split("-")[:-2]) or pod


def _pod(trace: Trace, pod: PodName | None) -> Explanation | None:
    """The first broken hop of the pod's walk; beyond the walk, its last failure."""
    if pod is None:
        return None
    walk = walk_of(trace, str(pod))
    if walk.broken is not None:
        deciding = {record.sequence: record for record in trace.records}
        for sequence in walk.broken.records:
            found = _record(trace, deciding[sequence])
            if found is not None:
                return found
    if walk.complete:
        return None
    mine = [record for record in trace.records if trace.pod_of(record) == pod and _failed(record)]
    begun = trace.begun(pod)
    for record in [one for one in mine if one.sequence > begun] or mine:
        if not _mended(trace, record):
            found = _record(trace, record)
            if found is not None:
                return found
    return None


def _record(trace: Trace, record: Record) -> Explanation | None:
    pod = trace.pod_of(record)
    event = record.event
    if isinstance(event, TokenAsked) and not event.ok:
        answered = trace.answered(event)
        if answered is not None:
            return _record(trace, answered.record)
    if isinstance(event, ConfigurationAsked):
        answer = trace.answer_of(event)
        if answer is not None and answer.event.status >= 400:
            return _record(trace, answer.record)
    found = causes.explain(Failure(trace, record, pod))
    if isinstance(event, GatewayLogged) and found is not None and found.cause == "gateway-error":
        found = _behind(trace, record, pod) or found
    if found is None:
        return None
    more = f"apim-sandbox explain AADSTS{found.code}" if found.code else ASK_JOURNAL
    return replace(
        found,
        pod=found.pod or (str(pod) if pod else ""),
        records=found.records or (record.sequence,),
        more=found.more or more,
    )


def _behind(trace: Trace, record: Record, pod: PodName | None) -> Explanation | None:
    """What the gateway's words are about: the pod's newest failure before them that says more."""
    for earlier in reversed(trace.records):
        if earlier.sequence > record.sequence or trace.pod_of(earlier) != pod:
            continue
        if _failed(earlier) and not isinstance(earlier.event, GatewayLogged):
            return _record(trace, earlier)
    return None
