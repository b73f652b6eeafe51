"""Records joined by what really travels: assertion `jti` → access token `uti` → request id.

Foreign clients send no id of ours, and records of several processes come slightly out of order; so
nothing here goes by position except the choice of the newest among equals.
"""

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

from msgspec import Struct

from apim_emulators.core.events import (
    ArmAnswered,
    ConfigurationAnswered,
    ConfigurationAsked,
    Event,
    FaultFired,
    GatewayChanged,
    GatewayLogged,
    IssuerFetched,
    Json,
    ObjectApplied,
    PodAdmitted,
    PodChanged,
    ResourceChanged,
    TokenAnswered,
    TokenAsked,
    TokenProjected,
    TokenProxied,
)
from apim_emulators.core.journal import Record

E = TypeVar("E", bound=Event)


_TRACE_ID = re.compile(r"Trace ID: ([0-9a-f-]{36})")


class Seen(Struct, Generic[E], frozen=True):
    """An event with its record: `event` is the record's event under its own type."""

    record: Record
    event: E

    @property
    def sequence(self) -> int:
        return self.record.sequence


class PodName(Struct, frozen=True, order=True):
    """A pod as `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Trace:
    """An index over records; every list is in the journal's order."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records = sorted(records, key=lambda record: record.sequence)
        self.applied = self._all(ObjectApplied)
        self.admitted = self._all(PodAdmitted)
        self.projected = self._all(TokenProjected)
        self.pods_changed = self._all(PodChanged)
        self.fetched = self._all(IssuerFetched)
        self.exchanges = self._all(TokenAnswered)
        self.asked_tokens = self._all(TokenAsked)
        self.answers = self._all(ConfigurationAnswered)
        self.asked = self._all(ConfigurationAsked)
        self.arm = self._all(ArmAnswered)
        self.gateways = self._all(GatewayChanged)
        self.logs = self._all(GatewayLogged)
        self.faults = self._all(FaultFired)
        self.resources: dict[str, Seen[ResourceChanged]] = {}
        for resource in self._all(ResourceChanged):
            self.resources[resource.event.id.lower()] = resource
        self._pod_of_jti = {seen.event.jti: _pod(seen.event) for seen in self.projected if seen.event.jti}
        self._pod_of_jti |= {
            seen.event.assertion_jti: _pod(seen.event)
            for seen in self.asked_tokens
            if seen.event.assertion_jti and seen.event.assertion_jti not in self._pod_of_jti
        }
        self._pod_of_trace = {
            found[1]: _pod(seen.event)
            for seen in self.asked_tokens
            if (found := _TRACE_ID.search(seen.event.error)) is not None
        }
        for proxied in self._all(TokenProxied):  # the pod's token went no further than the token proxy
            pod = self._pod_of_jti.get(proxied.event.assertion_jti)
            if pod is not None and proxied.event.forwarded_jti:
                self._pod_of_jti[proxied.event.forwarded_jti] = pod
        self._pod_of_uti = {seen.event.uti: _pod(seen.event) for seen in self.asked_tokens if seen.event.uti}
        for exchange in self.exchanges:
            pod = self.pod_of_exchange(exchange.event)
            if exchange.event.uti and pod is not None:
                self._pod_of_uti[exchange.event.uti] = pod
        self._pod_of_request = {
            seen.event.request_id: _pod(seen.event) for seen in self.asked if seen.event.request_id
        }

    def _all(self, kind: type[E]) -> list[Seen[E]]:
        return [Seen(record, record.event) for record in self.records if isinstance(record.event, kind)]

    # --- pods

    def pods(self) -> list[PodName]:
        """Every pod that left a trace, oldest first.

        A pod that the records do not see begin was there before them: during a rolling update the old
        pod goes on asking after the new one was admitted.
        """
        begun: dict[PodName, bool] = {}
        for record in self.records:
            pod = self.pod_of(record)
            if pod is not None:
                begun.setdefault(pod, isinstance(record.event, PodAdmitted | PodChanged | TokenProjected))
        return sorted(begun, key=begun.__getitem__)

    def find_pod(self, text: str) -> PodName | None:
        """The newest pod called `text`: `namespace/name`, a name, or the beginning of one."""
        pods = self.pods()[::-1]
        exact = [pod for pod in pods if text in (str(pod), pod.name)]
        begun = [pod for pod in pods if text and (pod.name.startswith(text) or str(pod).startswith(text))]
        return next(iter(exact + begun), None)

    def pod_of(self, record: Record) -> PodName | None:
        """The pod that a record is about, None when it can't be told."""
        event = record.event
        if isinstance(event, TokenAnswered):
            return self.pod_of_exchange(event)
        if isinstance(event, ConfigurationAnswered):
            return self._pod_of_request.get(event.request_id) or self._pod_of_uti.get(event.uti)
        if isinstance(
            event,
            PodAdmitted
            | TokenProjected
            | PodChanged
            | TokenAsked
            | ConfigurationAsked
            | GatewayChanged
            | GatewayLogged,
        ):
            return _pod(event)
        return None

    def pod_of_exchange(self, event: TokenAnswered) -> PodName | None:
        """Whose assertion it was: by its `jti`, else by what the token itself says of its pod."""
        if event.assertion_jti in self._pod_of_jti:
            return self._pod_of_jti[event.assertion_jti]
        if event.trace_id in self._pod_of_trace:
            return self._pod_of_trace[event.trace_id]
        bound = claim(event, "kubernetes.io")
        if isinstance(bound, dict) and isinstance(bound.get("pod"), dict) and bound["pod"].get("name"):
            return PodName(str(bound.get("namespace", "")), str(bound["pod"]["name"]))
        return None

    def of_pod(self, seen: list[Seen[E]], pod: PodName) -> list[Seen[E]]:
        return [one for one in seen if self.pod_of(one.record) == pod]

    def begun(self, pod: PodName) -> int:
        """The record with which the pod's gateway began the last time: a container may be started again."""
        starts = [seen for seen in self.of_pod(self.gateways, pod) if seen.event.state == "starting"]
        return starts[-1].sequence if starts else 0

    # --- joins

    def exchange_of(self, answer: ConfigurationAnswered) -> Seen[TokenAnswered] | None:
        """The exchange that issued the access token of a configuration request."""
        if not answer.uti:
            return None
        return next((seen for seen in self.exchanges if seen.event.uti == answer.uti), None)

    def answer_of(self, asked: ConfigurationAsked) -> Seen[ConfigurationAnswered] | None:
        if not asked.request_id:
            return None
        return next((seen for seen in self.answers if seen.event.request_id == asked.request_id), None)

    def answered(self, asked: TokenAsked) -> Seen[TokenAnswered] | None:
        """Entra's answer to what the gateway asked: same `uti`, or a refusal of the same assertion."""
        for seen in reversed(self.exchanges):
            if asked.uti and seen.event.uti == asked.uti:
                return seen
            same = bool(asked.assertion_jti) and seen.event.assertion_jti == asked.assertion_jti
            if same and asked.ok == (seen.event.status < 400):
                return seen
            if seen.event.trace_id and seen.event.trace_id in asked.error:
                return seen  # no assertion: Entra's words carry the id
        return None

    def fetches_of(self, exchange: Seen[TokenAnswered]) -> list[Seen[IssuerFetched]]:
        """The fetches of issuer documents that this exchange caused; empty when keys were cached.

        They carry no id of the exchange, so: same issuer, since the previous exchange of that issuer.
        """
        issuer = claim(exchange.event, "iss")
        previous = max(
            (
                seen.sequence
                for seen in self.exchanges
                if seen.sequence < exchange.sequence and claim(seen.event, "iss") == issuer
            ),
            default=0,
        )
        return [
            seen
            for seen in self.fetched
            if seen.event.issuer == issuer and previous < seen.sequence < exchange.sequence
        ]

    def reads_of(self, answer: Seen[ConfigurationAnswered]) -> list[Seen[ArmAnswered]]:
        """ARM's answers to the service's own identity for this configuration request."""
        by_id = [
            seen
            for seen in self.arm
            if seen.event.correlation_id == answer.event.request_id and answer.event.request_id
        ]
        if by_id:
            return by_id
        half = answer.event.validator
        identity = half.decision.principal if half is not None and half.decision is not None else ""
        previous = max((seen.sequence for seen in self.answers if seen.sequence < answer.sequence), default=0)
        return [
            seen
            for seen in self.arm
            if identity and seen.event.caller == identity and previous < seen.sequence < answer.sequence
        ]

    def faults_before(self, sequence: int, *, target: str = "", within: int = 40) -> list[Seen[FaultFired]]:
        """Faults that fired shortly before a record, newest first."""
        return [
            seen
            for seen in reversed(self.faults)
            if sequence - within <= seen.sequence <= sequence + 2 and target in seen.event.target
        ]

    def resource(self, identity: str) -> Seen[ResourceChanged] | None:
        """The latest change of the object with this id (a GUID or a resource id, any letter case)."""
        return self.resources.get(identity.lower())


def claim(event: TokenAnswered, name: str) -> Json:
    """A claim of the assertion, None when there is none."""
    return event.assertion.claims.get(name) if event.assertion is not None else None


def _pod(
    event: PodAdmitted
    | TokenProjected
    | PodChanged
    | TokenAsked
    | ConfigurationAsked
    | GatewayChanged
    | GatewayLogged,
) -> PodName:
    return PodName(event.namespace, event.pod)
