"""The doctor's findings as lines."""

from collections.abc import Sequence

from apim_sandbox.cli.render.line import WIDTH, Line, line, paragraph
from apim_sandbox.insight.doctor import Finding, Rule


def finding_lines(findings: Sequence[Finding], files: int, seconds: float) -> list[Line]:
    """Place, rule, severity, message and fix of each; the count and the next command at the end."""
    lines: list[Line] = []
    places = [f"{one.file}:{one.line}:{one.column}" for one in findings]
    width = max((len(place) for place in places), default=0)
    for place, one in zip(places, findings, strict=True):
        head = f"{place:{width}}  {one.rule}  "
        indent = len(head) + 9
        first, *rest = paragraph(one.message, width=max(40, WIDTH - indent))
        style = "failed" if one.severity == "error" else "info"
        lines.append(line(head, (f"{one.severity:<7}  ", style), first.plain))  # type: ignore[arg-type]
        lines += [line(" " * indent, more.plain) for more in rest]
        lines.append(line(" " * len(head), "fix      ", (one.fix, "command")))
    errors = sum(one.severity == "error" for one in findings)
    warnings = len(findings) - errors
    count = (
        f"{_many(errors, 'error')}, {_many(warnings, 'warning')} in {_many(files, 'file')} ({seconds:.1f} s)."
    )
    if not findings:
        return [line((f"Nothing found in {_many(files, 'file')} ({seconds:.1f} s).", "ok"))]
    next_command = f"apim-sandbox doctor --rule {findings[0].rule}"
    return [*lines, line((count, "strong"), "   Explain a rule:  ", (next_command, "command"))]


def rule_lines(rule: Rule) -> list[Line]:
    """What a rule looks for, and why."""
    return [
        line((f"{rule.id}: {rule.title}", "strong"), (f"   {rule.severity}", "dim")),
        *paragraph(rule.why, indent=4),
        *paragraph(f"Source: {rule.source}", indent=4),
        line("Look for it:  ", ("apim-sandbox doctor MANIFEST…", "command")),
    ]


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
