"""One line a record: sequence, time, who, what happened."""

from apim_emulators.core.clock import utc
from apim_emulators.core.events import (
    ArmAnswered,
    ClockMoved,
    ConfigurationAnswered,
    ConfigurationAsked,
    DocumentServed,
    Event,
    EventGridPublished,
    FaultFired,
    GatewayChanged,
    GatewayLogged,
    GraphAnswered,
    IssuerFetched,
    ManifestRefused,
    ObjectApplied,
    PodAdmitted,
    PodChanged,
    RequestServed,
    ResourceChanged,
    ServiceAccountTokenIssued,
    TokenAnswered,
    TokenAsked,
    TokenProjected,
    TokenProxied,
    WorldLoaded,
)
from apim_emulators.core.journal import Record
from apim_sandbox.cli.render.line import Line, Style, line, milliseconds
from apim_sandbox.insight.hops import shortened, span


def record_lines(record: Record) -> list[Line]:
    """The record as one line (never folded: a log is searched by line)."""
    text, style = sentence(record.event)
    moment = utc(record.at).strftime("%H:%M:%S.%f")[:-3]
    took = milliseconds(record.duration or None)
    return [
        line(
            (f"{record.sequence:>6}  ", "dim"),
            f"{moment}  {record.actor:<8} ",
            (text, style),
            (f"  {took}" if took else "", "dim"),
        )
    ]


def sentence(event: Event) -> tuple[str, Style]:
    """What an event says, and whether it is good news."""
    match event:
        case ObjectApplied():
            aside = "" if event.acted_on else "  (kept, not acted on)"
            where = f"{event.namespace}/" if event.namespace else ""
            return f"{where}{event.object} {event.result}{aside}", ""
        case ManifestRefused():
            return f"{event.place} refused: {event.problem}", "failed"
        case PodAdmitted():
            reason = f": {event.reason}" if event.reason else ""
            return f"pod {event.namespace}/{event.pod} {event.outcome}{reason}", _bad(
                event.outcome != "mutated"
            )
        case ServiceAccountTokenIssued():
            return f"token {_short(event.jti)} signed for {event.token.claims.get('sub', '?')}", ""
        case TokenProjected():
            verb = "renewed" if event.renewal else "projected"
            return f"token {_short(event.jti)} {verb} for {event.namespace}/{event.pod} at {event.path}", ""
        case PodChanged():
            ready = ", ready" if event.ready else ""
            reason = f": {event.reason} {event.message}".rstrip() if event.reason else ""
            return f"pod {event.namespace}/{event.pod} {event.phase}{ready}{reason}", _bad(
                event.phase == "Failed"
            )
        case DocumentServed():
            return f"{event.document} of {event.issuer} served", ""
        case IssuerFetched():
            came = event.error or f"{event.status}"
            return f"{event.document} fetched from {event.url}: {came}", _bad(bool(event.error))
        case TokenAnswered():
            whom = event.application or event.client_id
            if event.status >= 400:
                code = f"AADSTS{event.code}" if event.code else event.error
                return (
                    f"{event.status} {code} {event.cause} for {whom}, correlation {event.correlation_id}",
                    "failed",
                )
            return f"{event.status} access token {_short(event.uti)} for {whom}, {event.scope}", "ok"
        case TokenProxied():
            came = f"{event.status} {event.cause}" if event.cause else f"{event.status} of Entra"
            return (
                f"token {_short(event.assertion_jti)} proxied for identity {event.client_id}: {came}",
                _bad(event.status >= 400),
            )
        case ArmAnswered():
            failed = event.status >= 400
            why = f" {event.error}" if event.error else ""
            return (
                f"{event.status} {event.method} {event.path} by {event.caller_name or 'nobody'}{why}",
                _bad(failed),
            )
        case ConfigurationAnswered():
            why = f" {event.cause}" if event.cause else ""
            revision = f", revision {event.revision}" if event.revision else ""
            text = f"{event.status} {event.method} {event.path}{why}{revision}, request {event.request_id}"
            return text, "failed" if event.status >= 400 else "ok"
        case TokenAsked():
            came = "got a token" if event.ok else f"got no token: {event.error}"
            return f"{event.namespace}/{event.pod} {came}", _bad(not event.ok)
        case ConfigurationAsked():
            came = str(event.status) if event.status is not None else event.error
            return f"{event.namespace}/{event.pod} asked for {event.operation}: {came}", _bad(
                event.status is None or event.status >= 400
            )
        case GatewayChanged():
            revision = f", revision {event.revision}" if event.revision else ""
            return f"gateway {event.gateway} in {event.namespace}/{event.pod}: {event.state}{revision}", ""
        case GatewayLogged():
            return event.line or f"[{event.level}] {event.event_type} {event.message}", _bad(
                event.level in ("error", "fatal")
            )
        case RequestServed():
            return f"{event.status} {event.method} {event.path} served by {event.namespace}/{event.pod}", ""
        case WorldLoaded():
            return f"world {event.name} loaded", ""
        case ResourceChanged():
            by = f" by {event.by}" if event.by else ""
            return f"{event.type} {event.name} {event.change}{by}", ""
        case GraphAnswered():
            why = f" {event.error}" if event.error else ""
            return f"{event.status} {event.method} {event.path}{why}", _bad(event.status >= 400)
        case ClockMoved():
            if event.actor:
                return f"clock of {event.actor} skewed by {event.skew:+g} s", "info"
            return f"clock advanced by {span(event.advanced)}", "info"
        case EventGridPublished():
            return f"Event Grid: {event.type} for {event.subject}", "info"
        case FaultFired():
            return f"fault {event.fault} at {event.target}, call {event.call}: {event.effect}", "info"


def _bad(failed: bool) -> Style:
    return "failed" if failed else ""


def _short(text: str) -> str:
    return shortened(text) or "without id"
