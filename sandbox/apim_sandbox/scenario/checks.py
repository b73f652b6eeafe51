"""What an expectation compares, and how it says what it saw instead."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from apim_emulators.core.journal import Record
from apim_sandbox.gateway.logs import uncolored
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.scenario.model import (
    CallCheck,
    ClusterEventCheck,
    Expectation,
    ExplanationCheck,
    JournalCheck,
    PodCheck,
)
from apim_sandbox.scenario.stage import Stage, text_of

ABSENT = object()


class Verdict(Struct, frozen=True):
    """One expectation's outcome. `at` in seconds from the start; `place` is file:line:column."""

    at: float
    what: str
    ok: bool
    expected: str
    got: str
    place: str = ""


class Seen(Struct, frozen=True):
    """What a check compared: how it should be, and how it was."""

    ok: bool
    expected: str
    got: str


async def check(stage: Stage, expectation: Expectation, place: str) -> Verdict:
    """Compare now."""
    name = expectation.check
    wanted = getattr(expectation, name)
    seen = await CHECKS[name](stage, wanted)
    return Verdict(stage.elapsed(), describe(expectation), seen.ok, seen.expected, seen.got, place)


def describe(expectation: Expectation) -> str:
    """The expectation in a few words."""
    match expectation.check, getattr(expectation, expectation.check):
        case "journal", JournalCheck(kind=kind):
            return f"journal {kind}"
        case "call", CallCheck(path=path):
            return f"call {path}"
        case "event", ClusterEventCheck(reason=reason):
            return f"event {reason}"
        case name, _:
            return str(name)
    raise AssertionError


async def healthy(stage: Stage) -> Seen:
    """The newest gateway is ready and nothing is left to explain."""
    state = stage.gateway_state(await stage.newest_pod())
    found = explain(stage.records())
    if found is not None:
        return Seen(False, "nothing to explain", f"{found.cause}: {found.headline}")
    return Seen(state == "ready", "gateway ready", f"gateway {state}")


async def _gateway(stage: Stage, wanted: str) -> Seen:
    state = stage.gateway_state(await stage.newest_pod())
    return Seen(state == wanted, wanted, state)


async def _pod(stage: Stage, wanted: PodCheck) -> Seen:
    newest = await stage.newest_pod()
    if newest is None or not wanted.exists:
        return Seen(
            (newest is None) is not wanted.exists,
            "a pod" if wanted.exists else "no pod",
            "no pod" if newest is None else newest.name,
        )
    said = f"{newest.reason} {newest.message}".strip()
    compared = {
        "phase": (wanted.phase, newest.phase, wanted.phase == newest.phase),
        "ready": (wanted.ready, newest.ready, wanted.ready == newest.ready),
        "reason": (wanted.reason, said, (wanted.reason or "") in said),
        "restarts": (wanted.restarts, newest.restarts, wanted.restarts == newest.restarts),
    }
    named = {name: values for name, values in compared.items() if values[0] is not None}
    return Seen(
        all(same for _, _, same in named.values()),
        ", ".join(f"{name} {text_of(expected)}" for name, (expected, _, _) in named.items()),
        ", ".join(f"{name} {text_of(got)}" for name, (_, got, _) in named.items()),
    )


async def _journal(stage: Stage, wanted: JournalCheck) -> Seen:
    expected = " ".join(f"{name}={shown(value)}" for name, value in wanted.where.items()) or "a record"
    if wanted.count is not None:
        expected = f"{wanted.count} records with {expected}"
    records = [record for record in stage.records() if record.kind == wanted.kind]
    missed = [(record, differences(record, wanted.where)) for record in records]
    matching = [record for record, different in missed if not different]
    count = len(matching)
    ok = count == wanted.count if wanted.count is not None else count > 0
    if ok or matching:
        return Seen(ok, expected, f"{count} records")
    if not records:
        return Seen(False, expected, f"no record of {wanted.kind}")
    record, different = min(missed, key=lambda pair: (len(pair[1]), -pair[0].sequence))
    nearest = " ".join(f"{name}={shown(value)}" for name, value in different.items())
    return Seen(False, expected, f"nearest is record {record.sequence}: {nearest}")


async def _refused(stage: Stage, wanted: str) -> Seen:
    ok = any(wanted in one for one in stage.refusals)
    return Seen(ok, wanted, "; ".join(stage.refusals) or "the manifest was taken")


async def _log(stage: Stage, wanted: str) -> Seen:
    lines = [uncolored(line) for line in await stage.logs()]
    ok = any(wanted in line for line in lines)
    return Seen(ok, wanted, "in the log" if ok else _tail(lines))


async def _event(stage: Stage, wanted: ClusterEventCheck) -> Seen:
    events = await stage.events()
    ok = any(one.reason == wanted.reason and wanted.message in one.message for one in events)
    got = "; ".join(f"{one.reason}: {one.message}" for one in events[-3:]) or "no events"
    return Seen(ok, f"{wanted.reason}: …{wanted.message}…", got)


async def _call(stage: Stage, wanted: CallCheck) -> Seen:
    answer = await stage.call(wanted.path)
    if answer is None:
        return Seen(False, str(wanted.status), "no answer")
    ok = answer.status_code == wanted.status and (wanted.body or "") in answer.text
    body = f" with {wanted.body!r}" if wanted.body else ""
    got = f"{answer.status_code} {answer.text[:120]!r}" if wanted.body else str(answer.status_code)
    return Seen(ok, f"{wanted.status}{body}", got)


async def _explanation(stage: Stage, wanted: ExplanationCheck) -> Seen:
    found = explain(stage.records(), LAST if wanted.mended else None)
    expected = f"{wanted.cause}: {wanted.headline}"
    if found is None:
        return Seen(False, expected, "nothing to explain")
    ok = (
        found.cause == wanted.cause
        and found.headline.startswith(wanted.headline)
        and wanted.hop in (None, found.hop)
        and wanted.code in (None, found.code)
    )
    return Seen(ok, expected, f"{found.cause}: {found.headline}")


async def _healthy(stage: Stage, wanted: bool) -> Seen:
    seen = await healthy(stage)
    return seen if wanted else Seen(not seen.ok, "something broken", seen.got)


CHECKS: dict[str, Callable[[Stage, Any], Awaitable[Seen]]] = {
    "gateway": _gateway,
    "pod": _pod,
    "journal": _journal,
    "refused": _refused,
    "log": _log,
    "event": _event,
    "call": _call,
    "explanation": _explanation,
    "healthy": _healthy,
}


def differences(record: Record, where: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `where` in which `record` differs, with the values it has."""
    fields = {"actor": record.actor, **msgspec.to_builtins(record.event)}
    found: dict[str, Any] = {}
    for name, wanted in where.items():
        value = _field(fields, name)
        if not _matches(value, wanted):
            found[name] = None if value is ABSENT else value
    return found


def _field(value: Any, name: str) -> Any:
    for part in name.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return ABSENT
    return value


def _matches(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(_compared(verb, value, operand) for verb, operand in wanted.items())
    if wanted is None:
        return value is ABSENT or value is None or value == ""
    return bool(value == wanted)


def _compared(verb: str, value: Any, operand: Any) -> bool:
    if verb == "not":
        return not _matches(value, operand)
    if value is ABSENT or value is None:
        return False
    if verb == "contains":
        return operand in value if isinstance(value, list | dict) else str(operand) in str(value)
    if verb == "startsWith":
        return str(value).startswith(str(operand))
    number = isinstance(value, int | float)
    return number and (value >= operand if verb == "atLeast" else value <= operand)


def shown(value: Any) -> str:
    """A compared value in a line."""
    if isinstance(value, dict):
        return " and ".join(f"{verb} {text_of(operand)}" for verb, operand in value.items())
    return text_of(value)


def _tail(lines: list[str]) -> str:
    return f"not in the log, whose last line is: {lines[-1][:160]}" if lines else "an empty log"
