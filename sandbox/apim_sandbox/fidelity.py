"""How sure we are of everything emulated: the labels that stand beside the code, collected."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

import apim_emulators
import apim_sandbox
from apim_emulators.core.provenance import Behaviour

MEANING: Mapping[str, str] = {
    "documented": "its owner says so in public documentation or source",
    "observed": "seen in a public log, issue or recorded answer",
    "assumed": "ours: nothing public says how the real one does it",
}


def behaviours() -> list[Behaviour]:
    """Every labelled behaviour, by package and id. Imports all modules; for documents and tests."""
    found: dict[str, Behaviour] = {}
    # All first: a fault's file adds to a mapping in another one.
    for module in [importlib.import_module(name) for name in _modules()]:
        for value in vars(module).values():
            for behaviour in _within(value):
                known = found.setdefault(behaviour.id, behaviour)
                if known != behaviour:
                    raise ValueError(f"two behaviours are called {behaviour.id}: {known} and {behaviour}")
    return [found[key] for key in sorted(found)]


def page() -> str:
    """`docs/fidelity.md`."""
    rows = behaviours()
    lines = [
        "# Fidelity",
        "",
        "What is emulated, how sure we are of it, and the test that would fail if it were gone.",
        "The label of an answer also travels with it, in the header `x-sandbox-provenance`.",
        "Written by `make docs` from the code; do not edit.",
        "",
        *(f"- **{label}**: {meaning}" for label, meaning in MEANING.items()),
        "",
    ]
    for label in ("assumed", "observed", "documented"):
        mine = [row for row in rows if row.label == label]
        lines += [
            f"## {label.capitalize()} ({len(mine)})",
            "",
            "| behaviour | what we do | how we know | witness |",
        ]
        lines += ["|---|---|---|---|"]
        lines += [_row(behaviour) for behaviour in mine]
        lines.append("")
    return "\n".join(lines)


def _row(behaviour: Behaviour) -> str:
    witness = behaviour.witness.rpartition("::")[2]
    return f"| `{behaviour.id}` | {_cell(behaviour.statement)} | {_cell(behaviour.source)} | `{witness}` |"


def _modules() -> Iterator[str]:
    for package in (apim_emulators, apim_sandbox):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield found.name


def _within(value: object) -> Iterator[Behaviour]:
    if isinstance(value, Behaviour):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _within(member)
    elif isinstance(value, tuple | list):
        for member in value:
            yield from _within(member)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
