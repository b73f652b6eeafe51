"""Writes the reference of docs/script.md from the script API's docstrings."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from apim_sandbox.client.sync.clock import Clock
from apim_sandbox.client.sync.cloud import Arm, Graph
from apim_sandbox.client.sync.credentials import FederatedCredentials
from apim_sandbox.client.sync.faults import Faults
from apim_sandbox.client.sync.gateway import Gateway
from apim_sandbox.client.sync.roles import RoleAssignments
from apim_sandbox.client.sync.sandbox import Sandbox

PAGE = Path(__file__).parent.parent / "docs" / "script.md"
PARTS: dict[str, type] = {
    "Sandbox": Sandbox,
    "sandbox.gateway()": Gateway,
    "sandbox.clock": Clock,
    "sandbox.faults": Faults,
    "sandbox.arm": Arm,
    "sandbox.arm.role_assignments": RoleAssignments,
    "sandbox.graph": Graph,
    "sandbox.graph.federated_credentials": FederatedCredentials,
}
_PLACE = re.compile(r"(<!-- reference:[^\n]*-->\n).*?(<!-- /reference -->)", re.DOTALL)


def members(part: type) -> Iterator[tuple[str, object]]:
    """What is public of a part, as it stands in its source; `__call__` as the empty name."""
    for name, value in vars(part).items():
        if name == "__call__":
            yield "", value
        elif not name.startswith("_"):
            yield name, inspect.unwrap(value.__func__ if isinstance(value, classmethod) else value)


def page(text: str) -> str:
    """The page with its reference written anew."""
    return _PLACE.sub(lambda found: found[1] + "\n".join(_reference()) + "\n" + found[2], text)


def _reference() -> Iterator[str]:
    for title, part in PARTS.items():
        yield f"\n### `{title}`\n\n| | |\n|---|---|"
        for name, value in members(part):
            yield f"| `{_shown(name, value)}` | {_summary(value)} |"
    yield ""


def _shown(name: str, value: object) -> str:
    if not callable(value):
        return name
    text = str(inspect.signature(value))
    text = re.sub(r"\((self|cls)(, )?", "(", text).partition(" ->")[0]
    text = re.sub(r"[A-Za-z_][\w.]*\.(\w+)", r"\1", text).replace("|", "\\|")
    return (name or "()") + text if name else text


def _summary(value: object) -> str:
    doc = inspect.getdoc(value) or ""
    return doc.partition("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
