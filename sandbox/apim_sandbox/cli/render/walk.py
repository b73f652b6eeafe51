"""The Walk as lines: hop, who → whom, what, verdict, time; details beneath."""

from apim_emulators.core.events import Verdict
from apim_emulators.core.journal import Record
from apim_sandbox.cli.render.comparison import render as render_comparison
from apim_sandbox.cli.render.line import WIDTH, Line, Style, fold, line, milliseconds
from apim_sandbox.insight.hop import Detail, Hop
from apim_sandbox.insight.walk import Walk, build

_WHO = 18
_LEFT = 5 + _WHO
_VERDICT = 7
_TIME = 7
_WHAT = WIDTH - _LEFT - _VERDICT - _TIME
_DETAIL = 7

MARKS: dict[Verdict, str] = {"passed": "✓", "failed": "✗", "not-evaluable": "–"}
STYLES: dict[str, Style] = {"ok": "ok", "failed": "failed", "info": "info"}
RUNGS: dict[Verdict, Style] = {"passed": "ok", "failed": "failed", "not-evaluable": "dim"}


def render(walk: Walk, *, full: bool = False) -> list[Line]:
    """All hops, then the line that says how it ended. `full` leaves nothing out."""
    if not walk.hops:
        return [line("Nothing has happened yet.   Begin:  ", ("apim-sandbox demo", "command"))]
    return [*hops(walk, full=full), line(), *summary(walk)]


def hops(walk: Walk, *, full: bool = False) -> list[Line]:
    """All hops."""
    return [one for hop in walk.hops for one in hop_lines(hop, full=full)]


def summary(walk: Walk) -> list[Line]:
    """What it came to, and what to type next."""
    broken = walk.broken
    if broken is not None:
        return [
            line(
                (f"  Stopped at hop {broken.number}.", "failed"),
                "   Why:  ",
                ("apim-sandbox explain", "command"),
            )
        ]
    if walk.complete:
        return [
            line(
                (f"  Gateway ready; {milliseconds(walk.duration) or 'no time'} spent in the hops.", "strong")
            )
        ]
    last = walk.hops[-1].number
    return [line(f"  At hop {last} of 9.   Follow:  ", ("apim-sandbox journal -f", "command"))]


def hop_lines(hop: Hop, *, full: bool = False) -> list[Line]:
    """One hop: its line, folded where it is long, and its details."""
    first, *rest = fold(hop.what, _WHAT - 1)
    style = STYLES[hop.verdict]
    lines = [
        line(
            (f"  {hop.number}  ", "strong"),
            f"{hop.who:{_WHO}}",
            f"{first:{_WHAT}}",
            (f"{hop.verdict:{_VERDICT}}", style),
            (f"{milliseconds(hop.duration):>{_TIME}}", "dim"),
        )
    ]
    lines += [line(" " * _LEFT, part) for part in rest]
    loud = full or hop.verdict == "failed"
    lines += detail_lines(tuple(detail for detail in hop.details if loud or not detail.quiet))
    if hop.comparison is not None:
        lines += render_comparison(hop.comparison, indent=_DETAIL, titled=False)
    return lines


def detail_lines(details: tuple[Detail, ...], *, indent: int = _DETAIL) -> list[Line]:
    """Details packed into as few lines as the width allows, keeping their grouping."""
    lines: list[Line] = []
    room = WIDTH - indent
    parts: list[tuple[str, Style]] = []
    used = 0
    group: int | None = None
    for detail in details:
        piece = _piece(detail)
        length = sum(len(text) for text, _ in piece)
        gap = 2 if detail.verdict else 3
        if parts and (detail.line != group or used + gap + length > room):
            lines.append(line(" " * indent, *parts))
            parts, used = [], 0
        if parts:
            parts.append((" " * gap, ""))
            used += gap
        if length > room:
            label, text = piece[0], piece[1][0]
            first, *rest = fold(text, room - len(label[0]))
            lines.append(line(" " * indent, label, (first, piece[1][1])))
            lines += [line(" " * (indent + len(label[0])), (more, piece[1][1])) for more in rest]
        else:
            parts += piece
            used += length
        group = detail.line
    if parts:
        lines.append(line(" " * indent, *parts))
    return lines


def _piece(detail: Detail) -> list[tuple[str, Style]]:
    if detail.verdict is not None:
        label = f"{detail.value} {detail.label} " if detail.value else f"{detail.label} "
        return [(label, ""), (MARKS[detail.verdict], RUNGS[detail.verdict])]
    return [(f"{detail.label} ", "dim"), (detail.value, "")]


# What can complete a hop; other records need no new look.
_TELLING = frozenset(
    (
        "cluster.applied", "cluster.admitted", "cluster.projected", "entra.token", "gateway.token",
        "apim.configuration", "gateway.configuration", "gateway.state",
    )
)  # fmt: skip


class WalkPrinter:
    """Lines of hops as they become complete, while records come in.

    Hops appear in order and once a pod. A hop whose predecessors have not been reported waits for
    them (records of other processes come a little late) until `flush`.
    """

    def __init__(self, pod: str | None = None, *, full: bool = False) -> None:
        self._pod = pod
        self._full = full
        self._records: list[Record] = []
        self._printed: dict[str, set[int]] = {}
        self._sequences: set[int] = set()

    def feed(self, record: Record) -> list[Line]:
        """Take in one record; the lines of the hops that it completed, often none."""
        if record.sequence in self._sequences:
            return []
        self._sequences.add(record.sequence)
        self._records.append(record)
        if record.kind not in _TELLING:
            return []
        return self._due(waiting=True)

    def flush(self) -> list[Line]:
        """The hops that are still waiting for an earlier one."""
        return self._due(waiting=False)

    def walk(self) -> Walk:
        """The Walk so far."""
        return build(self._records, self._pod)

    def _due(self, *, waiting: bool) -> list[Line]:
        walk = self.walk()
        printed = self._printed.setdefault(walk.pod, set())
        lines: list[Line] = []
        for hop in walk.hops:
            if hop.number in printed:
                continue
            if waiting and not self._complete(hop, walk, printed):
                break
            printed.add(hop.number)
            lines += hop_lines(hop, full=self._full)
        return lines

    def _complete(self, hop: Hop, walk: Walk, printed: set[int]) -> bool:
        if hop.number == 1:
            return any(other.number > 1 for other in walk.hops)
        if hop.number == 9 and hop.verdict == "info" and walk.broken is None:
            return False
        return hop.verdict == "failed" or all(earlier in printed for earlier in range(1, hop.number))
