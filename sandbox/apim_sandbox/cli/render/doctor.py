"""The doctor's findings as lines."""

from collections.abc import Sequence

from apim_sandbox.cli.render.explanation import command_lines
from apim_sandbox.cli.render.line import WIDTH, Line, Span, Style, fold, line, paragraph
from apim_sandbox.cli.render.tables import table
from apim_sandbox.insight.doctor import Finding, Rule
from apim_sandbox.insight.doctor.examples import EXAMPLES


def finding_lines(
    findings: Sequence[Finding],
    files: int,
    seconds: float,
    unchecked: Sequence[str] = (),
    compared: str = "",
) -> list[Line]:
    """Place, rule, severity, message and fix of each; the count and the next command at the end.

    `unchecked` are commands whose output was missing; `compared` is what the manifests were held against.
    """
    lines: list[Line] = []
    for one in findings:
        lines += _finding(one)
    if unchecked:
        lines.append(line("Not checked, for want of what these print:"))
        lines += [line("    ", (command, "command")) for command in unchecked]
    errors = sum(one.severity == "error" for one in findings)
    warnings = len(findings) - errors
    against = f" against {compared}" if compared else ""
    where = f"in {_many(files, 'file')}{against} ({seconds:.1f} s)."
    if not findings:
        return [*lines, line((f"Nothing found {where}", "ok"))]
    count = f"{_many(errors, 'error')}, {_many(warnings, 'warning')} {where}"
    next_command = f"apim-sandbox doctor --rule {findings[0].rule}"
    explain, command = "Explain a rule:  ", Span(next_command, "command")
    if len(count) + 3 + len(explain) + len(next_command) > WIDTH:
        return [*lines, line((count, "strong")), line(explain, command)]
    return [*lines, line((count, "strong"), "   ", explain, command)]


def _finding(one: Finding) -> list[Line]:
    """Place, rule and severity; message and fix beneath, where there is room for them."""
    place = f"{one.file}:{one.line}:{one.column}" if one.line else one.file
    style: Style = "failed" if one.severity == "error" else "info"
    blank = " " * _INDENT
    lines = [line((place, "strong"), f"  {one.rule}  ", (one.severity, style))]
    lines += paragraph(one.message, indent=_INDENT)
    fixed = one.fix.partition(" ")[0] in _PROGRAMS
    parts = command_lines(one.fix, WIDTH - _INDENT - 5) if fixed else fold(one.fix, WIDTH - _INDENT - 5)
    lines += [
        line(blank, "fix  " if index == 0 else " " * 5, (part, "command")) for index, part in enumerate(parts)
    ]
    return lines


_INDENT = 4
_PROGRAMS = ("az", "kubectl")


def rules_table(rules: Sequence[Rule]) -> list[Line]:
    """One row a rule."""
    return [
        *table(("rule", "severity", "what is wrong"), [(one.id, one.severity, one.title) for one in rules]),
        line("Explain one:  ", (f"apim-sandbox doctor --rule {rules[0].id}", "command")),
    ]


def rule_lines(rule: Rule) -> list[Line]:
    """What a rule looks for, and why."""
    return [
        line((f"{rule.id}: {rule.title}", "strong"), (f"   {rule.severity}", "dim")),
        *paragraph(rule.why, indent=4),
        *paragraph(f"Source: {rule.source}", indent=4),
        *_examples(rule),
        line("Look for it:  ", (_look_for(rule), "command")),
    ]


def _look_for(rule: Rule) -> str:
    return f"apim-sandbox doctor MANIFEST…{' --world FILE' if rule.needs_cloud else ''}"


def _examples(rule: Rule) -> list[Line]:
    example = EXAMPLES.get(rule.id)
    if example is None:
        return []
    lines = []
    for title, text in (("Wrong:", example.wrong), ("Right:", example.right)):
        lines.append(line(f"    {title}"))
        lines += [line("      ", (one, "command")) for one in text.rstrip("\n").splitlines() or ["(nothing)"]]
    return lines


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
