"""The walk as a picture: who called whom, top to bottom; where it broke; what was never reached. Pure.

An inline SVG without a size of its own: classes and colours come from the page's style sheet.
"""

from html import escape

from apim_sandbox.cli.render.line import milliseconds
from apim_sandbox.insight.hop import Hop
from apim_sandbox.insight.walk import Walk

# The lifelines, in the order in which a token meets them.
PARTIES = ("you", "cluster", "webhook", "gateway", "Entra", "issuer", "APIM", "ARM")
_SAME = {"pod": "gateway"}  # the gateway is what runs in the pod

# What each hop is, in two words, and between whom: also for hops that were never reached.
_HOPS: dict[int, tuple[str, str, str]] = {
    1: ("you", "cluster", "apply"),
    2: ("cluster", "webhook", "admission"),
    3: ("cluster", "gateway", "projected token"),
    4: ("gateway", "Entra", "exchange"),
    5: ("Entra", "issuer", "issuer's keys"),
    6: ("Entra", "gateway", "access token"),
    7: ("gateway", "APIM", "configuration"),
    8: ("APIM", "ARM", "role check"),
    9: ("gateway", "gateway", "serves"),
}

_WIDTH = 960
_FIRST = 62
_STEP = (_WIDTH - 2 * _FIRST) / (len(PARTIES) - 1)
_TOP = 64
_ROW = 42


def picture(walk: Walk, stopped: int | None = None) -> str:
    """The SVG; an empty walk is all unreached.

    `stopped` is the hop to mark when none of the walk says that it failed.
    """
    hops = {hop.number: hop for hop in walk.hops}
    height = _TOP + _ROW * len(_HOPS) + 8
    at = walk.broken.number if walk.broken is not None else stopped
    parts = [
        f'<svg class="walk" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(_alt(walk), quote=True)}">'
    ]
    if at is not None:
        y = _y(at)
        parts.append(
            f'<rect class="band" x="4" y="{y - 27}" width="{_WIDTH - 8}" height="{_ROW - 2}" rx="6"/>'
        )
    for index, name in enumerate(PARTIES):
        x = _FIRST + index * _STEP
        parts.append(f'<line class="life" x1="{x:.1f}" y1="42" x2="{x:.1f}" y2="{height - 6}"/>')
        parts.append(f'<rect class="party" x="{x - 48:.1f}" y="12" width="96" height="28" rx="6"/>')
        parts.append(f'<text class="name" x="{x:.1f}" y="31">{escape(name)}</text>')
    for number in _HOPS:
        parts += _arrow(number, hops.get(number), failed=number == at)
    return "".join([*parts, "</svg>"])


def _arrow(number: int, hop: Hop | None, *, failed: bool) -> list[str]:
    caller, callee, label = _HOPS[number]
    if hop is not None:
        caller, callee = _party(hop.caller, caller), _party(hop.callee, callee)
    style = (
        "failed"
        if failed
        else "never"
        if hop is None
        else {"ok": "ok", "failed": "failed", "info": "info"}[hop.verdict]
    )
    y = _y(number)
    start, end = _x(caller), _x(callee)
    if caller == callee:
        end = start + _STEP * 0.62
        line = f'<path class="arrow {style}" d="M{start:.1f} {y - 8} h34 v14 h-25"/>'
        tip = _tip(start + 8, y + 6, -1, style)
        middle, anchor = start + 44, "start"
        text_y = y + 3
    else:
        way = 1 if end > start else -1
        # A refusal before anybody was asked stands with the one who refused.
        alone = hop is not None and style == "failed" and hop.what == "not asked"
        cut = end - way * 8 if style != "failed" else start + 24 if alone else (start + end) / 2
        label = "Entra's checks" if alone else label
        line = f'<line class="arrow {style}" x1="{start:.1f}" y1="{y}" x2="{cut:.1f}" y2="{y}"/>'
        tip = _cross(cut + way * 9, y) if style == "failed" else _tip(end, y, way, style)
        if style == "failed":
            line += f'<line class="arrow never" x1="{cut + way * 18:.1f}" y1="{y}" x2="{end:.1f}" y2="{y}"/>'
        middle, anchor = (start + end) / 2, "middle"
        text_y = y - 9
    took = f" · {milliseconds(hop.duration)}" if hop is not None and hop.duration else ""
    return [
        line,
        tip,
        f'<text class="label {style}" x="{middle:.1f}" y="{text_y}" text-anchor="{anchor}">{label}'
        f'<tspan class="took">{took}</tspan></text>',
        f'<circle class="number {style}" cx="{start:.1f}" cy="{y}" r="11"/>',
        f'<text class="digit {style}" x="{start:.1f}" y="{y + 4}">{number}</text>',
    ]


def _tip(x: float, y: float, way: int, style: str) -> str:
    back = x - way * 9
    return f'<path class="tip {style}" d="M{x:.1f} {y} L{back:.1f} {y - 5} L{back:.1f} {y + 5} Z"/>'


def _cross(x: float, y: float) -> str:
    return f'<path class="cross" d="M{x - 6:.1f} {y - 6} l12 12 M{x - 6:.1f} {y + 6} l12 -12"/>'


def _x(party: str) -> float:
    return _FIRST + PARTIES.index(party) * _STEP


def _y(number: int) -> int:
    return _TOP + _ROW * number - 18


def _party(told: str, usual: str) -> str:
    name = _SAME.get(told, told)
    return name if name in PARTIES else usual


def _alt(walk: Walk) -> str:
    if walk.broken is not None:
        return f"The walk stops at hop {walk.broken.number}: {walk.broken.who}, {walk.broken.what}"
    return "All hops of the walk went well" if walk.complete else "The walk has not ended"
