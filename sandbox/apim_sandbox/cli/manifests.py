"""`apply`: manifests go in, the walk comes out as it happens."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from apim_emulators.core.journal import Record
from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.problems import BROKEN, InputError
from apim_sandbox.cli.render.line import Line, line, paragraph
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.cli.render.walk import WalkPrinter
from apim_sandbox.client import Sandbox
from apim_sandbox.client.shapes import AppliedShown
from apim_sandbox.documents import read_text
from apim_sandbox.insight.walk import build

SETTLED = 20.0  # seconds until a walk that does not end is no longer watched


def read_documents(files: list[Path]) -> list[tuple[str, str]]:
    """`(path, text)` of each file; `-` is standard input, a directory stands for its YAML files.

    Raises `DocumentError` for a file that can't be read, `InputError` where there is none.
    """
    documents = []
    for file in files:
        if str(file) == "-":
            documents.append(("<stdin>", sys.stdin.read()))
        elif file.is_dir():
            inside = sorted(path for path in file.iterdir() if path.suffix in (".yaml", ".yml"))
            documents += [(str(path), read_text(path)) for path in inside]
        else:
            documents.append((str(file), read_text(file)))
    if not documents:
        raise InputError(
            f"no .yaml or .yml file in {', '.join(map(str, files))}", "apim-sandbox apply -f FILE"
        )
    return documents


def delete_files(files: list[Path], state_dir: Path | None, *, as_json: bool) -> int:
    """Delete what manifests name and print what there was."""
    documents = read_documents(files)
    with Sandbox.connect(state_dir) as sandbox:
        results = sandbox.delete(documents)
    if as_json:
        print_json(results)
    else:
        nothing = [line("Nothing that these manifests name is there.")]
        Terminal().print(_results(results) or nothing)
    return 0


def apply_files(files: list[Path], state_dir: Path | None, *, as_json: bool = False) -> int:
    """Apply, print what became of each object, and follow the walk until it ends or breaks.

    As JSON, what became of each object is all: a program follows the journal.
    """
    documents = read_documents(files)
    terminal = Terminal()
    with Sandbox.connect(state_dir) as sandbox:
        before = sandbox.status()["journal"]
        results = sandbox.apply(documents)
        if not results:
            raise InputError(
                f"no object in {', '.join(map(str, files))}", "begin one with apiVersion: and kind:"
            )
        if as_json:
            print_json(results)
            return 0
        terminal.print(_results(results))
        if not any(result["object"].startswith(("Deployment/", "Pod/")) for result in results):
            return 0
        if all(result["result"] == "unchanged" for result in results):
            return 0
        broken = watch(sandbox, before, terminal.print)
    return BROKEN if broken else 0


def watch(
    sandbox: Sandbox,
    since: int,
    show: Callable[[list[Line]], None],
    done: Callable[[list[Record]], bool] | None = None,
) -> bool:
    """Print hops as they complete, from record `since` on; True when the walk broke."""
    printer = WalkPrinter()
    seen: list[Record] = []
    finished = done or settled
    with closing(sandbox.follow(since)) as records:
        for record in _until(records, finished, seen):
            show(printer.feed(record))
    show(printer.flush())
    return build(seen).broken is not None


def settled(records: list[Record]) -> bool:
    """Whether the walk has reached its last hop, or cannot go on."""
    walk = build(records)
    return walk.complete or walk.broken is not None


def _until(
    records: Iterator[Record], finished: Callable[[list[Record]], bool], seen: list[Record]
) -> Iterator[Record]:
    for record in records:
        seen.append(record)
        yield record
        if finished(seen):
            return


def _results(results: list[AppliedShown]) -> list[Line]:
    lines = []
    for result in results:
        note = "" if result["acted_on"] else "   kept, not acted on by the embedded cluster"
        lines.append(line(f"{str(result['object']).lower()} {result['result']}{note}"))
        for hint in result["hints"]:
            lines += paragraph(f"hint: {hint['place']}: {hint['message']}", indent=2, hanging=6, style="info")
            if hint["fix"]:
                lines += paragraph(f"fix:  {hint['fix']}", indent=2, hanging=6)
    return lines
