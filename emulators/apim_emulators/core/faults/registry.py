"""The faults that there are, by name, and how one is made from a name and arguments."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from apim_emulators.core.faults.model import About, Fault, FaultError, Seconds, SignedSeconds, Stage
from apim_emulators.core.nearest import nearest
from apim_emulators.core.provenance import Behaviour, Label
from apim_emulators.core.vocabulary import Actor

F = TypeVar("F", bound=type[Fault])
REGISTRY: dict[str, type[Fault]] = {}
BEHAVIOURS: dict[str, Behaviour] = {}


class Argument(Struct, frozen=True):
    """One argument of a fault. `kind` is how its values look, `default` None where it must be given."""

    name: str
    kind: str
    help: str
    default: str | None
    duration: bool = False


def register(
    name: str,
    *,
    stage: Stage,
    targets: tuple[Actor, ...],
    label: Label,
    source: str,
    witness: str,
    scoped_by: tuple[str, ...] = (),
    once: bool = False,
) -> Callable[[F], F]:
    """Make a fault known under `name`. Its docstring's first line says what it does.

    `label` and `source`: how we know that this happens to people; `witness`: the test that shows it.
    """

    def add(kind: F) -> F:
        if name in REGISTRY:
            raise FaultError(f"two faults are called {name!r}")
        summary = (kind.__doc__ or "").strip().partition("\n")[0]
        behaviour = Behaviour(f"fault.{name}", label, summary, source, witness)
        kind.about = About(name, stage, targets, behaviour, scoped_by, once)
        REGISTRY[name] = kind
        BEHAVIOURS[name] = behaviour
        return kind

    return add


def known(name: str) -> type[Fault]:
    """The fault called `name`. Raises `FaultError`."""
    kind = REGISTRY.get(name)
    if kind is None:
        meant = nearest(name, REGISTRY)
        hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(sorted(REGISTRY))}"
        raise FaultError(f"no fault is called {name!r}; {hint}", "fault")
    return kind


def make_fault(name: str, **arguments: object) -> Fault:
    """A fault of the registry. Raises `FaultError` for an unknown name or arguments that do not fit.

    Texts are read as numbers and truth values where those are wanted, as the command line gives them.
    """
    kind = known(name)
    hints = get_type_hints(kind, include_extras=True)
    taken = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    for given in arguments:
        if given not in taken:
            meant = nearest(given, taken)
            there = f"it takes {', '.join(sorted(taken))}" if taken else "it takes none"
            hint = f"did you mean {meant!r}?" if meant else there
            raise FaultError(f"fault {name!r} has no argument {given!r}; {hint}", "arguments", given)
    values = {given: _value(name, given, value, hints[given]) for given, value in arguments.items()}
    for argument in arguments_of(kind):
        if argument.default is None and argument.name not in values:
            raise FaultError(
                f"fault {name!r} needs {argument.name} ({argument.kind}): {argument.help}", "arguments"
            )
    return kind(**values)


def arguments_of(kind: type[Fault]) -> Iterator[Argument]:
    """What may be given, in order."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):  # type: ignore[arg-type]
        hint = hints[field.name]
        default = None if field.default is MISSING else _shown(field.default)
        yield Argument(field.name, _kind(hint), field.metadata["help"], default, _is_duration(hint))


def told(text: str) -> Mapping[str, str]:
    """A field's metadata: what the argument means, for `fault show` and the catalogue page."""
    return {"help": text}


def _value(fault: str, name: str, value: object, hint: Any) -> object:
    try:
        return msgspec.convert(value, hint, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        choices = _choices(hint)
        if choices:
            meant = nearest(str(value), choices)
            hint_ = f"did you mean {meant!r}?" if meant else f"it is one of {', '.join(choices)}"
        else:
            hint_ = f"it is {_kind(hint)}" + _bounds(str(error))
        raise FaultError(
            f"argument {name} of fault {fault!r} can't be {value!r}; {hint_}", "arguments", name
        ) from None


def _bounds(message: str) -> str:
    """msgspec's words on a number out of bounds: `Expected float >= 0.0`."""
    found = re.search(r"[<>]=? [-\d.]+", message)
    return f" {found[0]}" if found else ""


def _choices(hint: Any) -> list[str]:
    return [str(one) for one in get_args(hint)] if get_origin(hint) is Literal else []


def _is_duration(hint: Any) -> bool:
    return any(one in (Seconds, SignedSeconds) for one in (hint, *get_args(hint)))


def _kind(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(_choices(hint))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_kind(part) for part in get_args(hint) if part is not type(None))
    if _is_duration(hint):
        return "seconds"
    base = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    return words.get(base, str(base))


def _shown(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
