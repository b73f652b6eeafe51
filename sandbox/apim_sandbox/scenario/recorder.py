"""`apim-sandbox scenario record`: a running session as a file that runs and passes."""

from pathlib import Path
from typing import Any

import yaml

from apim_sandbox import documents
from apim_sandbox.cli.problems import BROKEN
from apim_sandbox.cli.render.line import Line, line, paragraph
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.client import Sandbox
from apim_sandbox.documents import DocumentError, Place
from apim_sandbox.examples import article_manifest
from apim_sandbox.scenario import report
from apim_sandbox.scenario.catalogue import new_name
from apim_sandbox.scenario.changes import world_edits
from apim_sandbox.scenario.load import loads
from apim_sandbox.scenario.model import WorldEdit
from apim_sandbox.scenario.record import Recording, Session, expectations, recorded
from apim_sandbox.scenario.runner import Result, run
from apim_sandbox.serving.surroundings import load_world
from apim_sandbox.world.content import digest
from apim_sandbox.world.model import World
from apim_sandbox.world.ready import DEFAULT, READY, is_ready, ready_text


def record_session(path: Path, *, world: Path | None, state_dir: Path | None) -> int:
    """Write what the session that runs in `state_dir` did and what came of it. Raises `DocumentError`.

    The recording is run in virtual time before it is written: what that shows is what it expects.
    """
    name = new_name(path)
    with Sandbox.connect(state_dir) as sandbox:
        made, edits = _world(world, Path(sandbox.instance.state_dir))
        session = Session(sandbox.journal(), sandbox.history(), made, article_manifest()[1], edits)
    recording = recorded(session, name)
    first = run(loads(_text(recording, [{"gateway": "ready"}]), str(path)))
    state = first.verdicts[0].got if first.verdicts else "none"
    healthy = not first.healthy
    expected = expectations(first.explanation, first.records, healthy, state)
    text = _text(recording, expected)
    result = run(loads(text, str(path)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    Terminal().print(_told(path, recording, result))
    return 0 if result.passed else BROKEN


def _world(given: Path | None, state: Path) -> tuple[World, list[WorldEdit]]:
    """The session's world, given or one of the ready ones, and what makes it of the default one."""
    sources = [given] if given is not None else [Path(name) for name in READY]
    marker = (state / "world.sha256").read_text(encoding="utf-8").strip()
    for source in sources:
        world = load_world(source)
        if digest(world) == marker:
            return world, list(world_edits(_plain(Path(DEFAULT)), _plain(source)))
    raise DocumentError(
        Place(str(given or "the session's world")),
        "is not the world that the session was started with" if given else "is none of the ready ones",
        "add --world FILE",
    )


def _plain(source: Path) -> Any:
    text = ready_text(str(source)) if is_ready(source) else documents.read_text(source)
    return documents.parse_one(text, str(source)).value


class _Dumper(yaml.SafeDumper):
    """Several lines as a block, short mappings as they come."""


def _several_lines(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _several_lines)


def _text(recording: Recording, expected: list[Any]) -> str:
    body = yaml.dump(
        {**recording.document, "expect": expected},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
    notes = "".join(f"# Left out, since no step can say it: {one}\n" for one in recording.left_out)
    return f"{notes}{body}"


def _told(path: Path, recording: Recording, result: Result) -> list[Line]:
    lines: list[Line] = []
    if not result.passed:
        lines += report.failure(result)
    for one in recording.left_out:
        lines += paragraph(f"Left out, since no step can say it: {one}")
    if result.explanation is not None:
        lines += paragraph(f"It shows: {result.explanation.headline}")
    steps = sum(len(part) for part in _parts(recording.document))
    lines.append(
        line(
            f"Wrote {path}: {steps} changes.   Next:  ",
            (f"apim-sandbox scenario run {path} --twins --walk", "command"),
        )
    )
    return lines


def _parts(document: dict[str, Any]) -> list[list[Any]]:
    inside = document.get("cause", document)
    return [inside.get(key, []) for key in ("world", "manifest", "timeline")]
