"""One hop of the Walk."""

from typing import Literal

from msgspec import Struct

from apim_emulators.core.events import Verdict
from apim_sandbox.insight.explanation import Comparison

HopVerdict = Literal["ok", "failed", "info"]


class Detail(Struct, frozen=True):
    """Something to show under a hop: a labelled value, or (with `verdict`) the result of a check.

    Details of one `line` stand beside each other where there is room. `quiet` ones are left out of a
    hop that went well, unless everything is asked for.
    """

    label: str
    value: str = ""
    verdict: Verdict | None = None
    line: int = 0
    quiet: bool = False


class Hop(Struct, frozen=True):
    """Who called whom, for what, and how it went. `duration` in seconds, None when not measured.

    `records` are sequence numbers, the deciding one first.
    """

    number: int
    caller: str
    callee: str
    what: str
    verdict: HopVerdict
    duration: float | None = None
    details: tuple[Detail, ...] = ()
    comparison: Comparison | None = None
    records: tuple[int, ...] = ()

    @property
    def who(self) -> str:
        return f"{self.caller} → {self.callee}" if self.callee else self.caller
