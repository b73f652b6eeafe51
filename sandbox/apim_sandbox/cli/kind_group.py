"""The `kind` commands: names and options; the work is in `kind.py`."""

from pathlib import Path
from typing import Annotated

import typer

kind = typer.Typer(help="The same flow on a real cluster, made with kind.", no_args_is_help=True)

NameOption = Annotated[str, typer.Option("--name", help="The cluster's name.")]
KindDirOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", help="Where kind sandboxes keep their state.", envvar="APIM_SANDBOX_KIND_STATE_DIR"
    ),
]


@kind.command("up")
def kind_up(
    name: NameOption = "apim-sandbox",
    node_image: Annotated[
        str | None,
        typer.Option(help="The node's image; kind's own without it.", envvar="APIM_SANDBOX_NODE_IMAGE"),
    ] = None,
    webhook: Annotated[
        str, typer.Option(help="upstream, upstream-previous or emulated.", metavar="VARIANT")
    ] = "upstream",
    keep: Annotated[bool, typer.Option("--keep", help="After a failure keep what was made.")] = False,
    files: Annotated[
        list[Path] | None,
        typer.Option("--filename", "-f", help="Manifests, - for standard input; the article's without it."),
    ] = None,
    world: Annotated[Path | None, typer.Option(help="A world file or a ready world's name.")] = None,
    image: Annotated[
        str | None,
        typer.Option(help="The sandbox's image; built when needed without it.", envvar="APIM_SANDBOX_IMAGE"),
    ] = None,
    state_dir: KindDirOption = None,
) -> None:
    """Bring up cluster, emulators, webhook and gateway; a second time, only what is missing.

    Example: apim-sandbox kind up --name demo
    """
    from apim_sandbox.cli.kind import up
    from apim_sandbox.cluster.kind.layout import Layout
    from apim_sandbox.cluster.kind.up import UpOptions
    from apim_sandbox.cluster.kind.webhook import variant

    layout = Layout.of(name, state_dir)
    raise typer.Exit(up(UpOptions(layout, node_image, variant(webhook), keep, world, image), files or []))


@kind.command("status")
def kind_status(name: NameOption = "apim-sandbox", state_dir: KindDirOption = None) -> None:
    """Say what of it is there and how it is.

    Example: apim-sandbox kind status
    """
    from apim_sandbox.cli.kind import status
    from apim_sandbox.cluster.kind.layout import Layout

    raise typer.Exit(status(Layout.of(name, state_dir)))


@kind.command("logs")
def kind_logs(
    part: Annotated[
        str, typer.Argument(help="oidc, entra, apim, control, webhook or node; the first four without it.")
    ] = "",
    name: NameOption = "apim-sandbox",
    tail: Annotated[int, typer.Option(help="How many lines of each.", min=1)] = 50,
    state_dir: KindDirOption = None,
) -> None:
    """Print what the containers beside the cluster say; `apim-sandbox logs` prints the gateway's.

    Example: apim-sandbox kind logs entra
    """
    from apim_sandbox.cli.kind import logs
    from apim_sandbox.cluster.kind.layout import Layout

    raise typer.Exit(logs(Layout.of(name, state_dir), part, tail))


@kind.command("rotate-key")
def kind_rotate_key(
    name: NameOption = "apim-sandbox",
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Forget the earlier keys: tokens that they signed end at once.")
    ] = False,
    stale_jwks: Annotated[
        bool, typer.Option("--stale-jwks", help="Leave the new key out of the issuer's JWKS.")
    ] = False,
    state_dir: KindDirOption = None,
) -> None:
    """Restart the API server with a new signing key, as on a cluster of your own.

    Example: apim-sandbox kind rotate-key --stale-jwks
    """
    from apim_sandbox.cli.kind import rotate_key
    from apim_sandbox.cluster.kind.layout import Layout

    layout = Layout.of(name, state_dir)
    raise typer.Exit(rotate_key(layout, keep_old=not drop_old, publish=not stale_jwks))


@kind.command("publish-keys")
def kind_publish_keys(name: NameOption = "apim-sandbox", state_dir: KindDirOption = None) -> None:
    """Let the issuer's JWKS show every key that the API server verifies with.

    Example: apim-sandbox kind publish-keys
    """
    from apim_sandbox.cli.kind import publish_keys
    from apim_sandbox.cluster.kind.layout import Layout

    raise typer.Exit(publish_keys(Layout.of(name, state_dir)))


@kind.command("down")
def kind_down(name: NameOption = "apim-sandbox", state_dir: KindDirOption = None) -> None:
    """Remove cluster, containers, network and files that `kind up` made, and nothing else.

    Example: apim-sandbox kind down --name demo
    """
    from apim_sandbox.cli.kind import down
    from apim_sandbox.cluster.kind.layout import Layout

    raise typer.Exit(down(Layout.of(name, state_dir)))
