"""From a user's words to a planned fault: names, durations and the world's own names understood."""

import re
from collections.abc import Container, Mapping
from typing import Annotated, Any

from msgspec import Meta, field

from apim_emulators.core.faults import (
    Calls,
    FaultError,
    Planned,
    Scope,
    arguments_of,
    known,
    make_fault,
)
from apim_emulators.core.nearest import nearest
from apim_sandbox.control.offers import Body
from apim_sandbox.durations import DurationError, parse_signed
from apim_sandbox.world import resolve
from apim_sandbox.world.model import World

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class FaultRequest(Body, frozen=True):
    """What somebody asks for. Times in epoch seconds, `lasting` in seconds; without `since`, from now on."""

    fault: str
    target: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: Annotated[str, Meta(max_length=128)] = ""
    calls: str = ""
    since: float | None = None
    until: float | None = None
    lasting: Annotated[float, Meta(gt=0)] | None = None
    tenant: str = ""
    gateway: str = ""
    path: str = ""
    method: str = ""
    chance: float = 1.0
    seed: str = ""


def plan(request: FaultRequest, world: World, now: float, taken: Container[str] = ()) -> Planned:
    """The fault that is asked for, at `now`. Raises `FaultError` naming the field that is wrong.

    Without an id it is the fault's name, with a number when that is `taken`.
    """
    kind = known(request.fault)
    fault = make_fault(request.fault, **_arguments(request, world))
    if request.until is not None and request.lasting is not None:
        raise FaultError("say either until when a fault acts or how long, not both", "until")
    since = now if request.since is None else request.since
    until = request.until if request.lasting is None else since + request.lasting
    scope = Scope(
        calls=_calls(request, once=kind.about.once),
        since=since,
        until=until,
        tenant=_tenant(request.tenant, world),
        gateway=request.gateway,
        path=request.path,
        method=request.method.upper(),
        chance=request.chance,
        seed=request.seed,
    )
    return Planned(request.id or free_id(request.fault, taken), _target(request), fault, scope)


def _target(request: FaultRequest) -> str:
    targets = known(request.fault).about.targets
    if request.target:
        return request.target
    if len(targets) > 1:
        raise FaultError(f"fault {request.fault!r} needs a target: one of {', '.join(targets)}", "target")
    return targets[0]


def _calls(request: FaultRequest, *, once: bool) -> Calls:
    if request.calls:
        return Calls.parse(request.calls)
    return Calls(1, 1) if once else Calls()


def _arguments(request: FaultRequest, world: World) -> dict[str, object]:
    """Durations as seconds, and a principal's name as its object id."""
    durations = {one.name for one in arguments_of(known(request.fault)) if one.duration}
    read: dict[str, object] = {}
    for name, value in request.arguments.items():
        if name in durations and isinstance(value, str):
            read[name] = _seconds(name, value)
        elif name == "principal" and isinstance(value, str) and value and not _GUID.fullmatch(value):
            read[name] = _principal(value, world)
        else:
            read[name] = value
    return read


def _seconds(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return parse_signed(value)
    except DurationError as error:
        raise FaultError(f"argument {name}: {error}", "arguments", name) from None


def _principal(name: str, world: World) -> str:
    try:
        return resolve.principal(world.tenants[0], world.subscriptions, name).object_id
    except resolve.UnknownNameError as error:
        raise FaultError(f"argument principal: {error}", "arguments", "principal") from None


def _tenant(name: str, world: World) -> str:
    """A tenant of the world by its name there, else what Entra itself may know: an id or a domain."""
    by_name = {one.name: one.id for one in world.tenants}
    if not name or _GUID.fullmatch(name) or "." in name:
        return name
    if name in by_name:
        return by_name[name]
    meant = nearest(name, by_name)
    hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(by_name)}"
    raise FaultError(f"no tenant is called {name!r}; {hint}", "tenant")


def free_id(name: str, taken: Container[str]) -> str:
    """`name`, or with the first number that makes an id nobody has."""
    number = 1
    while (free := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return free
