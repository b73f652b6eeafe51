"""The `fault` commands: names and options; the work is in `faults.py`."""

from typing import Annotated

import typer

from apim_sandbox.cli import completed
from apim_sandbox.cli.options import JsonOption, StateDirOption

fault = typer.Typer(help="What is broken on purpose.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="A fault's name.", autocompletion=completed.faults)]


@fault.command("add")
def fault_add(
    name: NameArgument,
    rest: Annotated[
        list[str] | None,
        typer.Argument(help="Where, and the fault's arguments.", metavar="[TARGET] [NAME=VALUE]..."),
    ] = None,
    calls: Annotated[
        str, typer.Option(help="Which calls, counted from 1: 3..5, 3.., ..5 or 3.", metavar="RANGE")
    ] = "",
    begin: Annotated[
        str, typer.Option("--from", help="When it begins: 10m from now, or a moment.", metavar="WHEN")
    ] = "",
    until: Annotated[str, typer.Option(help="When it ends: 10m from now, or a moment.", metavar="WHEN")] = "",
    lasting: Annotated[str, typer.Option("--for", help="How long it lasts.", metavar="DURATION")] = "",
    tenant: Annotated[str, typer.Option(help="Only requests of this tenant.")] = "",
    gateway: Annotated[str, typer.Option(help="Only requests of this gateway.")] = "",
    path: Annotated[str, typer.Option(help="Only requests whose path begins so.")] = "",
    method: Annotated[str, typer.Option(help="Only requests with this method.")] = "",
    chance: Annotated[float, typer.Option(help="How likely a call fails, above 0 to 1; wants --seed.")] = 1.0,
    seed: Annotated[str, typer.Option(help="What chance is drawn from: the same fails the same calls.")] = "",
    fault_id: Annotated[str, typer.Option("--id", help="What to call it; its name without.")] = "",
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Break something on purpose, from now until it is removed.

    Example: apim-sandbox fault add status entra code=503 --calls 1..3
    """
    from apim_sandbox.cli.faults import Asked, add_fault

    asked = Asked(
        name, tuple(rest or ()), calls=calls, begin=begin, until=until, lasting=lasting, tenant=tenant,
        gateway=gateway, path=path, method=method, chance=chance, seed=seed, id=fault_id,
    )  # fmt: skip
    raise typer.Exit(add_fault(asked, state_dir, as_json=as_json))


@fault.command("list")
def fault_list(as_json: JsonOption = False, state_dir: StateDirOption = None) -> None:
    """List what is broken, when it acts, and how often it did.

    Example: apim-sandbox fault list
    """
    from apim_sandbox.cli.faults import list_faults

    raise typer.Exit(list_faults(state_dir, as_json=as_json))


@fault.command("remove")
def fault_remove(
    ids: Annotated[list[str], typer.Argument(help="Ids, as `fault list` shows them.")],
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Mend what was broken; says how often it acted.

    Example: apim-sandbox fault remove status
    """
    from apim_sandbox.cli.faults import remove_faults

    raise typer.Exit(remove_faults(ids, state_dir, as_json=as_json))


@fault.command("clear")
def fault_clear(as_json: JsonOption = False, state_dir: StateDirOption = None) -> None:
    """Mend everything that was broken on purpose.

    Example: apim-sandbox fault clear
    """
    from apim_sandbox.cli.faults import clear_faults

    raise typer.Exit(clear_faults(state_dir, as_json=as_json))


@fault.command("catalogue")
def fault_catalogue(as_json: JsonOption = False) -> None:
    """List every fault that there is.

    Example: apim-sandbox fault catalogue
    """
    from apim_sandbox.cli.faults import show_catalogue

    raise typer.Exit(show_catalogue(as_json=as_json))


@fault.command("show")
def fault_show(name: NameArgument, as_json: JsonOption = False) -> None:
    """Say what a fault does, where it sits, and which arguments it takes.

    Example: apim-sandbox fault show latency
    """
    from apim_sandbox.cli.faults import show_fault

    raise typer.Exit(show_fault(name, as_json=as_json))
