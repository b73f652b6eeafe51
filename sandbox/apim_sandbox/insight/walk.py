"""The Walk: one view model of what happened to a pod, hop by hop.

Terminal, reports, `explain` and the expectations of scenarios all read this. A Walk tells the newest
attempt: after a refusal it ends at the refusal, after a recovery it tells the way that worked.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from apim_emulators.core.events import (
    ConfigurationAnswered,
    ConfigurationAsked,
    ObjectApplied,
    TokenAnswered,
    TokenAsked,
)
from apim_emulators.core.journal import Record
from apim_sandbox.insight.hop import Detail, Hop, HopVerdict
from apim_sandbox.insight.hops import HOPS, Chain
from apim_sandbox.insight.trace import PodName, Seen, Trace

__all__ = ["Attempt", "Detail", "Hop", "HopVerdict", "Walk", "attempts", "build", "chain_of", "walk_of"]


class Walk(Struct, frozen=True):
    """The hops of one pod's newest attempt, in order. `pod` is `namespace/name`, empty without one."""

    pod: str
    hops: tuple[Hop, ...]

    @property
    def broken(self) -> Hop | None:
        """The first failed hop."""
        return next((hop for hop in self.hops if hop.verdict == "failed"), None)

    @property
    def complete(self) -> bool:
        """Whether the gateway got its configuration."""
        return self.broken is None and any(hop.number == 9 and hop.verdict == "ok" for hop in self.hops)

    @property
    def duration(self) -> float:
        """Seconds spent in measured hops; nested ones (5 in 4, 8 in 7) are not counted twice."""
        return sum(hop.duration or 0.0 for hop in self.hops if hop.number not in (5, 8))


class Attempt(Struct, frozen=True):
    """One request of a gateway for its configuration. `status` is None when no answer came."""

    pod: str
    at: float
    operation: Literal["snapshot", "events", "heartbeat", "other"]
    status: int | None
    request_id: str
    cause: str
    records: tuple[int, ...]

    @property
    def ok(self) -> bool:
        return self.status is not None and self.status < 400


def build(records: Iterable[Record], pod: str | None = None) -> Walk:
    """The Walk of `pod` (`namespace/name`, a name, or its beginning), by default of the newest pod."""
    return walk_of(Trace(records), pod)


def walk_of(trace: Trace, pod: str | None = None) -> Walk:
    """`build` on records that are already joined."""
    found = trace.find_pod(pod) if pod is not None else next(reversed(trace.pods()), None)
    if found is None:
        return Walk("", ())
    chain = chain_of(trace, found)
    hops = [hop for hop in (tell(chain) for tell in HOPS) if hop is not None]
    broken = next((index for index, hop in enumerate(hops) if hop.verdict == "failed"), None)
    if broken is not None:
        # What lies behind the break belongs to an earlier attempt, except the gateway's present state.
        tail = [hop for hop in hops[broken + 1 :] if hop.number == 9 and hop.verdict == "info"]
        hops = [*hops[: broken + 1], *tail]
    return Walk(str(found), tuple(hops))


def chain_of(trace: Trace, pod: PodName) -> Chain:
    """The events of the pod's newest attempt."""
    exchanges = trace.of_pod(trace.exchanges, pod)
    asked_tokens = trace.of_pod(trace.asked_tokens, pod)
    answer, asked = _configuration(trace, pod)
    exchange = exchanges[-1] if exchanges else None
    unheard = asked_tokens[-1] if asked_tokens else None
    if unheard is not None and not unheard.event.ok and trace.answered(unheard.event) is None:
        later = exchange is not None and exchange.sequence > unheard.sequence
        if not later and (answer is None or answer.sequence < unheard.sequence):
            # The request never reached Entra: the chain ends with what the gateway saw.
            exchange = answer = asked = None
    if exchange is not None and exchange.event.status < 400 and answer is not None:
        exchange = trace.exchange_of(answer.event) or exchange
    projected = trace.of_pod(trace.projected, pod)
    presented = next(
        (seen for seen in projected if exchange and seen.event.jti == exchange.event.assertion_jti), None
    )
    states = trace.of_pod(trace.gateways, pod)
    admitted = trace.of_pod(trace.admitted, pod)
    return Chain(
        trace=trace,
        pod=pod,
        applied=_applied(trace, pod),
        admitted=admitted[-1] if admitted else None,
        projected=presented or (projected[0] if projected else None),
        asked_token=_asked_token(asked_tokens, exchange) if exchange else unheard,
        exchange=exchange,
        asked=asked,
        answer=answer,
        state=states[-1] if states else None,
    )


def attempts(records: Iterable[Record], pod: str | None = None) -> tuple[Attempt, ...]:
    """Every configuration request, oldest first: the gateway's polls, as APIM or the pod saw them."""
    trace = Trace(records)
    wanted = trace.find_pod(pod) if pod is not None else None
    found: list[Attempt] = []
    for answer in trace.answers:
        name = trace.pod_of(answer.record)
        asked = next((seen for seen in trace.asked if seen.event.request_id == answer.event.request_id), None)
        records_of = (answer.sequence, *((asked.sequence,) if asked else ()))
        event = answer.event
        found.append(
            Attempt(
                str(name or ""),
                answer.record.at,
                event.operation,
                event.status,
                event.request_id,
                event.cause,
                records_of,
            )
        )
    for asked in trace.asked:
        if trace.answer_of(asked.event) is None:
            sent = asked.event
            found.append(
                Attempt(
                    str(trace.pod_of(asked.record) or ""),
                    asked.record.at,
                    sent.operation,
                    sent.status,
                    sent.request_id,
                    sent.error,
                    (asked.sequence,),
                )
            )
    found.sort(key=lambda attempt: attempt.records[0])
    return tuple(one for one in found if wanted is None or one.pod == str(wanted))


def _configuration(
    trace: Trace, pod: PodName
) -> tuple[Seen[ConfigurationAnswered] | None, Seen[ConfigurationAsked] | None]:
    """The request to tell of: the newest when it failed, else the first snapshot that worked."""
    answers = trace.of_pod(trace.answers, pod)
    asks = trace.of_pod(trace.asked, pod)
    unheard = [
        seen
        for seen in asks
        if seen.event.status is None and seen.event.error and trace.answer_of(seen.event) is None
    ]
    if unheard and (not answers or unheard[-1].sequence > answers[-1].sequence):
        last_heard = max((seen.sequence for seen in asks if seen.event.status is not None), default=0)
        if unheard[-1].sequence > last_heard:
            return None, unheard[-1]
    if not answers:
        return None, asks[-1] if asks else None
    chosen = answers[-1]
    if chosen.event.status < 400:
        chosen = next(
            (seen for seen in answers if seen.event.operation == "snapshot" and seen.event.status < 400),
            chosen,
        )
    asked = next((seen for seen in asks if seen.event.request_id == chosen.event.request_id), None)
    return chosen, asked


def _asked_token(asked: list[Seen[TokenAsked]], exchange: Seen[TokenAnswered]) -> Seen[TokenAsked] | None:
    """The gateway's side of an exchange."""
    for seen in reversed(asked):
        if seen.event.uti and seen.event.uti == exchange.event.uti:
            return seen
        if not seen.event.ok and exchange.event.status >= 400:
            return seen
    return None


def _applied(trace: Trace, pod: PodName) -> tuple[Seen[ObjectApplied], ...]:
    """The latest state of each object in the pod's namespace that can have to do with the pod."""
    latest: dict[str, Seen[ObjectApplied]] = {}
    for seen in trace.applied:
        if seen.event.namespace in (pod.namespace, ""):
            latest[seen.event.object] = seen
    kept = [
        seen
        for seen in latest.values()
        if seen.event.result != "deleted" and _concerns(seen.event.object, pod.name)
    ]
    return tuple(kept)


def _concerns(name: str, pod: str) -> bool:
    kind, _, named = name.partition("/")
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"):
        return pod == named or pod.startswith(named + "-")
    return True
