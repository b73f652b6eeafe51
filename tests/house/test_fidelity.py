"""What is claimed about fidelity is true of the code."""

import ast
from functools import cache
from pathlib import Path

import pytest

from apim_emulators.core.provenance import Behaviour
from apim_sandbox.fidelity import behaviours, page

ROOT = Path(__file__).parents[2]


@cache
def functions_of(path: str) -> frozenset[str]:
    """The names of the test functions in a file, methods as `Class::name`."""
    file = ROOT / path
    if not file.exists():
        return frozenset()
    tree = ast.parse(file.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}::{member.name}" for member in node.body if isinstance(member, ast.FunctionDef)
            }
    return frozenset(names)


@pytest.mark.parametrize("behaviour", behaviours(), ids=lambda behaviour: behaviour.id)
def test_each_behaviour_has_its_witness(behaviour: Behaviour) -> None:
    """The test that would fail if the behaviour were gone exists."""
    path, _, name = behaviour.witness.partition("::")
    assert name.partition("[")[0] in functions_of(path), f"{behaviour.witness} does not exist"


def test_the_page_is_current() -> None:
    """docs/fidelity.md says what the code says; `make docs` writes it anew."""
    assert (ROOT / "docs/fidelity.md").read_text() == page()
