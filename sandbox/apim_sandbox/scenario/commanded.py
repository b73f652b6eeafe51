"""What was asked of a session's control service, as the steps of a time line. Pure.

A frozen clock is no step: what is done while it stands has one time. In a run each of these is a second
after the other, so that what follows from it is seen before the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from apim_emulators.core.events import FaultFired
from apim_emulators.core.journal import Record
from apim_sandbox.control.history import Command
from apim_sandbox.control.planning import free_id
from apim_sandbox.durations import show_duration

Action = tuple[float, str, Any]  # when (epoch seconds), the step's name, its value
APART = 1.0  # seconds between two steps of a moment at which the clock stood


class Commanded(Struct):
    """The actions of `commands`. `left_out` is what no step can say; `frozen`: the clock still stands."""

    commands: Sequence[Command]
    records: Sequence[Record]
    left_out: list[str] = field(default_factory=list)
    frozen: bool = False
    _in_force: list[str] = field(default_factory=list)

    def actions(self) -> Iterator[Action]:
        """In the order in which they were asked for."""
        for one in self.commands:
            match one.method, one.path.strip("/").split("/"), one.body:
                case "POST", ["apply"], body:
                    yield one.at, "apply", _text(body)
                case "POST", ["delete"], _:
                    yield one.at, "delete", True
                case "DELETE", ["pods", _, pod], _:
                    yield one.at, "deletePod", "-".join(pod.split("-")[:-2]) or pod
                case _, ["clock", verb], body:
                    yield from self._clock(one, verb, body)
                case _, ["faults", *rest], body:
                    yield from self._faults(one, rest, body)
                case _:
                    self.left_out.append(f"{one.method} {one.path}")

    def _clock(self, one: Command, verb: str, body: Any) -> Iterator[Action]:
        match verb:
            case "advance":
                yield one.at, "advanceClock", show_duration(body["seconds"])
            case "set" if body["moment"] > one.at:
                yield one.at, "advanceClock", show_duration(round(body["moment"] - one.at, 3))
            case "skew":
                side = "ahead" if body["seconds"] >= 0 else "behind"
                yield one.at, "skewClock", {"actor": body["actor"], side: abs(body["seconds"])}
            case "freeze" | "unfreeze":
                self.frozen = verb == "freeze"
                yield one.at, verb, None

    def _faults(self, one: Command, rest: Sequence[str], body: Any) -> Iterator[Action]:
        match one.method, rest:
            case "POST", []:
                yield from self._added(one.at, body)
            case "DELETE", [fault]:
                yield from self._removed(one.at, [fault])
            case "DELETE", []:
                yield from self._removed(one.at, list(self._in_force))

    def _added(self, at: float, body: Mapping[str, Any]) -> Iterator[Action]:
        """What was asked for; an end at a moment becomes a length from now."""
        added = {key: value for key, value in body.items() if value not in (None, "", {})}
        name = added.get("id") or free_id(added["fault"], self._in_force)
        self._in_force.append(name)
        if not self._fired(name):
            self.left_out.append(f"fault {name}, which never acted")
            return
        since, until = added.pop("since", at), added.pop("until", None)
        if until is not None:
            added["lasting"] = until - since
        added.pop("seed", None)  # a run draws from its own
        yield at, "addFault", added if name == added["fault"] else {**added, "id": name}

    def _removed(self, at: float, names: Sequence[str]) -> Iterator[Action]:
        for name in names:
            if name in self._in_force:
                self._in_force.remove(name)
            if self._fired(name):
                yield at, "removeFault", name

    def _fired(self, name: str) -> bool:
        return any(isinstance(one.event, FaultFired) and one.event.id == name for one in self.records)


def spread(actions: Sequence[Action]) -> list[Action]:
    """Without the freezes, and what was done while the clock stood one after the other."""
    found: list[Action] = []
    frozen, last = False, float("-inf")
    for moment, name, value in actions:
        if name in ("freeze", "unfreeze"):
            frozen = name == "freeze"
            continue
        at = max(moment, last + APART) if frozen else max(moment, last)
        found.append((at, name, value))
        last = at
    return found


def _text(body: Any) -> str:
    texts = [each["text"].rstrip("\n") + "\n" for each in body["documents"]]
    return "---\n".join(texts)
