"""What `apim-sandbox scenario run|list|show|explain|new` do; each returns an exit status."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from apim_emulators.core.clock import SystemTime
from apim_sandbox.carried import carried
from apim_sandbox.cli.problems import BROKEN
from apim_sandbox.cli.progress import progress
from apim_sandbox.cli.render.line import EMPTY, line, paragraph
from apim_sandbox.cli.render.terminal import Terminal, rich_lines
from apim_sandbox.cluster.kind.layout import DEFAULT_NAME, Layout
from apim_sandbox.documents import DocumentError, Place
from apim_sandbox.scenario import report
from apim_sandbox.scenario.catalogue import chosen, new_name
from apim_sandbox.scenario.html import html as page
from apim_sandbox.scenario.load import Loaded
from apim_sandbox.scenario.places import why_not
from apim_sandbox.scenario.runner import Proof, Result, run
from apim_sandbox.scenario.suite import run_all
from apim_sandbox.scenario.venue import EMBEDDED, On, Site

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
    site: Site = EMBEDDED,
) -> int:
    """Run what the arguments name; `twins` runs each without its cause too, which must change it.

    Raises `InstanceError` when `site` is a kind sandbox that is not up.
    """
    terminal = Terminal()
    scenarios = chosen(paths)
    proofs: list[Proof] = []
    timer = SystemTime()
    begun = timer.tick()
    running = run_all(scenarios, seed=seed, jobs=jobs, twins=twins, site=site)
    if as_json:
        for proof in running:
            proofs.append(proof)
            sys.stdout.buffer.write(report.json_line(proof.broken))
            sys.stdout.buffer.flush()
    else:
        if site.on == "embedded":
            proofs = list(_watched(terminal, scenarios, running))
        else:
            for proof in running:  # seconds each: none is kept back
                proofs.append(proof)
                terminal.print([report.outcome(proof.broken, len(proofs), len(scenarios))])
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
    return BROKEN if complaints or any(result.failed for result in results) else 0


def _watched(terminal: Terminal, scenarios: Sequence[Loaded], running: Iterable[Proof]) -> Iterator[Proof]:
    """The proofs as they come: on a terminal above a table that fills, in a log after one line."""
    if not terminal.color:
        with progress(terminal, f"running {report.counted(len(scenarios))}"):
            yield from running
        return
    from rich.live import Live

    results: list[Result] = []
    with Live(console=terminal.console, transient=True) as live:
        for proof in running:
            results.append(proof.broken)
            live.update(rich_lines(report.under_way(scenarios, results)))
            yield proof


def site_of(on: On, name: str | None, state_dir: Path | None) -> Site:
    """Where `--on` means. Raises `InstanceError` for a name that no kind sandbox can have."""
    if on != "kind":
        return Site(on)
    return Site(on, Layout.of(name or DEFAULT_NAME, state_dir))


def list_scenarios(paths: Sequence[str], on: On | None = None) -> int:
    """One row a scenario; with `on` those only that can run there, and how many can't."""
    named = chosen(paths)
    scenarios = [one for one in named if on is None or not why_not(one, on)]
    terminal = Terminal()
    terminal.print(report.listing(scenarios))
    terminal.print(
        [
            line(
                report.counted(len(scenarios))
                + (f"; {len(named) - len(scenarios)} can't run on {on}" if on else "")
                + ".   Next:  ",
                ("apim-sandbox scenario show ID", "command"),
            )
        ]
    )
    return 0


def show_scenario(name: str) -> int:
    """The story of each scenario that the name means."""
    for loaded in chosen([name]):
        Terminal().print(report.told(loaded))
    return 0


def explain_scenario(name: str, *, seed: int = 0) -> int:
    """Run what the name means, and tell each whole: the story, the walk, the explanation."""
    terminal = Terminal()
    results = [run(loaded, seed=seed) for loaded in chosen([name])]
    for result in results:
        terminal.print(
            [
                line((result.scenario.id, "strong"), f"   {result.scenario.title}"),
                *paragraph(result.scenario.story),
                EMPTY,
            ]
        )
        terminal.print(report.walked(result))
        if not result.passed:
            terminal.print([EMPTY, *report.failure(result)])
    return 0 if all(result.passed for result in results) else BROKEN


def new_scenario(path: Path, like: str | None = None) -> int:
    """Write a scenario to begin with, or a copy of one of the catalogue. Raises `DocumentError`."""
    name = new_name(path)
    if like is None:
        text = TEMPLATE.format(id=name, schema=_schema())
    else:
        (loaded, *more) = chosen([like])
        if more:
            raise DocumentError(
                Place(like), f"names {len(more) + 1} scenarios", f"apim-sandbox scenario list {like}"
            )
        text = _copied(loaded, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    Terminal().print(
        [line(f"Wrote {path}.   Next:  ", (f"apim-sandbox scenario run {path} --walk", "command"))]
    )
    return 0


def _copied(loaded: Loaded, name: str) -> str:
    lines = Path(loaded.document.file).read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [each for each in lines if not each.startswith("# yaml-language-server")]
    begun = [f"id: {name}\n" if each.startswith("id:") else each for each in kept]
    return _schema() + "".join(begun)


def _show_walks(terminal: Terminal, results: Iterable[Result]) -> None:
    for result in results:
        terminal.print([line((result.scenario.id, "strong"), f"   {result.scenario.title}")])
        terminal.print(report.walked(result))


def _schema() -> str:
    """The line that tells an editor where the schema is."""
    return f"# yaml-language-server: $schema={carried('docs/scenario.schema.json').absolute()}\n"
