"""`docs/faults.md`: the text around, and the catalogue, which comes from the registry."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from apim_emulators.core.faults.model import SERVERS
from apim_sandbox.control.fault_catalogue import Entry, catalogue

PATH = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- catalogue: written by scripts/docs -->", "<!-- end of the catalogue -->"
_STAGES = {
    "connection": "Before the request: the connection",
    "tls": "Before the request: TLS",
    "delay": "On the way: delays",
    "body": "On the way back: changed bodies",
    "answer": "On the way: answered in the target's place",
    "meaning": "In the target itself",
    "clock": "Clocks",
}


def page(text: str) -> str:
    """`text` with the catalogue as the registry has it now. Raises `ValueError` without the marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks {BEGIN if not begin else END}")
    table = "\n".join(rows())
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def rows() -> Iterator[str]:
    """The catalogue's tables, by the stage at which faults act."""
    for stage, entries in groupby(catalogue(), lambda one: one.stage):
        yield f"### {_STAGES[stage]}"
        yield ""
        yield "| fault | at | what happens | arguments | how we know |"
        yield "|---|---|---|---|---|"
        yield from (_row(one) for one in entries)
        yield ""


def _row(one: Entry) -> str:
    given = (f"`{each.name}`" + (f" ({each.default})" if each.default else "") for each in one.arguments)
    targets = "any emulator" if one.targets == SERVERS else ", ".join(one.targets)
    cells = (f"`{one.name}`", targets, one.summary, ", ".join(given), f"{one.label}: {one.source}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def write() -> None:
    """Write the catalogue into the page."""
    PATH.write_text(page(PATH.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
