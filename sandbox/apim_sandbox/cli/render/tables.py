"""Tables without boxes: a heading, columns as wide as their content, the last one free."""

from collections.abc import Iterable, Mapping, Sequence

from apim_sandbox.cli.render.line import Line, Style, line

_GAP = 2


def table(
    heading: Sequence[str], rows: Iterable[Sequence[str]], *, styles: Mapping[str, Style] | None = None
) -> list[Line]:
    """Rows under a heading in capitals. `styles` gives a style to cells of these values."""
    body = [[str(cell) for cell in row] for row in rows]
    widths = [
        max(len(text) for text in column) for column in zip(heading, *body, strict=True)
    ]  # fmt: skip
    lines = [line((_joined(heading, widths).upper().rstrip(), "dim"))]
    for row in body:
        parts: list[tuple[str, Style]] = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            last = index == len(row) - 1
            parts.append((cell, (styles or {}).get(cell, "")))
            parts.append(("" if last else " " * (width - len(cell) + _GAP), ""))
        lines.append(line(*parts))
    return lines


def ports(value: object) -> str:
    """`http→18080 https→18081`: the container's port by name, and where it is on this machine."""
    if isinstance(value, Mapping):
        return " ".join(f"{name}→{port}" for name, port in value.items())
    return shown(value)


def shown(value: object) -> str:
    """A value as a table shows it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return " ".join(f"{name}={shown(inner)}" for name, inner in value.items())
        case list() | tuple():
            return ", ".join(shown(inner) for inner in value)
    return str(value)


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{cell:{width + _GAP}}" for cell, width in zip(cells, widths, strict=True))


STYLES: dict[str, Style] = {"yes": "ok", "no": "failed", "Running": "ok", "Failed": "failed", "ready": "ok"}
