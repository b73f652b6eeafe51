"""Commands with which a sandbox starts its own parts as processes and containers; `--help` hides them."""

from pathlib import Path
from typing import Annotated

import typer

from apim_sandbox.cli.options import StateDirOption

LAST_PORT = 65535
parts = typer.Typer()


def _address(text: str) -> tuple[str, int]:
    """`[::1]:443` as host and port."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > LAST_PORT:
        raise typer.BadParameter(f"{text!r} is not ADDRESS:PORT, such as 127.0.0.1:0", param_hint="--listen")
    return host.strip("[]"), int(port)


@parts.command(hidden=True)
def serve(
    emulators: Annotated[list[str], typer.Argument(help="Which of oidc, webhook, entra, arm, apim.")],
    control: Annotated[str, typer.Option(help="The control service's URL.")],
    proxy: Annotated[
        str, typer.Option(help="The CONNECT proxy that reaches the other emulators; by name without it.")
    ] = "",
    world: Annotated[Path | None, typer.Option(help="The world file.")] = None,
    lifeline: Annotated[int, typer.Option(help="A file descriptor; exit when it ends.")] = -1,
    listen: Annotated[str, typer.Option(help="ADDRESS:PORT; port 0 takes a free one.")] = "127.0.0.1:0",
    token_file: Annotated[Path | None, typer.Option(help="The control service's bearer token.")] = None,
    signing_key: Annotated[
        Path | None, typer.Option(help="The key (PEM) with which a real API server signs.")
    ] = None,
    published_keys: Annotated[
        Path | None, typer.Option(help="The public keys (PEM) that JWKS shows; all that signed without it.")
    ] = None,
    state_dir: StateDirOption = None,
) -> None:
    """Serve some emulators in this process.

    Example: apim-sandbox serve entra --control http://127.0.0.1:8445 --proxy http://127.0.0.1:8444
    """
    from apim_sandbox.cli.updown import serve_emulators
    from apim_sandbox.instance import StateDir, default_state_dir
    from apim_sandbox.serving.separate import ServeOptions

    host, port = _address(listen)
    options = ServeOptions(
        emulators=frozenset(emulators), control=control, proxy=proxy, world_file=world, lifeline=lifeline,
        state=StateDir(state_dir or default_state_dir()), host=host, port=port,
        token=token_file.read_text().strip() if token_file else "", signing_key=signing_key,
        published_keys=published_keys,
    )  # fmt: skip
    raise typer.Exit(serve_emulators(options))


@parts.command(hidden=True)
def prepare(
    control: Annotated[str, typer.Option(help="How the containers reach the control service.")],
    proxy: Annotated[str, typer.Option(help="How they reach the CONNECT proxy.")] = "",
    world: Annotated[Path | None, typer.Option(help="The world file.")] = None,
    state_dir: StateDirOption = None,
) -> None:
    """Make what containers share, once, before they start.

    Example: apim-sandbox prepare --control http://control.sandbox.test:8445
    """
    from apim_sandbox.instance import StateDir, default_state_dir
    from apim_sandbox.serving.prepare import prepare_container

    prepare_container(StateDir(state_dir or default_state_dir()), world, control, proxy)


@parts.command(hidden=True)
def control(
    token_file: Annotated[Path, typer.Option(help="What callers must present as their bearer token.")],
    url: Annotated[str, typer.Option(help="How programs outside reach the control service.")],
    proxy_url: Annotated[
        str, typer.Option(help="How programs outside reach the CONNECT proxy; none on the same network.")
    ] = "",
    world: Annotated[Path | None, typer.Option(help="The world file.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="The real cluster's; embedded without it.")] = None,
    image: Annotated[str, typer.Option(help="What a real cluster's gateways run.")] = "",
    outside: Annotated[
        Path | None, typer.Option(help="The state directory as programs outside the container see it.")
    ] = None,
    state_dir: StateDirOption = None,
) -> None:
    """Serve the control service beside emulators that are containers.

    Example: apim-sandbox control --token-file token --url http://localhost:8445 --proxy-url http://localhost:8444
    """
    from apim_sandbox.cli.updown import run_live
    from apim_sandbox.instance import StateDir, default_state_dir
    from apim_sandbox.serving.networked import ControlOptions, run_control

    options = ControlOptions(
        state=StateDir(state_dir or default_state_dir()), token=token_file.read_text().strip(),
        world_file=world, url=url, proxy_url=proxy_url, kubeconfig=kubeconfig, image=image,
        outside=outside,
    )  # fmt: skip

    async def main() -> None:
        await run_control(options)

    run_live(main)
