"""From a live session to a scenario: what somebody did, as steps; what came of it, as expectations. Pure.

What was done comes from the control service's history (manifests, pods, clock, faults) and, for the
cloud, from the journal's `resource.changed` of callers other than the world.
"""

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

from apim_emulators.core.clock import utc
from apim_emulators.core.events import ResourceChanged, WorldLoaded
from apim_emulators.core.journal import Record
from apim_sandbox.control.history import Command
from apim_sandbox.durations import parse_duration, show_duration
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.insight.explanation import Explanation
from apim_sandbox.scenario.changes import manifest_edits
from apim_sandbox.scenario.commanded import Action, Commanded, spread
from apim_sandbox.scenario.model import MARGIN, ManifestEdit, WorldEdit
from apim_sandbox.world.model import World

_GATEWAY_TOKEN = re.compile(r"(?<=GatewayKey )[^\s\"'&]+&(\d{12})&[^\s\"']+")
_START = show_duration(0)
_SETTLES = 5.0  # seconds that a recorded run goes on after what it is about


class Session(Struct, frozen=True):
    """What a running sandbox tells. `world` is its world, `changes` what made it of the default one."""

    records: Sequence[Record]
    commands: Sequence[Command]
    world: World
    article: str
    changes: Sequence[WorldEdit] = ()


class Recording(Struct):
    """A scenario's file as plain data, without `expect`; `left_out` is what no step can say."""

    document: dict[str, Any]
    left_out: list[str] = field(default_factory=list)


def recorded(session: Session, name: str) -> Recording:
    """The scenario of a session."""
    commanded = Commanded(session.commands, session.records)
    left_out = commanded.left_out
    actions = spread(
        sorted((*commanded.actions(), *_changed(session, left_out)), key=lambda action: action[0])
    )
    found = explain(session.records) or explain(session.records, LAST)
    begin = actions[0][0] if actions else _began(session)
    edits, first, steps = _as_steps(session, actions, begin)
    cause = {
        "world": [_plain(one) for one in session.changes],
        "manifest": [_plain(one) for one in edits],
        "timeline": steps,
    }
    document: dict[str, Any] = {
        "id": name,
        "title": _steady(found).rstrip(".") if found else "What a session did, and it went well",
        "story": f"Recorded from a session on {utc(_began(session)):%Y-%m-%d}. Say what happened.",
        "source": "a session of one's own",
        "tags": _tags(found),
    }
    kept = {key: value for key, value in cause.items() if value}
    if found is not None and kept:
        document["cause"] = kept
    else:
        document |= kept
    if first:
        document["timeline"] = [*first, *document.get("timeline", ())]
    margin = _SETTLES if commanded.frozen else MARGIN  # beyond a clock that stands there is nothing
    document["until"] = _until(session, found, steps, begin, margin)
    return Recording(document, left_out)


def expectations(
    found: Explanation | None, records: Sequence[Record], healthy: bool, state: str
) -> list[Any]:
    """What a run of the recording showed, as expectations that must be met from now on."""
    expected: list[Any] = [{"gateway": state}]
    if found is not None:
        expected += [_key_event(record) for record in records if record.sequence in found.records[-1:]]
        told = {"cause": found.cause, "headline": _steady(found), "hop": found.hop}
        told |= {"code": found.code} if found.code else {}
        expected.append({"explanation": told | ({"mended": True} if healthy else {})})
    if healthy:
        expected.append({"healthy": True})
    return expected


# --- what was done


def _changed(session: Session, left_out: list[str]) -> Iterator[Action]:
    """The cloud's changes by callers: what the world made, or the webhook on its own, is no action."""
    for record in session.records:
        event = record.event
        if not isinstance(event, ResourceChanged) or event.by in ("", "world", "webhook"):
            continue
        after = event.after or event.before
        match event.type, event.change:
            case "roleAssignment", "created":
                yield record.at, "assignRole", _role(session.world, event, after) | {"scope": after["scope"]}
            case "roleAssignment", "deleted":
                yield record.at, "removeRole", _role(session.world, event, after)
            case "federatedIdentityCredential", change if "/" in event.name:
                yield record.at, _CREDENTIAL[change], _credential(event)
            case "signingKey", "created":
                keep = len(after.get("published", ())) > 1
                yield record.at, "rotateKey", {"keepOld": keep, "cluster": event.name}
            case kind, change:
                left_out.append(f"{kind} {event.name} {change}")


_CREDENTIAL = {"created": "addCredential", "updated": "changeCredential", "deleted": "deleteCredential"}


def _role(world: World, event: ResourceChanged, after: Any) -> dict[str, Any]:
    return {"role": event.name, "principal": _principal(world, after["principal_id"])}


def _principal(world: World, object_id: str) -> str:
    """The world's name of a service principal, or the id as it is."""
    for tenant in world.tenants:
        for one in tenant.applications:
            if one.service_principal is not None and one.service_principal.object_id == object_id:
                return one.name
    return object_id


def _credential(event: ResourceChanged) -> dict[str, Any]:
    """The credential by its application and name, with what is new about it."""
    application, _, name = event.name.partition("/")
    told: dict[str, Any] = {"application": application, "name": name}
    for field_name in ("issuer", "subject", "audiences"):
        value = event.after.get(field_name)
        if value and value != event.before.get(field_name):
            told |= {"audience": value[0]} if field_name == "audiences" else {field_name: value}
    return told


# --- as a time line


def _as_steps(
    session: Session, actions: Sequence[Action], begin: float
) -> tuple[list[ManifestEdit], list[Any], list[Any]]:
    """The edits of the first manifest, the step that applies it where 0s is not its time, all other steps."""
    edits: list[ManifestEdit] = []
    first: list[Any] = []
    steps: list[Any] = []
    applied = ""
    for moment, name, value in actions:
        at = show_duration(math.ceil(round(moment - begin, 3)))
        if name != "apply":
            steps.append({"at": at, name: value})
            continue
        text, token = _without_token(value, moment)
        if token:
            steps.append({"at": at, "makeToken": {"lifetime": show_duration(token)}})
        if applied:
            steps.append({"at": at, "apply": [_plain(one) for one in manifest_edits(applied, text)]})
        else:
            applied, edits = text, manifest_edits(session.article, text)
            first = [{"at": at, "apply": []}]
    return edits, first if first != [{"at": _START, "apply": []}] or _applies(steps) else [], steps


def _applies(steps: Sequence[Any]) -> bool:
    return any("apply" in step for step in steps)


def _without_token(text: str, now: float) -> tuple[str, int]:
    """The manifest with `{gatewayToken}` in place of one, and how many seconds that one had to live."""
    found = _GATEWAY_TOKEN.search(text)
    if found is None:
        return text, 0
    expiry = datetime.strptime(found[1], "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp()
    return _GATEWAY_TOKEN.sub("{gatewayToken}", text), max(1, round(expiry - now))


def _plain(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _began(session: Session) -> float:
    loaded = [one.at for one in session.records if isinstance(one.event, WorldLoaded)]
    return loaded[-1] if loaded else session.records[0].at


def _until(
    session: Session, found: Explanation | None, steps: Sequence[Any], begin: float, margin: float
) -> str:
    """Late enough for what the session is about, and for all that was done."""
    last = max((parse_duration(step["at"]) for step in steps), default=0.0) + margin
    about = [one.at - begin for one in session.records if found and one.sequence in found.records]
    return show_duration(math.ceil(max([last, *(moment + _SETTLES for moment in about)])))


# --- what came of it


def _tags(found: Explanation | None) -> dict[str, Any]:
    if found is None:
        return {"hop": 9, "actor": "you"}
    code = {"code": f"AADSTS{found.code}"} if found.code else {}
    return {"hop": found.hop, "actor": "you", **code}


# The fields of an event that tell a failure from a success.
_TELLING = {
    "entra.token": ("status", "code", "cause"),
    "apim.configuration": ("operation", "status", "cause"),
    "cluster.admitted": ("outcome",),
    "cluster.pod": ("phase",),
    "gateway.configuration": ("operation", "status"),
    "gateway.token": ("ok",),
    "gateway.log": ("event_type",),
}


def _key_event(record: Record) -> dict[str, Any]:
    where = {name: getattr(record.event, name) for name in _TELLING.get(record.kind, ())}
    return {
        "journal": {"kind": record.kind, "where": {key: value for key, value in where.items() if value != ""}}
    }


def _steady(found: Explanation) -> str:
    """The headline up to the first name that another run would choose otherwise."""
    pod = found.pod.rpartition("/")[2]
    if pod and pod in found.headline:
        return found.headline[: found.headline.index(pod)] + ("-".join(pod.split("-")[:-2]) or pod)
    return found.headline
