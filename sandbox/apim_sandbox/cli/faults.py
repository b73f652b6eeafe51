"""`fault`: break a running sandbox on purpose, see what acted, mend it again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.faults import FaultError
from apim_sandbox.cli.clocks import parse_moment
from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.problems import InputError
from apim_sandbox.cli.render.line import Line, line
from apim_sandbox.cli.render.tables import table
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.client import Sandbox
from apim_sandbox.client.shapes import FaultShown
from apim_sandbox.control.fault_catalogue import Entry, catalogue, entry
from apim_sandbox.durations import DurationError, parse_duration, show_duration

_LIMITS = ("tenant", "gateway", "path", "method")


class Asked(Struct, frozen=True):
    """What the command line says; `rest` is a target and arguments as `name=value`."""

    name: str
    rest: tuple[str, ...] = ()
    calls: str = ""
    begin: str = ""
    until: str = ""
    lasting: str = ""
    tenant: str = ""
    gateway: str = ""
    path: str = ""
    method: str = ""
    chance: float = 1.0
    seed: str = ""
    id: str = ""


def add_fault(asked: Asked, state_dir: Path | None, *, as_json: bool) -> int:
    """Put a fault in force and say when it acts."""
    known = _known(asked.name)
    target, arguments = _split(known, asked.rest)
    with Sandbox.connect(state_dir) as sandbox:
        now = sandbox.clock.now()
        fault_id = sandbox.faults.add(
            asked.name, target, id=asked.id, calls=asked.calls, since=_moment(asked.begin, now),
            until=_moment(asked.until, now), lasting=parse_duration(asked.lasting) if asked.lasting else None,
            tenant=asked.tenant, gateway=asked.gateway, path=asked.path, method=asked.method,
            chance=asked.chance, seed=asked.seed, **arguments,
        )  # fmt: skip
        now = sandbox.clock.now()
        added = next(one for one in sandbox.faults.list() if one["id"] == fault_id)
    if as_json:
        print_json(added)
        return 0
    Terminal().print(
        [
            line((f"{added['fault']}", "strong"), f" at {added['target']}: {known.summary}"),
            line(f"It acts {when(added, now)}."),
            line("Mend it:  ", (f"apim-sandbox fault remove {fault_id}", "command")),
        ]
    )
    return 0


def list_faults(state_dir: Path | None, *, as_json: bool) -> int:
    """A row for each fault in force."""
    with Sandbox.connect(state_dir) as sandbox:
        faults, now = sandbox.faults.list(), sandbox.clock.now()
    if as_json:
        print_json(faults)
        return 0
    if not faults:
        Terminal().print(
            [
                line("Nothing is broken on purpose."),
                line("Break something:  ", ("apim-sandbox fault catalogue", "command")),
            ]
        )
        return 0
    rows = [(one["id"], _named(one), one["target"], _acted(one), when(one, now)) for one in faults]
    Terminal().print(table(("id", "fault", "target", "so far", "when"), rows, styles={"never acted": "info"}))
    return 0


def remove_faults(ids: Sequence[str], state_dir: Path | None, *, as_json: bool) -> int:
    """Mend some, or say which id is none."""
    with Sandbox.connect(state_dir) as sandbox:
        gone = [sandbox.faults.remove(fault_id) for fault_id in ids]
    return _told(gone, as_json=as_json)


def clear_faults(state_dir: Path | None, *, as_json: bool) -> int:
    """Mend all."""
    with Sandbox.connect(state_dir) as sandbox:
        gone = sandbox.faults.clear()
    return _told(gone, as_json=as_json)


def show_catalogue(*, as_json: bool) -> int:
    """Every fault with what it does."""
    entries = catalogue()
    if as_json:
        print_json([one.to_builtins() for one in entries])
        return 0
    rows = [(one.name, _targets(one), one.summary) for one in entries]
    Terminal().print(
        [
            *table(("fault", "at", "what happens"), rows),
            line("More:  ", ("apim-sandbox fault show latency", "command")),
        ]
    )
    return 0


def show_fault(name: str, *, as_json: bool) -> int:
    """One fault: its picture, arguments, and an example."""
    found = _known(name)
    if as_json:
        print_json(found.to_builtins())
        return 0
    rows = [(one.name, one.kind, one.default or "must be given", one.help) for one in found.arguments]
    Terminal().print(
        [
            line((found.name, "strong"), f"   {found.summary}"),
            line(),
            *(line(f"    {row}") for row in found.picture.splitlines()),
            line(),
            line(f"At:      {', '.join(found.targets)}"),
            line(f"Known:   {found.label} ({found.source})"),
            *(table(("argument", "value", "default", "meaning"), rows) if rows else ()),
            line("Try it:  ", (example(found), "command")),
        ]
    )
    return 0


def example(found: Entry) -> str:
    """A command that adds the fault."""
    target = f" {found.targets[0]}" if len(found.targets) > 1 else ""
    samples = {"seconds": "10s", "code": "503", "member": "expires_in"}
    given = [
        f" {one.name}={samples.get(one.name, one.kind)}" for one in found.arguments if one.default is None
    ]
    return f"apim-sandbox fault add {found.name}{target}{''.join(given)}"


def when(fault: FaultShown, now: float) -> str:
    """In words when a fault acts: `on calls 1..3, for 10m, of gateway on-prem`."""
    return ", ".join(_limits(fault, now)) or "always"


def _limits(fault: FaultShown, now: float) -> Iterator[str]:
    scope = fault["scope"]
    if fault["calls"] != "1..":
        yield f"on {'call' if '..' not in fault['calls'] else 'calls'} {fault['calls']}"
    if scope["since"] > now:
        yield f"from {rfc3339(scope['since'])}"
    if scope["until"] is not None:
        left = scope["until"] - max(now, scope["since"])
        yield f"for {show_duration(left)}" if left > 0 else "no more: its time is over"
    yield from (f"of {name} {scope[name]}" for name in ("tenant", "gateway", "method") if scope[name])
    if scope["path"]:
        yield f"below {scope['path']}"
    if scope["chance"] < 1:
        yield f"with chance {scope['chance']:g} of seed {scope['seed']}"


def _known(name: str) -> Entry:
    try:
        return entry(name)
    except FaultError as error:
        raise InputError(str(error), "apim-sandbox fault catalogue") from None


def _split(known: Entry, rest: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The target, and the arguments by name."""
    target, arguments = "", {}
    for word in rest:
        name, equals, value = word.partition("=")
        if equals:
            arguments[name] = value
        elif target:
            raise InputError(
                f"{word!r} is a second target after {target!r}; arguments are written NAME=VALUE",
                f"apim-sandbox fault show {known.name}",
            )
        else:
            target = word
    reserved = {"target", "id", "calls", "since", "until", "lasting", *_LIMITS, "chance", "seed"}
    for name in arguments.keys() & reserved:
        raise InputError(f"{name} is no argument of a fault, it limits when one acts; write --{name}",
                         "apim-sandbox fault add --help")  # fmt: skip
    return target, arguments


def _moment(text: str, now: float) -> float | None:
    if not text:
        return None
    try:
        return now + parse_duration(text)
    except DurationError:
        return parse_moment(text)


def _named(fault: FaultShown) -> str:
    given = " ".join(
        f"{name}={value}" for name, value in fault["arguments"].items() if value not in (None, "")
    )
    return f"{fault['fault']} {given}".rstrip()


def _targets(found: Entry) -> str:
    return "any emulator" if len(found.targets) > 5 else ", ".join(found.targets)


def _acted(fault: FaultShown) -> str:
    times = fault["fired"]
    return "never acted" if not times else f"acted {'once' if times == 1 else f'{times} times'}"


def _told(gone: Sequence[FaultShown], *, as_json: bool) -> int:
    if as_json:
        print_json(gone)
        return 0
    lines: list[Line] = [line(f"Mended {one['id']} at {one['target']}: it {_acted(one)}.") for one in gone]
    if any(not one["fired"] for one in gone):
        lines.append(line("What never acted broke nothing: see what was asked with  ",
                          ("apim-sandbox journal", "command")))  # fmt: skip
    Terminal().print(lines or [line("Nothing was broken on purpose.")])
    return 0
