"""What `apim-sandbox scenario run|list|show|new` do; each returns an exit status."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from apim_emulators.core.clock import SystemTime
from apim_sandbox.cli.problems import BROKEN
from apim_sandbox.cli.progress import progress
from apim_sandbox.cli.render.explanation import explanation_lines
from apim_sandbox.cli.render.line import line
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.cli.render.walk import render as walk_lines
from apim_sandbox.documents import DocumentError, Place
from apim_sandbox.insight.walk import build
from apim_sandbox.scenario import report
from apim_sandbox.scenario.catalogue import chosen
from apim_sandbox.scenario.html import html as page
from apim_sandbox.scenario.runner import Proof, Result
from apim_sandbox.scenario.suite import run_all

TEMPLATE = """{schema}id: {id}
title: What is wrong, in a few words
story: >-
  What happened to somebody, in two or three sentences.
source: where it is told, such as Azure/login#379
tags: {{hop: 2, actor: you}}

# What is wrong, and nothing else: without it the scenario must be healthy.
cause:
  manifest:
    - replace: "serviceAccountName: apim-gateway-workload-identity"
      with: "serviceAccountName: default"
  # world:
  #   - set: federatedIdentityCredentials/apim-gateway-federated-credential/subject
  #     to: system:serviceaccount:somewhere:else
  # timeline:
  #   - at: 10s
  #     removeRole: {{principal: apim-gateway}}

expect:
  - {{gateway: starting}}
  - explanation: {{cause: client-id-annotation-missing, headline: Pod apim-gateway}}
"""


def run_scenarios(
    paths: Sequence[str],
    *,
    seed: int = 0,
    junit: Path | None = None,
    html: Path | None = None,
    as_json: bool = False,
    walk: bool = False,
    twins: bool = False,
    jobs: int = 0,
) -> int:
    """Run what the arguments name; `twins` runs each without its cause too, which must change it."""
    terminal = Terminal()
    scenarios = chosen(paths)
    proofs: list[Proof] = []
    timer = SystemTime()
    begun = timer.tick()
    running = run_all(scenarios, seed=seed, jobs=jobs, twins=twins)
    if as_json:
        for proof in running:
            proofs.append(proof)
            sys.stdout.buffer.write(report.json_line(proof.broken))
            sys.stdout.buffer.flush()
    else:
        with progress(terminal, f"running {len(scenarios)} scenarios"):
            proofs = list(running)
        if walk:
            _show_walks(terminal, [proof.broken for proof in proofs])
        terminal.print(report.summary([proof.broken for proof in proofs], timer.tick() - begun))
    complaints = [
        f"{proof.broken.scenario.id}: {one}" for proof in proofs if twins for one in proof.complaints
    ]
    if complaints and not as_json:
        terminal.print([line(one) for one in complaints])
    results = [proof.broken for proof in proofs]
    if junit is not None:
        junit.write_bytes(report.junit(results))
    if html is not None:
        html.write_text(page(results), encoding="utf-8")
        if not as_json:
            terminal.print([line("Report:  ", (html.resolve().as_uri(), "command"))])
    return BROKEN if complaints or any(not result.passed for result in results) else 0


def list_scenarios(paths: Sequence[str]) -> int:
    """One row a scenario."""
    scenarios = chosen(paths)
    terminal = Terminal()
    terminal.print(report.listing(scenarios))
    terminal.print(
        [line(f"{len(scenarios)} scenarios.   Next:  ", ("apim-sandbox scenario show ID", "command"))]
    )
    return 0


def show_scenario(name: str) -> int:
    """The story of each scenario that the name means."""
    for loaded in chosen([name]):
        Terminal().print(report.told(loaded))
    return 0


def new_scenario(path: Path) -> int:
    """Write a scenario to begin with; an existing file is never overwritten. Raises `DocumentError`."""
    if path.exists():
        raise DocumentError(
            Place(str(path)), "exists already", f"apim-sandbox scenario run {path}, or name another file"
        )
    name = path.stem.lower().replace("_", "-").replace(" ", "-")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE.format(id=name, schema=_schema()), encoding="utf-8")
    Terminal().print(
        [line(f"Wrote {path}.   Next:  ", (f"apim-sandbox scenario run {path} --walk", "command"))]
    )
    return 0


def _show_walks(terminal: Terminal, results: Iterable[Result]) -> None:
    for result in results:
        terminal.print([line((result.scenario.id, "strong"), f"   {result.scenario.title}")])
        terminal.print(walk_lines(build(result.records)))
        if result.explanation is not None:
            terminal.print(explanation_lines(result.explanation))


def _schema() -> str:
    """The line that tells an editor where the schema is; empty where it is not installed."""
    schema = Path(__file__).parents[3] / "docs" / "scenario.schema.json"
    return f"# yaml-language-server: $schema={schema}\n" if schema.is_file() else ""
