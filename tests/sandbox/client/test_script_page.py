"""docs/script.md: its examples run, in both forms, and show all that there is."""

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

PAGE = Path("docs/script.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TOOL: dict[str, Any] = runpy.run_path("scripts/script_page.py")
ELSEWHERE = {"load_world"}  # only where the cluster is a real one: tests/kind
ASYNC_NAMES = {
    "Sandbox": "AsyncSandbox",
    "ExitStack": "AsyncExitStack",
    "enter_context": "enter_async_context",
    "close": "aclose",
}
WAITED_FOR = ("sandbox", "same", "gateway", "credentials", "stack")
PROPERTIES = ("last_poll", "state", "logs")  # of a gateway


def test_the_reference_is_what_the_docstrings_say() -> None:
    """`scripts/docs` writes it again."""
    assert TOOL["page"](PAGE) == PAGE


def test_every_public_name_is_shown() -> None:
    """By an example, which the tests below run."""
    code = "\n".join(BLOCKS).replace("credentials.", "sandbox.graph.federated_credentials.")
    missing = [
        f"{title}.{name}"
        for title, part in TOOL["PARTS"].items()
        for name, _ in TOOL["members"](part)
        if name not in ELSEWHERE and not _used(title, name, code)
    ]
    assert missing == []


def _used(title: str, name: str, code: str) -> bool:
    before = {"Sandbox": "[sS]andbox", "sandbox.gateway()": "gateway"}.get(title, re.escape(title))
    after = rf"[.]{name}\b" if name else "[(]"
    return re.search(rf"\b{before}{after}", code) is not None


@pytest.mark.clients
def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    """From top to bottom, as one program."""
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/script.md", "exec"), names)
    anyio.run(names["main"])
    assert "the reader role is not assigned any more" in capsys.readouterr().out


@pytest.mark.clients
# httpcore leaves generators of its own to the collector, of which trio complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_examples_run_with_await(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same program, rewritten call by call."""
    program = ast.parse("async def page():\n    pass")
    function = program.body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    function.body = [_Awaited().visit(one) for block in BLOCKS[:-1] for one in ast.parse(block).body]
    names: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(program), "docs/script.md", "exec"), names)
    anyio.run(names["page"], backend=backend)
    assert "the reader role is not assigned any more" in capsys.readouterr().out


class _Awaited(ast.NodeTransformer):
    """What a person would do to the synchronous examples."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(ASYNC_NAMES.get(node.id, node.id), node.ctx)

    def visit_alias(self, node: ast.alias) -> ast.alias:
        return ast.alias(ASYNC_NAMES.get(node.name, node.name), node.asname)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        node.attr = ASYNC_NAMES.get(node.attr, node.attr)
        waits = node.attr in PROPERTIES and isinstance(node.value, ast.Name) and node.value.id == "gateway"
        return ast.Await(node) if waits else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return ast.Await(node) if next(_chain(node.func)) in WAITED_FOR else node

    def visit_With(self, node: ast.With) -> ast.AsyncWith:
        self.generic_visit(node)
        for item in node.items:
            item.context_expr = _unawaited(item.context_expr)
        return ast.AsyncWith(node.items, node.body)

    def visit_For(self, node: ast.For) -> ast.stmt:
        self.generic_visit(node)
        called = _unawaited(node.iter)
        if isinstance(called, ast.Call) and list(_chain(called.func))[-1] in ("logs", "follow"):
            return ast.AsyncFor(node.target, called, node.body, node.orelse)
        return node


def _chain(node: ast.expr) -> Iterator[str]:
    """`sandbox.graph.pages` as its names; nothing of what is called in between."""
    if isinstance(node, ast.Attribute):
        yield from _chain(node.value)
        yield node.attr
    else:
        yield node.id if isinstance(node, ast.Name) else ""


def _unawaited(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Await) else node
