"""The `scenario` commands: names and options; the work is in `apim_sandbox.scenario`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from apim_sandbox.cli import completed
from apim_sandbox.cli.options import JsonOption, StateDirOption

scenario = typer.Typer(help="Failures by cause: in virtual time, live, or on kind.", no_args_is_help=True)

ScenarioArguments = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, folders, ids, hop:8, actor:oidc, code:403 (different tags narrow); all without any.",
        metavar="[WHICH]...",
        autocompletion=completed.scenarios,
    ),
]


OnChoice = Literal["embedded", "live", "kind"]
_ON = "embedded: in virtual time. live: real time, processes and clients. kind: a cluster that is up."


@scenario.command("run")
def scenario_run(
    which: ScenarioArguments = None,
    seed: Annotated[int, typer.Option(help="Another order of what happens at the same time.")] = 0,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a report with the picture of each walk to this file.")
    ] = None,
    as_json: JsonOption = False,
    walk: Annotated[bool, typer.Option("--walk", help="Show each walk and its explanation.")] = False,
    twins: Annotated[
        bool, typer.Option("--twins", help="Run each without its cause as well: then it must be healthy.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes; 0 chooses.", min=0)] = 0,
    on: Annotated[OnChoice, typer.Option("--on", help=_ON)] = "embedded",
    name: Annotated[str | None, typer.Option("--name", help="With --on kind: which kind sandbox.")] = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", help="With --on kind: as kind up was told.")
    ] = None,
) -> None:
    """Run scenarios and compare what happens with what they expect.

    Example: apim-sandbox scenario run rbac --walk
    """
    from apim_sandbox.scenario.command import run_scenarios, site_of

    raise typer.Exit(
        run_scenarios(
            which or [],
            seed=seed,
            junit=junit,
            html=html,
            as_json=as_json,
            walk=walk,
            twins=twins,
            jobs=jobs,
            site=site_of(on, name, state_dir),
        )
    )


@scenario.command("list")
def scenario_list(
    which: ScenarioArguments = None,
    on: Annotated[OnChoice | None, typer.Option("--on", help="Those only that can run there.")] = None,
) -> None:
    """List scenarios: what is wrong in each, and where it can run.

    Example: apim-sandbox scenario list hop:5
    """
    from apim_sandbox.scenario.command import list_scenarios

    raise typer.Exit(list_scenarios(which or [], on))


@scenario.command("show")
def scenario_show(
    name: Annotated[str, typer.Argument(help="An id, a folder, a tag, or a file.")],
) -> None:
    """Tell a scenario's story and where it comes from.

    Example: apim-sandbox scenario show entra/subject-mismatch
    """
    from apim_sandbox.scenario.command import show_scenario

    raise typer.Exit(show_scenario(name))


@scenario.command("explain")
def scenario_explain(
    name: Annotated[str, typer.Argument(help="An id, a file, a folder or a tag.", metavar="WHICH")],
    seed: Annotated[int, typer.Option(help="Another order of what happens at the same time.")] = 0,
) -> None:
    """Run a scenario and tell it whole: story, walk, where it stopped, why, what to change.

    Example: apim-sandbox scenario explain rbac/reader-missing
    """
    from apim_sandbox.scenario.command import explain_scenario

    raise typer.Exit(explain_scenario(name, seed=seed))


@scenario.command("new")
def scenario_new(
    path: Annotated[Path, typer.Argument(help="The file to write.")],
    like: Annotated[
        str | None, typer.Option("--from", help="Begin with this scenario of the catalogue.", metavar="ID")
    ] = None,
) -> None:
    """Write a scenario to begin with.

    Example: apim-sandbox scenario new my-failure.yaml --from entra/subject-mismatch
    """
    from apim_sandbox.scenario.command import new_scenario

    raise typer.Exit(new_scenario(path, like))


@scenario.command("record")
def scenario_record(
    path: Annotated[Path, typer.Argument(help="The file to write.")],
    world: Annotated[
        Path | None, typer.Option(help="The world that the sandbox was started with.", metavar="FILE")
    ] = None,
    state_dir: StateDirOption = None,
) -> None:
    """Write what was done in the running sandbox, and what came of it, as a scenario.

    Example: apim-sandbox scenario record my-failure.yaml
    """
    from apim_sandbox.scenario.recorder import record_session

    raise typer.Exit(record_session(path, world=world, state_dir=state_dir))
