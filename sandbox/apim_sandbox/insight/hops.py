"""The nine hops, each told from the events that prove it; None where nothing happened yet."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from apim_emulators.core.events import (
    ConfigurationAnswered,
    ConfigurationAsked,
    GatewayChanged,
    Half,
    ObjectApplied,
    PodAdmitted,
    Rung,
    Token,
    TokenAnswered,
    TokenAsked,
    TokenProjected,
)
from apim_emulators.core.rbac import Considered
from apim_emulators.core.vocabulary import CONFIGURATION_AUDIENCE
from apim_sandbox.insight.explanation import Comparison
from apim_sandbox.insight.hop import Detail, Hop, HopVerdict
from apim_sandbox.insight.trace import PodName, Seen, Trace

# Refusals that concern what was asked for, not who asked: they belong to hop 6.
RESOURCE_CODES = frozenset({1002012, 70011, 500011, 50001, 650057, 65001, 53003})


class Chain(Struct, frozen=True):
    """The events of one attempt, joined by ids."""

    trace: Trace
    pod: PodName
    applied: tuple[Seen[ObjectApplied], ...] = ()
    admitted: Seen[PodAdmitted] | None = None
    projected: Seen[TokenProjected] | None = None
    asked_token: Seen[TokenAsked] | None = None
    exchange: Seen[TokenAnswered] | None = None
    asked: Seen[ConfigurationAsked] | None = None
    answer: Seen[ConfigurationAnswered] | None = None
    state: Seen[GatewayChanged] | None = None


def manifest(chain: Chain) -> Hop | None:
    """1: the manifest is applied."""
    if not chain.applied:
        return None
    objects = sorted((seen.event for seen in chain.applied), key=_rank)
    first = [event.object for event in objects if event.object.partition("/")[0] in _SHOWN]
    rest = [event.object for event in objects if event.object not in first]
    shown = ", ".join(name.replace("/", " ", 1) for name in first or rest[:2])
    details = []
    others = [name for name in rest if name not in shown] if first else rest[2:]
    if others:
        details.append(Detail("also", ", ".join(name.replace("/", " ", 1) for name in others), quiet=True))
    idle = [event.object.replace("/", " ", 1) for event in objects if not event.acted_on]
    if idle:
        details.append(Detail("kept, not acted on", ", ".join(idle), line=1))
    return Hop(
        1,
        "you",
        "cluster",
        shown,
        "ok",
        duration=_total(seen.record.duration for seen in chain.applied),
        details=tuple(details),
        records=tuple(seen.sequence for seen in chain.applied),
    )


def admission(chain: Chain) -> Hop | None:
    """2: the webhook adds environment, volume and mount, or is not asked."""
    if chain.admitted is None:
        return None
    event = chain.admitted.event
    verdict: HopVerdict = "ok"
    details: list[Detail] = []
    if event.outcome == "mutated":
        added = (
            (len(event.added_env), "env"),
            (len(event.added_volumes), "volume"),
            (len(event.added_mounts), "mount"),
        )
        what = f"{event.pod}: " + ", ".join(f"+{count} {noun}" for count, noun in added)
        details = [
            Detail(name, value, line=line, quiet=True)
            for line, (name, value) in enumerate(event.added_env.items())
        ]
        if event.profile:
            details.append(Detail("profile", event.profile, line=len(details), quiet=True))
    else:
        words = {"skipped": "not mutated", "denied": "denied", "failed": "webhook not called"}
        what = f"{event.pod}: {words[event.outcome]}"
        if event.reason:
            details.append(Detail("reason", event.reason))
        verdict = "info" if event.outcome == "skipped" and chain.exchange is not None else "failed"
    return Hop(
        2,
        "cluster",
        "webhook",
        what,
        verdict,
        duration=chain.admitted.record.duration or None,
        details=tuple(details),
        records=(chain.admitted.sequence,),
    )


def projection(chain: Chain) -> Hop | None:
    """3: the kubelet writes a signed service-account token."""
    if chain.projected is None:
        return None
    event = chain.projected.event
    issued = event.token.claims.get("iat")
    life = event.expires_at - issued if isinstance(issued, int | float) else None
    what = "token renewed" if event.renewal else "projected token"
    if life is not None and isinstance(issued, int | float):
        what += f", {span(life)}, renewed at {span(event.renew_at - issued)}"
    details = [*assertion(event.token), Detail("file", event.path, line=2, quiet=True)]
    return Hop(
        3,
        "cluster",
        "pod",
        what,
        "ok",
        duration=chain.projected.record.duration or None,
        details=tuple(details),
        records=(chain.projected.sequence,),
    )


def exchange(chain: Chain) -> Hop | None:
    """4: the gateway posts the token as a client assertion."""
    caller = "gateway"
    if chain.exchange is not None:
        event = chain.exchange.event
        if not event.scope.startswith(CONFIGURATION_AUDIENCE):
            caller = "pod"
        return Hop(
            4,
            caller,
            "Entra",
            f"POST {event.host}/{shortened(event.tenant)}/oauth2/v2.0/token",
            "ok",
            duration=chain.exchange.record.duration or None,
            details=(
                Detail("client_id", event.client_id, quiet=True),
                Detail("scope", event.scope, line=1, quiet=True),
                Detail("proof", _PROOFS[event.grant], line=1, quiet=True),
            ),
            records=tuple(seen.sequence for seen in (chain.exchange, chain.asked_token) if seen is not None),
        )
    if chain.asked_token is None:
        return None
    asked = chain.asked_token.event
    host = asked.authority.removeprefix("https://").rstrip("/") or "no authority"
    return Hop(
        4,
        caller,
        "Entra",
        f"token from {host}",
        "ok" if asked.ok else "failed",
        duration=chain.asked_token.record.duration or None,
        details=(Detail("error", asked.error),) if asked.error else (),
        records=(chain.asked_token.sequence,),
    )


def verdict(chain: Chain) -> Hop | None:
    """5: Entra checks the assertion against the federated credential and the issuer's keys."""
    if chain.exchange is None:
        return None
    event = chain.exchange.event
    failed = event.status >= 400 and event.code not in RESOURCE_CODES
    fetches = chain.trace.fetches_of(chain.exchange)
    broken = next((seen.event for seen in fetches if seen.event.error), None)
    shown, others = main_rungs(event.ladder)
    details = [Detail(rung.name, verdict=rung.verdict) for rung in shown]
    if others:
        details.append(Detail("others", str(others), "passed"))
    if failed:
        code = f"AADSTS{event.code}" if event.code else event.error
        details.append(Detail("answer", f"{event.status} {code}", line=1))
    if broken is not None:
        what = f"{broken.document}: {broken.error}"
        details.append(Detail("url", broken.url, line=1))
    elif fetches:
        keys = next((len(seen.event.key_ids) for seen in fetches if seen.event.document == "jwks"), None)
        what = ", ".join(dict.fromkeys(_DOCUMENTS[seen.event.document] for seen in fetches))
        what += f" ({keys} key{'s' if keys != 1 else ''})" if keys is not None else ""
    elif event.grant == "federated-assertion":
        what = "not asked" if failed else "keys from Entra's cache"
    else:
        what = f"{_PROOFS[event.grant]} checked"
    rung = next((rung for rung in event.ladder if rung.verdict == "failed"), None)
    comparison = None
    if rung is not None and rung.expected is not None and rung.presented is not None:
        comparison = Comparison(rung.name, rung.expected, rung.presented)
    asks_issuer = bool(fetches) or event.grant == "federated-assertion"
    return Hop(
        5,
        "Entra",
        "issuer" if asks_issuer else "",
        what,
        "failed" if failed else "ok",
        duration=_total(seen.record.duration for seen in fetches) if fetches else None,
        details=tuple(details),
        comparison=comparison if failed else None,
        records=(chain.exchange.sequence, *(seen.sequence for seen in fetches)),
    )


def access_token(chain: Chain) -> Hop | None:
    """6: the access token."""
    if chain.exchange is None:
        return None
    event = chain.exchange.event
    if event.status >= 400:
        if event.code not in RESOURCE_CODES:
            return None
        return Hop(
            6,
            "Entra",
            "gateway",
            f"no token for {event.scope}",
            "failed",
            details=(Detail("answer", f"{event.status} AADSTS{event.code}"),),
            records=(chain.exchange.sequence,),
        )
    token = event.issued
    audience = str(token.claims.get("aud", "")) if token is not None else event.scope
    details = tuple(access(token)) if token is not None else ()
    return Hop(
        6,
        "Entra",
        "gateway",
        f"access token for {audience}, {span(event.expires_in)}",
        "ok",
        details=details,
        records=(chain.exchange.sequence,),
    )


def configuration(chain: Chain) -> Hop | None:
    """7: the configuration request with that token."""
    if chain.answer is not None:
        event = chain.answer.event
        host = "" if event.path.startswith("https://") else f"{event.service}.configuration.azure-api.net"
        failed = event.status >= 400 and event.status != 403
        details = [Detail("request", event.request_id, quiet=True)] if event.request_id else []
        if failed:
            details.insert(0, Detail("answer", f"{event.status} {event.cause}".strip()))
        comparison = None
        return Hop(
            7,
            "gateway",
            "APIM",
            f"{event.method} {host}{event.path.partition('?')[0]}",
            "failed" if failed else "ok",
            duration=chain.answer.record.duration or None,
            details=tuple(details),
            comparison=comparison,
            records=tuple(seen.sequence for seen in (chain.answer, chain.asked) if seen is not None),
        )
    if chain.asked is None:
        return None
    asked = chain.asked.event
    return Hop(
        7,
        "gateway",
        "APIM",
        f"GET {asked.url.removeprefix('https://').partition('?')[0]}",
        "ok" if asked.status is not None and asked.status < 400 else "failed",
        duration=chain.asked.record.duration or None,
        details=(Detail("error", asked.error),) if asked.error else (),
        records=(chain.asked.sequence,),
    )


def authorization(chain: Chain) -> Hop | None:
    """8: the service reads RBAC with its own identity and decides."""
    if chain.answer is None:
        return None
    event = chain.answer.event
    if event.reader is None and event.validator is None:
        return None
    reads = chain.trace.reads_of(chain.answer)
    failed = event.status == 403
    words = {True: "both halves", False: "refused: 403 Forbidden"}
    details = []
    for line, (name, half) in enumerate((("reader", event.reader), ("validator", event.validator))):
        if half is not None:
            details.append(Detail(name, _half(half), line=line))
    return Hop(
        8,
        "APIM",
        "ARM",
        words[not failed],
        "failed" if failed else "ok",
        duration=_total(seen.record.duration for seen in reads) if reads else None,
        details=tuple(details),
        records=(chain.answer.sequence, *(seen.sequence for seen in reads)),
    )


def configured(chain: Chain) -> Hop | None:
    """9: the gateway has its configuration and serves."""
    down = _down(chain)
    if down is not None or chain.state is None or chain.state.event.state == "starting":
        return down
    event = chain.state.event
    what = {
        "ready": "Ready",
        "serving-from-memory": "serves from memory",
        "stopped": "stopped",
        "starting": "starting",
    }[event.state]
    if event.revision:
        count = len(event.apis)
        what = f"revision {event.revision}, {count} API{'s' if count != 1 else ''}, {what}"
    return Hop(
        9,
        "gateway",
        "",
        what,
        "ok" if event.state == "ready" else "info",
        duration=chain.state.record.duration or None,
        details=(Detail("apis", ", ".join(event.apis), quiet=True),) if event.apis else (),
        records=(chain.state.sequence,),
    )


def _down(chain: Chain) -> Hop | None:
    """What keeps a gateway from serving that nobody refused anything: its container, or its own start."""
    pods = chain.trace.of_pod(chain.trace.pods_changed, chain.pod)
    if pods and not pods[-1].event.ready and any(sign in pods[-1].event.message for sign in _STOPPED):
        event, deciding = pods[-1].event, pods[-1].sequence
        return Hop(9, "gateway", "", event.reason or event.phase, "failed",
                   details=(Detail("message", event.message),), records=(deciding,))  # fmt: skip
    if chain.state is None or chain.state.event.state != "starting":
        return None
    failed = [
        seen
        for seen in chain.trace.of_pod(chain.trace.logs, chain.pod)
        if seen.event.event_type == "ConfigInitialSyncFailed" and seen.sequence > chain.state.sequence
    ]
    if not failed:
        return None
    last = failed[-1]
    return Hop(9, "gateway", "", "has no configuration", "failed",
               details=(Detail("log", last.event.exception),), records=(last.sequence,))  # fmt: skip


_STOPPED = ("OOMKilled", "probe failed")

HOPS = (
    manifest,
    admission,
    projection,
    exchange,
    verdict,
    access_token,
    configuration,
    authorization,
    configured,
)


# --- how things are written


def assertion(token: Token) -> list[Detail]:
    """What of a service-account token must agree with the federated credential."""
    claims = token.claims
    return [
        Detail("iss", str(claims.get("iss", "none"))),
        Detail("sub", str(claims.get("sub", "none")), line=1),
        Detail("aud", audiences(claims.get("aud"))),
        Detail("kid", shortened(str(token.header.get("kid", "none")))),
        Detail("signature", "…"),
    ]


def access(token: Token) -> list[Detail]:
    """What of an access token the configuration API looks at."""
    claims = token.claims
    shown = [Detail(name, str(claims[name])) for name in ("oid", "tid", "appid", "azp") if name in claims]
    return [*shown, Detail("signature", "…")]


def audiences(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(one) for one in value)
    return "none" if value is None else str(value)


def main_rungs(ladder: tuple[Rung, ...]) -> tuple[tuple[Rung, ...], int]:
    """The checks that a person looks for, with any that did not pass; and how many others passed."""
    if not any(rung.name in _MAIN for rung in ladder):
        return ladder, 0
    shown = tuple(rung for rung in ladder if rung.name in _MAIN or rung.verdict == "failed")
    others = sum(rung.verdict == "passed" for rung in ladder if rung not in shown)
    return shown, others


def _rank(event: ObjectApplied) -> int:
    """What runs comes first, then what it runs as, then the rest in the order of the manifest."""
    kind = event.object.partition("/")[0]
    return {"ServiceAccount": 1}.get(kind, 0 if kind in _RUN else 2)


def shortened(text: str, kept: int = 8) -> str:
    return text if len(text) <= kept + 4 else text[:kept] + "…"


def span(seconds: float) -> str:
    """A length of time as one says it: `1 h`, `48 min`, `3 min 20 s`; from 10 minutes on, to the minute."""
    whole = round(seconds) if seconds < 600 else round(seconds / 60) * 60
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) or "0 s"


def scope_name(scope: str) -> str:
    """The last name of a resource id, as a person calls the scope."""
    parts = [part for part in scope.split("/") if part]
    if not parts:
        return "/"
    if len(parts) == 2 and parts[0].lower() == "subscriptions":
        return f"subscription {parts[1]}"
    return parts[-1]


def _half(half: Half) -> str:
    decision = half.decision
    if decision is None:
        return half.problem or "not evaluable"
    action = "/".join(decision.action.split("/")[-2:])
    if decision.granted_by is not None:
        return f"{action} granted by {considered(decision.granted_by)}"
    if decision.denied_by is not None:
        return f"{action} denied by {considered(decision.denied_by)}"
    return f"{action} NOT granted at {scope_name(decision.scope)}"


def considered(assignment: Considered) -> str:
    role = f'"{assignment.role_name}"' if assignment.role_name else "an unknown role"
    return f"{role} at {scope_name(assignment.scope)}"


def _total(durations: Iterable[float]) -> float | None:
    return sum(durations) or None


_MAIN = frozenset(("issuer", "audience", "subject", "lifetime", "time", "metadata", "key", "signature"))
_RUN = frozenset(("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"))
_SHOWN = _RUN | {"ServiceAccount"}
_PROOFS = {
    "federated-assertion": "federated assertion",
    "certificate": "certificate",
    "client-secret": "client secret",
    "none": "none",
}
_DOCUMENTS = {"discovery": "discovery", "jwks": "JWKS"}
