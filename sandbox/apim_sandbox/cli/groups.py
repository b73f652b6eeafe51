"""The commands with a second word: clock, world, ca, token. Names and options; the work is elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from apim_sandbox.cli import completed
from apim_sandbox.cli.options import AsOption, JsonOption, StateDirOption

clock = typer.Typer(help="The sandbox's clock.", no_args_is_help=True)
world = typer.Typer(help="The world file that a sandbox begins with.", no_args_is_help=True)
ca = typer.Typer(help="The sandbox's certificate authority.", no_args_is_help=True)
token = typer.Typer(help="The tokens of the exchange.", no_args_is_help=True)

# A duration may begin with a minus sign, which is no option.
_SIGNED = {"ignore_unknown_options": True}
_DECODE = typer.Option("--decode", help="Print header and claims, not the token.")


@clock.command("show")
def clock_show(as_json: JsonOption = False, state_dir: StateDirOption = None) -> None:
    """Print the sandbox's time and every skew.

    Example: apim-sandbox clock show --json
    """
    from apim_sandbox.cli.clocks import show_clock

    raise typer.Exit(show_clock(state_dir, as_json=as_json))


@clock.command("set")
def clock_set(
    moment: Annotated[str, typer.Argument(help="Such as 2026-11-24T09:00:00Z; not before the clock's now.")],
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Move the sandbox's clock forwards to a moment.

    Example: apim-sandbox clock set 2030-01-01T09:00:00Z
    """
    from apim_sandbox.cli.clocks import set_clock

    raise typer.Exit(set_clock(moment, state_dir, as_json=as_json))


@clock.command("advance", context_settings=_SIGNED)
def clock_advance(
    duration: Annotated[str, typer.Argument(help="Such as 90s, 10m, 1h30m or 2d.")],
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Move the sandbox's clock forwards.

    Example: apim-sandbox clock advance 10m
    """
    from apim_sandbox.cli.clocks import advance_clock

    raise typer.Exit(advance_clock(duration, state_dir, as_json=as_json))


@clock.command("skew", context_settings=_SIGNED)
def clock_skew(
    actor: Annotated[
        str,
        typer.Argument(
            help="Whose clock: oidc, entra, arm, apim, gateway, cluster, …", autocompletion=completed.actors
        ),
    ],
    duration: Annotated[str, typer.Argument(help="How far ahead, or with - behind; 0s sets it right.")],
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Let one actor's clock run ahead of the sandbox's, or behind it.

    Example: apim-sandbox clock skew entra -10m
    """
    from apim_sandbox.cli.clocks import skew_clock

    raise typer.Exit(skew_clock(actor, duration, state_dir, as_json=as_json))


@clock.command("freeze")
def clock_freeze(as_json: JsonOption = False, state_dir: StateDirOption = None) -> None:
    """Let the sandbox's time stand still; it can still be moved.

    Example: apim-sandbox clock freeze
    """
    from apim_sandbox.cli.clocks import freeze_clock

    raise typer.Exit(freeze_clock(state_dir, frozen=True, as_json=as_json))


@clock.command("unfreeze")
def clock_unfreeze(as_json: JsonOption = False, state_dir: StateDirOption = None) -> None:
    """Let the sandbox's time go on from where it stands.

    Example: apim-sandbox clock unfreeze
    """
    from apim_sandbox.cli.clocks import freeze_clock

    raise typer.Exit(freeze_clock(state_dir, frozen=False, as_json=as_json))


@world.command("list")
def world_list(as_json: JsonOption = False) -> None:
    """List the ready worlds, one for each way in which a gateway signs in.

    Example: apim-sandbox world list
    """
    from apim_sandbox.cli.worlds import list_worlds

    raise typer.Exit(list_worlds(as_json=as_json))


@world.command("show")
def world_show(
    file: Annotated[
        Path | None,
        typer.Argument(help="A ready world, or a file, which is shown with all defaults."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a world, to begin a file of your own with.

    Example: apim-sandbox world show entra-app > world.yaml
    """
    from apim_sandbox.cli.worlds import show_world

    raise typer.Exit(show_world(file, as_json=as_json))


@world.command("check")
def world_check(
    files: Annotated[list[Path], typer.Argument(help="World files.")], as_json: JsonOption = False
) -> None:
    """Say what is wrong with world files, and where.

    Example: apim-sandbox world check world.yaml
    """
    from apim_sandbox.cli.worlds import check_worlds

    raise typer.Exit(check_worlds(files, as_json=as_json))


@world.command("schema")
def world_schema() -> None:
    """Print the world file's JSON Schema, for editors.

    Example: apim-sandbox world schema > world.schema.json
    """
    from apim_sandbox.cli.worlds import show_schema

    raise typer.Exit(show_schema())


@ca.command("path")
def ca_path(
    bundle: Annotated[
        bool, typer.Option("--bundle", help="The file that holds the system's roots as well.")
    ] = False,
    state_dir: StateDirOption = None,
) -> None:
    """Print where the CA's certificate is.

    Example: curl --cacert "$(apim-sandbox ca path)" https://localhost:8443/health
    """
    from apim_sandbox.cli.authority import show_path

    raise typer.Exit(show_path(state_dir, bundle=bundle))


@ca.command("show")
def ca_show(
    pem: Annotated[bool, typer.Option("--pem", help="Print the certificate itself.")] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Say whom the CA vouches for and until when.

    Example: apim-sandbox ca show
    """
    from apim_sandbox.cli.authority import show_certificate

    raise typer.Exit(show_certificate(state_dir, pem=pem, as_json=as_json))


@token.command("sa")
def token_sa(
    account: AsOption = None,
    audience: Annotated[
        str, typer.Option(help="For whom the token is; the API server with an empty one.")
    ] = "api://AzureADTokenExchange",
    duration: Annotated[str, typer.Option(help="How long it lives, at least 10m.")] = "1h",
    decode: Annotated[bool, _DECODE] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print header and claims as JSON.")] = False,
    state_dir: StateDirOption = None,
) -> None:
    """Make a service-account token as the kubelet would project it.

    Example: apim-sandbox token sa --decode
    """
    from apim_sandbox.cli.tokens import service_account_token

    raise typer.Exit(
        service_account_token(account, audience, duration, state_dir, decode=decode, as_json=as_json)
    )


@token.command("gateway")
def token_gateway(
    gateway: Annotated[
        str | None,
        typer.Argument(help="Whose token; the world's first gateway without it.", metavar="SERVICE/NAME"),
    ] = None,
    key: Annotated[str, typer.Option(help="With which key it is signed: primary or secondary.")] = "primary",
    duration: Annotated[str, typer.Option(help="How long it lives, at most 30d.")] = "29d",
    state_dir: StateDirOption = None,
) -> None:
    """Make a gateway token, as config.service.auth wants it.

    Example: apim-sandbox token gateway contoso/on-prem --duration 1h
    """
    from apim_sandbox.cli.tokens import gateway_token

    raise typer.Exit(gateway_token(gateway, key, duration, state_dir))


@token.command("access")
def token_access(
    account: AsOption = None,
    resource: Annotated[
        str, typer.Option(help="What the token is to open; its scope is RESOURCE/.default.")
    ] = "https://azure-api.net/configuration",
    decode: Annotated[bool, _DECODE] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print header and claims as JSON.")] = False,
    state_dir: StateDirOption = None,
) -> None:
    """Exchange a service account's token for an access token.

    Example: apim-sandbox token access --decode
    """
    from apim_sandbox.cli.tokens import access_token

    raise typer.Exit(access_token(account, resource, state_dir, decode=decode, as_json=as_json))
