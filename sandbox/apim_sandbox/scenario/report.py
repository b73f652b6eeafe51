"""Results as lines for people, as JUnit XML for CI, and as JSON lines for programs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import msgspec

from apim_sandbox.cli.render.explanation import explanation_lines
from apim_sandbox.cli.render.line import EMPTY, Line, Style, line, paragraph
from apim_sandbox.cli.render.tables import table
from apim_sandbox.cli.render.walk import render as walk_lines
from apim_sandbox.scenario import catalogue
from apim_sandbox.scenario.checks import Verdict
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.model import Scenario
from apim_sandbox.scenario.places import places
from apim_sandbox.scenario.runner import Result, told_walk

BAR = 20


def counted(number: int) -> str:
    """So many scenarios."""
    return f"{number} scenario" + ("s" if number != 1 else "")


def summary(results: Sequence[Result], took: float) -> list[Line]:
    """A line a folder, then what failed, then the count; the counts come last. `took` is real seconds."""
    lines: list[Line] = []
    folders = Counter(result.scenario.folder for result in results)
    width = max((len(name) for name in folders), default=0) + 1
    for name in sorted(folders):
        mine = [result for result in results if result.scenario.folder == name]
        passed, ran = sum(result.passed for result in mine), sum(not result.skipped for result in mine)
        spent = sum(result.took for result in mine)
        full = BAR * passed // max(ran, 1)
        bar = "█" * full + "░" * (BAR - full)
        share = f"{passed:>3} of {ran:<3}"
        lines.append(
            line(
                f"  {name + '/':<{width}}  {share}  ",
                (bar, "ok" if passed == ran else "failed"),
                f"  {spent:.1f} s",
            )
        )
    for result in results:
        if result.failed:
            lines += [EMPTY, *failure(result)]
    skipped = [result for result in results if result.skipped]
    for result in skipped:
        lines.append(line(("skipped ", "info"), f"{result.scenario.id}   {result.skipped}"))
    lines += [EMPTY, _total(results, took)]
    return lines


def outcome(result: Result, number: int, of: int) -> Line:
    """One scenario as soon as it has ended, the `number`th of so many."""
    style: Style = "info" if result.skipped else "failed" if result.failed else "ok"
    word = "skipped" if result.skipped else style
    took = "" if result.skipped else f"   {result.took:.1f} s"
    count = f"{number:>{len(str(of))}}/{of}"
    return line(f"  {count}  ", (f"{word:<7}", style), f"  {result.scenario.id}{took}")


def under_way(scenarios: Sequence[Loaded], results: Sequence[Result]) -> list[Line]:
    """While they run: how far each folder is, and the failures so far."""
    lines: list[Line] = []
    totals = Counter(one.scenario.folder for one in scenarios)
    done = Counter(result.scenario.folder for result in results)
    failed = Counter(result.scenario.folder for result in results if result.failed)
    width = max((len(name) for name in totals), default=0) + 1
    for name in sorted(totals):
        full = BAR * done[name] // totals[name]
        bar = "█" * full + "░" * (BAR - full)
        style: Style = "failed" if failed[name] else "ok" if done[name] == totals[name] else "info"
        bad = f"  {failed[name]} failed" if failed[name] else ""
        share = f"  {name + '/':<{width}}  {done[name]:>3} of {totals[name]:<3}  "
        lines.append(line(share, (bar, style), (bad, "failed")))
    return lines


def failure(result: Result) -> list[Line]:
    """What a scenario expected, what it got, and what to type next."""
    scenario = result.scenario
    lines = [line(("FAILED ", "failed"), (scenario.id, "strong"), f"   {scenario.title}")]
    if result.problem:
        lines += paragraph(result.problem, indent=2)
    for verdict in result.failures:
        lines += _verdict(verdict)
    if result.explanation is not None:
        lines.append(line("  explain   ", result.explanation.headline))
    lines.append(line("  Next:     ", (f"apim-sandbox scenario run {_word(result)} --walk", "command")))
    return lines


def _word(result: Result) -> str:
    """What names it on the command line: in the catalogue its id, elsewhere its file."""
    mine = not Path(result.file).resolve().is_relative_to(catalogue.folder().resolve())
    return result.file if result.file and mine else result.scenario.id


def _verdict(verdict: Verdict) -> list[Line]:
    at = f"at {round(verdict.at, 1):g} s"
    return [
        line(f"  {verdict.what}, {at}" + (f"   {verdict.place}" if verdict.place else "")),
        *paragraph(f"expected  {verdict.expected}", indent=4, hanging=10),
        *paragraph(f"got       {verdict.got}", indent=4, hanging=10),
    ]


def _total(results: Sequence[Result], took: float) -> Line:
    failed = sum(result.failed for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    parts = [f"{len(results) - failed - skipped} passed"]
    if failed:
        parts.append(f"{failed} failed")
    if skipped:
        parts.append(f"{skipped} skipped")
    return line(
        (f"{', '.join(parts)} of {counted(len(results))}", "failed" if failed else "ok"), f" ({took:.1f} s)."
    )


def listing(scenarios: Iterable[Loaded]) -> list[Line]:
    """One row a scenario."""
    rows = [
        (one.id, str(one.tags.hop), one.tags.actor, one.tags.code, _elsewhere(loaded), one.title)
        for loaded in scenarios
        for one in (loaded.scenario,)
    ]
    return table(("scenario", "hop", "actor", "code", "not on", "what is wrong"), rows)


def _elsewhere(loaded: Loaded) -> str:
    """Where it can't run."""
    return " ".join(on for on, reason in places(loaded).items() if reason)


def told(loaded: Loaded) -> list[Line]:
    """One scenario as its reader wants it: the story first, then the file's own words."""
    scenario = loaded.scenario
    tags = scenario.tags
    lines = [
        line((scenario.id, "strong"), f"   {scenario.title}"),
        *paragraph(scenario.story, indent=2),
        EMPTY,
        line(f"  hop {tags.hop}, {tags.actor}" + (f", {tags.code}" if tags.code else "")),
        *paragraph("source: " + "; ".join(scenario.source), indent=2),
        line(f"  file    {loaded.document.file}"),
    ]
    for one in scenario.expect:
        if one.explanation is not None:
            lines += paragraph(f"explain {one.explanation.headline}…", indent=2)
    for on, reason in places(loaded).items():
        lines += paragraph(f"{on:<8}  {reason or 'runs'}", indent=2, hanging=10)
    lines.append(line("Next:  ", (f"apim-sandbox scenario run {scenario.id} --walk", "command")))
    return lines


def walked(result: Result) -> list[Line]:
    """The walk as it stood where it stopped, and the explanation."""
    lines = walk_lines(told_walk(result))
    if result.explanation is not None:
        lines += [EMPTY, *explanation_lines(result.explanation)]
    return lines


def junit(results: Sequence[Result]) -> bytes:
    """One test suite a folder, one test case a scenario."""
    root = Element("testsuites", name="apim-sandbox scenarios")
    for folder in sorted({result.scenario.folder for result in results}):
        mine = [result for result in results if result.scenario.folder == folder]
        suite = SubElement(
            root,
            "testsuite",
            name=folder,
            tests=str(len(mine)),
            failures=str(sum(result.failed for result in mine)),
            errors="0",
            skipped=str(sum(bool(result.skipped) for result in mine)),
            time=f"{sum(result.took for result in mine):.3f}",
        )
        for result in mine:
            _case(suite, result)
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _case(suite: Element, result: Result) -> None:
    scenario = result.scenario
    case = SubElement(
        suite,
        "testcase",
        classname=f"scenario.{scenario.folder}",
        name=scenario.id.rpartition("/")[2],
        time=f"{result.took:.3f}",
    )
    if result.skipped:
        SubElement(case, "skipped", message=result.skipped)
    elif result.failed:
        first = result.problem or f"{result.failures[0].what}: expected {result.failures[0].expected}"
        broken = SubElement(case, "failure", message=_printable(first))
        broken.text = _printable("".join(one.plain + "\n" for one in failure(result)))


def json_line(result: Result) -> bytes:
    """A result as one line of JSON."""
    return msgspec.json.encode(_plain(result)) + b"\n"


def _plain(result: Result) -> dict[str, Any]:
    scenario: Scenario = result.scenario
    return {
        "id": scenario.id,
        "title": scenario.title,
        "outcome": "skipped" if result.skipped else "passed" if result.passed else "failed",
        "on": result.on,
        "seed": result.seed,
        "tags": {"hop": scenario.tags.hop, "actor": scenario.tags.actor, "code": scenario.tags.code},
        "problem": result.problem or result.skipped,
        "expectations": msgspec.to_builtins(result.verdicts),
        "explanation": None
        if result.explanation is None
        else {"cause": result.explanation.cause, "headline": result.explanation.headline},
        "records": len(result.records),
        "seconds": round(result.took, 3),
    }


def _printable(text: str) -> str:
    """Without the characters that XML 1.0 has no way to write."""
    return "".join(char for char in text if char in "\t\n\r" or ord(char) >= 0x20)
