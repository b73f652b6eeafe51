"""When a fault acts: which calls, in which time, for whom, and with what chance. Pure."""

import re
from collections.abc import Iterator
from hashlib import sha256

from msgspec import Struct, field

from apim_emulators.core.faults.model import FaultError
from apim_emulators.core.nearest import nearest

_RANGE = re.compile(r"(\d+)?(\.\.)?(\d+)?")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Calls(Struct, frozen=True):
    """Call numbers from `first`, counted from 1, to `last` inclusive; None is without end."""

    first: int = 1
    last: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Calls":
        """From `3..5`, `3..`, `..5` or `3`. Raises `FaultError`."""
        found = _RANGE.fullmatch(text.strip())
        if found is None or not (found[1] or found[3]):
            raise FaultError(f"calls {text!r} is no range of calls; write 3..5, 3.., ..5 or 3", "calls")
        first = int(found[1] or 1)
        last = (int(found[3]) if found[3] else None) if found[2] else first
        return cls(first, last)

    def __post_init__(self) -> None:
        if self.first < 1:
            raise FaultError(f"calls {self} begins before the first call; calls count from 1", "calls")
        if self.last is not None and self.last < self.first:
            raise FaultError(f"calls {self} ends before it begins; write the smaller number first", "calls")

    def __contains__(self, call: object) -> bool:
        return isinstance(call, int) and self.first <= call and (self.last is None or call <= self.last)

    def __str__(self) -> str:
        if self.last == self.first:
            return str(self.first)
        return f"{self.first}..{'' if self.last is None else self.last}"


class Facts(Struct, frozen=True):
    """What is known of a request where a fault may act. `tenants`: each name of the tenant concerned."""

    method: str = ""
    path: str = ""
    tenants: tuple[str, ...] = ()
    gateway: str = ""


class Scope(Struct, frozen=True):
    """The limits of a fault; without any it acts always. Times in epoch seconds, `until` exclusive.

    Calls are counted among the requests that all other limits let through. `chance` is drawn from
    `seed`, the fault's id and the call's number alone, so the same calls fail in every run.
    """

    calls: Calls = field(default_factory=Calls)
    since: float = 0.0
    until: float | None = None
    tenant: str = ""
    gateway: str = ""
    path: str = ""
    method: str = ""
    chance: float = 1.0
    seed: str = ""

    def __post_init__(self) -> None:
        if self.until is not None and self.until <= self.since:
            raise FaultError("the fault's time is over before it begins; let until come after from", "until")
        if self.path and not self.path.startswith("/"):
            raise FaultError(
                f"path {self.path!r} is no path; it begins with a slash, /gateways/ for one", "path"
            )
        if self.method and self.method not in METHODS:
            meant = nearest(self.method, METHODS)
            hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(METHODS)}"
            raise FaultError(f"method {self.method!r} is none; {hint}", "method")
        if not 0 < self.chance <= 1:
            raise FaultError(f"chance {self.chance:g} is none; it is above 0 and at most 1", "chance")
        if self.chance < 1 and not self.seed:
            raise FaultError(
                "a chance needs a seed: without one no two runs would fail alike; add a seed", "seed"
            )

    def open_at(self, now: float) -> bool:
        return self.since <= now and (self.until is None or now < self.until)

    def concerns(self, facts: Facts) -> bool:
        return (
            facts.path.startswith(self.path)
            and self.method in ("", facts.method)
            and self.gateway.lower() in ("", facts.gateway.lower())
            and (not self.tenant or self.tenant.lower() in (name.lower() for name in facts.tenants))
        )

    def draws(self, fault_id: str, call: int) -> bool:
        """Whether chance lets this call fail."""
        if self.chance >= 1:
            return True
        drawn = sha256(f"{self.seed}/{fault_id}/{call}".encode()).digest()[:8]
        return int.from_bytes(drawn, "big") < self.chance * 2**64

    def limits(self) -> Iterator[str]:
        """The parts that are set besides calls and times: `tenant`, `path`, …"""
        yield from (name for name in ("tenant", "gateway", "path", "method") if getattr(self, name))
