"""`provenance`: how sure we are of what is emulated."""

from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.problems import InputError
from apim_sandbox.cli.render.line import WIDTH, Line, line, paragraph
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.fidelity import MEANING, behaviours


def show_provenance(prefix: str, label: str | None, *, as_json: bool) -> int:
    """Behaviours whose id begins with `prefix`, of one label or of all."""
    if label is not None and label not in MEANING:
        raise InputError(
            f"no label is called {label!r}; there are {', '.join(MEANING)}",
            "apim-sandbox provenance --label assumed",
        )
    found = [one for one in behaviours() if one.id.startswith(prefix) and label in (None, one.label)]
    if not found:
        raise InputError(f"no behaviour's id begins with {prefix!r}", "apim-sandbox provenance")
    if as_json:
        print_json(found)
        return 0
    lines: list[Line] = []
    for one in found:
        style = "info" if one.label == "assumed" else "ok"
        lines.append(line((one.id, "strong"), "  ", (one.label, style)))  # type: ignore[arg-type]
        lines += paragraph(one.statement, indent=4, width=WIDTH)
        lines += paragraph(f"Source: {one.source}", indent=4, width=WIDTH, style="dim")
    counts = [f"{sum(one.label == name for one in found)} {name}" for name in MEANING]
    Terminal().print([*lines, line((f"{', '.join(counts)}.", "strong"))])
    return 0
