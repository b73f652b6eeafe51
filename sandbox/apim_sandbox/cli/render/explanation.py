"""An explanation, and the offline knowledge of a code, as lines."""

import re
from collections.abc import Sequence

from apim_emulators.core.events import Rung
from apim_sandbox.cli.render.comparison import render as render_comparison
from apim_sandbox.cli.render.line import WIDTH, Line, Style, fold, line, paragraph
from apim_sandbox.cli.render.walk import MARKS, RUNGS
from apim_sandbox.insight.codes import Code
from apim_sandbox.insight.explanation import Explanation, Mend, mend_numbered
from apim_sandbox.insight.hops import main_rungs

_LABEL = 12
_SIDE = 11


def explanation_lines(explanation: Explanation) -> list[Line]:
    """Headline; what differs; the ladder; what would fail next; the mends; what to type."""
    lines = [*paragraph(explanation.headline, style="strong"), line()]
    label = max([_LABEL, *(len(fact.label) + 2 for fact in explanation.facts)])
    for fact in explanation.facts:
        lines += _labelled(fact.label, fact.value, label)
    several = len(explanation.comparisons) > 1
    for comparison in explanation.comparisons:
        lines += render_comparison(comparison, titled=several)
    if explanation.ladder:
        lines += ladder_lines(explanation.ladder)
    lines.append(line())
    if explanation.would_fail_next:
        lines.append(line("Would fail next:"))
        for text in explanation.would_fail_next:
            lines += paragraph(text, indent=4, hanging=4)
    else:
        lines.append(line("Would fail next: nothing that is known."))
    if explanation.mends:
        lines.append(line(mend_numbered(explanation.mends)))
        for mend in explanation.mends:
            lines += _mend(mend)
    if explanation.seen_in_the_field:
        lines += paragraph(f"Seen in the field: {explanation.seen_in_the_field}", hanging=4)
    if explanation.more:
        lines.append(line("More:  ", (explanation.more, "command")))
    return lines


def code_lines(code: Code, scenarios: Sequence[str] = ()) -> list[Line]:
    """What a code means, its usual causes, how to tell them apart, and the scenarios that show it."""
    answered = f"    Comes with HTTP {code.answer}." if code.answer else ""
    lines = [
        line((f"{code.id}: {code.title}", "strong")),
        line(),
        *paragraph(code.meaning, indent=4),
        line(f"    Hop {code.hop} of the walk."),
        *([line(answered)] if answered else []),
        *([line(("    Harmless by itself.", "ok"))] if code.benign else []),
        line(),
        line("Usual causes, most reported first:"),
    ]
    for number, cause in enumerate(code.causes, 1):
        sources = f" [{', '.join(cause.sources)}]" if cause.sources else ""
        lines += paragraph(f"{number}. {cause.text}{sources}", indent=4, hanging=3)
    if code.tell_apart:
        lines.append(line("Telling them apart:"))
        for text in code.tell_apart:
            lines += paragraph(f"- {text}", indent=4, hanging=2)
    if scenarios:
        lines.append(line("Try it:  ", (f"apim-sandbox scenario explain {scenarios[0]}", "command")))
    if len(scenarios) > 1:
        more = f"apim-sandbox scenario list code:{code.id}"
        lines.append(line(f"All {len(scenarios)}:   ", (more, "command")))
    return lines


def nothing_broken() -> list[Line]:
    """The quiet answer."""
    return [
        line(
            "Nothing is broken.   The last failure, mended or not:  ",
            ("apim-sandbox explain --last", "command"),
        )
    ]


def ladder_lines(ladder: tuple[Rung, ...], *, indent: int = 4) -> list[Line]:
    """The checks in Entra's order; those behind the first broken one, which it did not reach, apart."""
    shown, others = main_rungs(ladder)
    broken = next((index for index, rung in enumerate(shown) if rung.verdict == "failed"), len(shown))
    lines = _rungs(shown[: broken + 1], " " * indent)
    if shown[broken + 1 :]:
        lines += _rungs(shown[broken + 1 :], " " * indent + "not reached: ")
    if others:
        lines.append(line(" " * indent, (f"and {others} other checks passed", "dim")))
    return lines


def _rungs(rungs: tuple[Rung, ...], head: str) -> list[Line]:
    lines: list[Line] = []
    parts: list[tuple[str, Style]] = []
    used = 0
    for rung in rungs:
        text = f"{rung.name} {MARKS[rung.verdict]}"
        if parts and len(head) + used + 4 + len(text) > WIDTH:
            lines.append(line(head, *parts))
            parts, used, head = [], 0, " " * len(head)
        if parts:
            parts.append(("    ", ""))
        parts += [(f"{rung.name} ", ""), (MARKS[rung.verdict], RUNGS[rung.verdict])]
        used += len(text) + 4
    return [*lines, line(head, *parts)]


def _labelled(label: str, value: str, width: int) -> list[Line]:
    first, *rest = fold(value, WIDTH - 4 - width)
    lines = [line("    ", (f"{label:{width}}", "dim"), first)]
    return lines + [line(" " * (4 + width), one) for one in rest]


def _mend(mend: Mend) -> list[Line]:
    where = f"{mend.where}: " if mend.where else ""
    body = paragraph(f"{where}{mend.text}", width=WIDTH - 4 - _SIDE)
    blank = " " * (4 + _SIDE)
    lines = [
        line(f"    {mend.side:{_SIDE}}" if index == 0 else blank, one.plain) for index, one in enumerate(body)
    ]
    lines += [line(blank, (part, "command")) for part in command_lines(mend.command)]
    return lines


def command_lines(command: str, width: int = WIDTH - 4 - _SIDE) -> list[str]:
    """A command over several lines where it is long, each but the last ended by a backslash."""
    if len(command) <= width:
        return [command] if command else []
    head, *options = _OPTION.split(command)
    lines = [head]
    for option in options:
        if len(lines[-1]) + 3 + len(option) <= width:
            lines[-1] += f" {option}"
        else:
            lines.append(f"  {option}")
    return [f"{part} \\" for part in lines[:-1]] + lines[-1:]


_OPTION = re.compile(r" (?=--[a-z])")
