"""`world`: the world file that a sandbox begins with."""

from pathlib import Path

from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.render.line import line
from apim_sandbox.cli.render.terminal import Terminal


def list_worlds(*, as_json: bool) -> int:
    """The ready worlds: what `--world` takes besides a file."""
    from apim_sandbox.cli.render.tables import table
    from apim_sandbox.world.ready import READY

    if as_json:
        print_json(
            [{"name": name, "signIn": one.mode, "summary": one.summary} for name, one in READY.items()]
        )
        return 0
    rows = [[name, one.mode, one.summary] for name, one in READY.items()]
    Terminal().print(table(["name", "config.service.auth", "holds"], rows))
    Terminal().print([line("Next:  ", ("apim-sandbox up --detach --world NAME", "command"))])
    return 0


def show_world(file: Path | None, *, as_json: bool) -> int:
    """A ready world as a file to begin with, or a file's world with every default filled in."""
    from apim_sandbox.world.ready import DEFAULT, is_ready, ready_text

    if not as_json and (file is None or is_ready(file)):
        print(ready_text(str(file or DEFAULT)), end="")
        return 0
    from apim_sandbox.cli.output import print_yaml
    from apim_sandbox.serving.surroundings import load_world
    from apim_sandbox.world.content import content

    shown = content(load_world(file))
    print_json(shown) if as_json else print_yaml(shown)
    return 0


def check_worlds(files: list[Path], *, as_json: bool) -> int:
    """Load each file; print what is wrong with it and where."""
    from apim_sandbox.cli.problems import BAD_INPUT
    from apim_sandbox.documents import DocumentError
    from apim_sandbox.world.load import load

    problems: list[DocumentError] = []
    for file in files:
        try:
            load(file)
        except DocumentError as error:
            problems += error.problems
    if as_json:
        print_json(
            [
                {
                    "file": one.file,
                    "line": one.line,
                    "column": one.column,
                    "message": one.message,
                    "fix": one.fix,
                }
                for one in problems
            ]
        )
    elif problems:
        Terminal().print(
            [
                one
                for problem in problems
                for one in (
                    line(f"{problem.place}  ", (problem.message, "failed")),
                    *([line("  fix   ", (problem.fix, "command"))] if problem.fix else []),
                )
            ]
        )
    else:
        Terminal().print([line((f"{', '.join(map(str, files))}: nothing is wrong.", "ok"))])
        Terminal().print([line("Next:  ", (f"apim-sandbox up --world {files[0]}", "command"))])
    return BAD_INPUT if problems else 0


def show_schema() -> int:
    """The world file's JSON Schema."""
    from apim_sandbox.world.schema import rendered

    print(rendered(), end="")
    return 0
