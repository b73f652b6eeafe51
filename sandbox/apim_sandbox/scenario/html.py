"""The report of a run as one HTML file that opens from disk: no script, no network, light and dark.

A renderer of the Walk: for each scenario the picture of who called whom, the hops beneath it, what was
expected, why it failed, and the journal.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from apim_emulators.core.clock import utc
from apim_emulators.core.events import Rung
from apim_emulators.core.journal import Record
from apim_sandbox.cli.render.journal import sentence
from apim_sandbox.cli.render.line import milliseconds
from apim_sandbox.cli.render.walk import MARKS
from apim_sandbox.insight.explanation import Comparison, Explanation, Mend, mend_numbered
from apim_sandbox.insight.hop import Detail, Hop
from apim_sandbox.insight.walk import Walk
from apim_sandbox.scenario.checks import Verdict
from apim_sandbox.scenario.picture import picture
from apim_sandbox.scenario.report import counted
from apim_sandbox.scenario.runner import Result, told_walk
from apim_sandbox.scenario.style import STYLE

FIRST, LAST = 80, 20  # records of a long journal that are shown

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(results: Sequence[Result], title: str = "apim-sandbox scenarios") -> str:
    """The page. Every text from outside is escaped; tokens are in the journal without signatures."""
    return "".join(
        [
            "<!doctype html><html lang=en><head><meta charset=utf-8>",
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name=viewport content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title><style>{STYLE}</style></head><body><main>",
            f"<h1>{_text(title)}</h1>",
            *_summary(results),
            *(part for one in _failed_first(results) for part in _scenario(one)),
            "</main></body></html>\n",
        ]
    )


def _failed_first(results: Sequence[Result]) -> list[Result]:
    return sorted(results, key=lambda one: _outcome(one) != "failed")


def _text(value: object) -> str:
    return escape(str(value))


# --- the top of the page


def _summary(results: Sequence[Result]) -> Iterator[str]:
    outcomes = [_outcome(one) for one in results]
    passed, failed, skipped = (outcomes.count(each) for each in ("passed", "failed", "skipped"))
    took = sum(one.took for one in results)
    yield f"<p class=counts><b class=passed>{passed} passed</b>"
    if failed:
        yield f" <b class=failed>{failed} failed</b>"
    if skipped:
        yield f" <b class=skipped>{skipped} skipped</b>"
    yield f" <span>of {counted(len(results))}, {took:.1f} s</span></p><nav>"
    ordered = sorted(results, key=lambda one: one.scenario.folder)
    for folder, group in groupby(ordered, key=lambda one: one.scenario.folder):
        mine = list(group)
        good = sum(_outcome(one) == "passed" for one in mine)
        yield f"<section class=folder><h2>{_text(folder)}/ <span>{good} of {len(mine)}</span></h2><ul>"
        for one in mine:
            name = one.scenario.id.partition("/")[2] or one.scenario.id
            yield (
                f'<li class={_outcome(one)}><a href="#{_anchor(one)}" '
                f'title="{escape(one.scenario.title, quote=True)}">{_text(name)}</a></li>'
            )
        yield "</ul></section>"
    yield "</nav>"


def _outcome(result: Result) -> str:
    return "skipped" if result.skipped else "passed" if result.passed else "failed"


def _anchor(result: Result) -> str:
    return escape(result.scenario.id.replace("/", "-"), quote=True)


# --- one scenario


def _scenario(result: Result) -> Iterator[str]:
    scenario, outcome = result.scenario, _outcome(result)
    tags = " · ".join(
        _text(one) for one in (f"hop {scenario.tags.hop}", scenario.tags.actor, scenario.tags.code) if one
    )
    yield f'<article id="{_anchor(result)}" class={outcome}>'
    yield f"<header><h2>{_text(scenario.title)} <b class={outcome}>{outcome}</b></h2>"
    yield f"<p class=id>{_text(scenario.id)}<span>{tags}</span></p></header>"
    yield f"<p class=story>{_text(scenario.story)}"
    yield f" <span class=source>{_text('; '.join(scenario.source))}</span></p>"
    if result.skipped:
        yield f"<p class=problem>Skipped: {_text(result.skipped)}</p></article>"
        return
    if result.problem:
        yield f"<p class=problem>{_text(result.problem)}</p>"
    yield from _in_short(result)
    walk = told_walk(result)
    stopped = result.explanation.hop if result.explanation is not None and not result.well else None
    if walk.hops or stopped is not None:
        yield f"<figure>{picture(walk, stopped)}</figure>"
        yield from _hops(walk, compare=result.explanation is None)
    if result.explanation is not None and not result.well:
        yield from _explanation(result.explanation)
    yield from _expectations(result.verdicts)
    yield from _journal(result.records)
    yield "</article>"


def _in_short(result: Result) -> Iterator[str]:
    """Where it stopped, why, and the first change that mends it: before anything else."""
    told = result.explanation
    if told is None:
        yield "<p class='told quiet'>Nothing was broken.</p>"
        return
    if result.well:
        yield f"<p class='told quiet'>Well at the end. Meanwhile: {_text(told.headline)}</p>"
        return
    since = "" if result.healthy else " <span class=mended>mended before the end</span>"
    yield f"<p class=told><b>{_text(told.headline)}</b>{since}"
    if told.mends:
        first = told.mends[0]
        where = f" <span class=where>{_text(first.where)}</span>" if first.where else ""
        yield f"<br>Change {_text(first.side)}: {_text(first.text)}{where}"
    yield "</p>"


def _hops(walk: Walk, *, compare: bool) -> Iterator[str]:
    """`compare` shows what differs here; an explanation below shows it better."""
    yield "<table class=hops><tbody>"
    for hop in walk.hops:
        yield f"<tr class={hop.verdict}><td class=n>{hop.number}</td><td class=who>{_text(hop.who)}</td>"
        yield f"<td>{_text(hop.what)}{''.join(_details(hop, compare=compare))}</td>"
        yield f"<td class=verdict>{hop.verdict}</td><td class=took>{milliseconds(hop.duration)}</td></tr>"
    yield "</tbody></table>"


def _details(hop: Hop, *, compare: bool) -> Iterator[str]:
    loud = hop.verdict == "failed"
    shown = [one for one in hop.details if loud or not one.quiet]
    if shown:
        yield "<dl>"
        yield from (_detail(one) for one in shown)
        yield "</dl>"
    if hop.comparison is not None and loud and compare:
        yield _comparison(hop.comparison)


def _detail(one: Detail) -> str:
    if one.verdict is not None:
        label = f"{one.value} {one.label}".strip()
        return f'<div class="rung {one.verdict}">{_text(label)} {MARKS[one.verdict]}</div>'
    return f"<div><dt>{_text(one.label)}</dt><dd>{_text(one.value)}</dd></div>"


# --- why


def _explanation(one: Explanation) -> Iterator[str]:
    yield f"<section class=why><h3>{_text(one.headline)}</h3>"
    if one.facts:
        yield "<dl>"
        for fact in one.facts:
            yield f"<div><dt>{_text(fact.label)}</dt><dd>{_text(fact.value)}</dd></div>"
        yield "</dl>"
    yield from (_comparison(each) for each in one.comparisons)
    if one.ladder:
        yield f"<p class=ladder>{''.join(_rungs(one.ladder))}</p>"
    if one.would_fail_next:
        yield "<p class=next>Would fail next:</p><ul>"
        yield from (f"<li>{_text(each)}</li>" for each in one.would_fail_next)
        yield "</ul>"
    if one.mends:
        yield f"<p class=next>{_text(mend_numbered(one.mends))}</p>"
        yield from (_mend(each) for each in one.mends)
    if one.seen_in_the_field:
        yield f"<p class=seen>Seen in the field: {_text(one.seen_in_the_field)}</p>"
    yield "</section>"


def _comparison(pair: Comparison) -> str:
    """Both values under each other, the first differing character marked in both."""
    position = pair.position
    note = f"<p class=words>{_text(pair.difference.words)}</p>" if pair.difference else ""
    rows = "".join(
        f"<tr><th>{name}</th><td>{_marked(value, position)}</td></tr>"
        for name, value in (("expected", pair.expected), ("presented", pair.presented))
    )
    return f"<table class=pair><caption>{_text(pair.what)}</caption><tbody>{rows}</tbody></table>{note}"


def _marked(value: str, position: int | None) -> str:
    if position is None:
        return _text(value)
    before, at, after = value[: position - 1], value[position - 1 : position], value[position:]
    return f"{_text(before)}<mark>{_text(at) or '&nbsp;'}</mark>{_text(after)}"


def _rungs(ladder: Iterable[Rung]) -> Iterator[str]:
    for rung in ladder:
        yield f'<span class="rung {rung.verdict}">{_text(rung.name)} {MARKS[rung.verdict]}</span> '


def _mend(one: Mend) -> str:
    where = f" <span class=where>{_text(one.where)}</span>" if one.where else ""
    command = f"<pre>{_text(one.command)}</pre>" if one.command else ""
    return f"<div class=mend><b>{_text(one.side)}</b>{where}<div>{_text(one.text)}</div>{command}</div>"


# --- what was expected, and all that happened


def _expectations(verdicts: Sequence[Verdict]) -> Iterator[str]:
    if not verdicts:
        return
    yield "<table class=checks><caption>Expectations</caption><thead><tr><th></th><th>at</th><th>what</th>"
    yield "<th>expected</th><th>got</th></tr></thead><tbody>"
    for one in verdicts:
        mark, style = ("✓", "ok") if one.ok else ("✗", "failed")
        yield f"<tr class={style}><td class=mark>{mark}</td><td class=at>{one.at:g} s</td>"
        yield f"<td>{_text(one.what)}</td><td>{_text(one.expected)}</td><td>{_text(one.got)}</td></tr>"
    yield "</tbody></table>"


def _journal(records: Sequence[Record]) -> Iterator[str]:
    if not records:
        return
    yield f"<details><summary>Journal: {len(records)} records</summary><table class=journal><tbody>"
    left_out = len(records) - FIRST - LAST
    shown = records if left_out <= 0 else records[:FIRST]
    yield from map(_record, shown)
    if left_out > 0:
        yield f"<tr><td></td><td></td><td></td><td class=left>{left_out} records are left out here</td></tr>"
        yield from map(_record, records[-LAST:])
    yield "</tbody></table></details>"


def _record(record: Record) -> str:
    words, style = sentence(record.event)
    moment = utc(record.at).strftime("%H:%M:%S.%f")[:-3]
    row = "<tr class=failed>" if style == "failed" else "<tr>"
    return (
        f"{row}<td class=n>{record.sequence}</td><td class=at>{moment}</td>"
        f"<td>{_text(record.actor)}</td><td>{_text(words)}</td></tr>"
    )
