"""`world`: the world file that a sandbox begins with."""

from pathlib import Path

from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.render.line import line
from apim_sandbox.cli.render.terminal import Terminal


def show_world(file: Path | None, *, as_json: bool) -> int:
    """The built-in world as a file to begin with, or a file's world with every default filled in."""
    if file is None and not as_json:
        from apim_sandbox.world.default import default_text

        print(default_text(), end="")
        return 0
    from apim_sandbox.cli.output import print_yaml
    from apim_sandbox.surroundings import load_world

    shown = load_world(file).model_dump(mode="json", by_alias=True)
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
