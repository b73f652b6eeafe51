"""Every command: its name, options, one line of purpose and one example. The work is elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from apim_sandbox import __version__

app = typer.Typer(
    name="apim-sandbox",
    help="Run, watch and break API Management gateway sign-in with workload identity, offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
clock = typer.Typer(help="The sandbox's clock.", no_args_is_help=True)
app.add_typer(clock, name="clock")

StateDirOption = Annotated[
    Path | None,
    typer.Option("--state-dir", help="Where the sandbox keeps its state.", envvar="APIM_SANDBOX_STATE_DIR"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"apim-sandbox {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    step: Annotated[bool, typer.Option("--step", help="Wait for a key at each hop.")] = False,
) -> None:
    """Watch the whole flow happen, then break it twice and learn why.

    Example: apim-sandbox demo --step
    """
    from apim_sandbox.cli.demo import run_demo

    raise typer.Exit(run_demo(step=step))


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it is ready.")] = False,
    world: Annotated[Path | None, typer.Option(help="A world file; the article's world without it.")] = None,
    edge_port: Annotated[int, typer.Option(help="HTTPS port; 0 takes a free one.", min=0, max=65535)] = 8443,
    proxy_port: Annotated[int, typer.Option(help="CONNECT proxy's port.", min=0, max=65535)] = 8444,
    control_port: Annotated[int, typer.Option(help="Control service's port.", min=0, max=65535)] = 8445,
    allow_internet: Annotated[
        bool, typer.Option(help="Let the proxy reach hosts that are not emulated.")
    ] = False,
    separate: Annotated[bool, typer.Option(help="Run the emulators as processes of their own.")] = False,
    reset: Annotated[bool, typer.Option(help="Forget what an earlier run left.")] = False,
    state_dir: StateDirOption = None,
) -> None:
    """Start the sandbox: emulators, edge, control service and embedded cluster.

    Example: apim-sandbox up --detach
    """
    from apim_sandbox.cli.updown import UpOptions, start

    options = UpOptions(
        state_dir=state_dir, world=world, edge_port=edge_port, proxy_port=proxy_port,
        control_port=control_port, allow_internet=allow_internet, separate=separate, reset=reset,
    )  # fmt: skip
    raise typer.Exit(start(options, detach=detach))


@app.command()
def down(state_dir: StateDirOption = None) -> None:
    """Stop the running sandbox and all it started.

    Example: apim-sandbox down
    """
    from apim_sandbox.cli.updown import stop

    raise typer.Exit(stop(state_dir))


@app.command()
def status(as_json: JsonOption = False, state_dir: StateDirOption = None) -> None:
    """Say what runs, where it listens and how it is.

    Example: apim-sandbox status --json
    """
    from apim_sandbox.cli.inspect import show_status

    raise typer.Exit(show_status(state_dir, as_json=as_json))


@app.command()
def apply(
    files: Annotated[list[Path], typer.Option("--filename", "-f", help="A manifest, - for standard input.")],
    state_dir: StateDirOption = None,
) -> None:
    """Apply manifests to the embedded cluster and watch the walk.

    Example: apim-sandbox apply -f examples/article/gateway.yaml
    """
    from apim_sandbox.cli.manifests import apply_files

    raise typer.Exit(apply_files(files, state_dir))


@app.command()
def get(
    what: Annotated[str, typer.Argument(help="pods or gateways.", metavar="pods|gateways")],
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """List pods or gateways.

    Example: apim-sandbox get pods
    """
    from apim_sandbox.cli.inspect import show_list

    raise typer.Exit(show_list(what, state_dir, as_json=as_json))


@app.command()
def logs(
    pod: Annotated[
        str, typer.Argument(help="A pod's name, or its beginning; NAMESPACE/NAME if two share it.")
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
    state_dir: StateDirOption = None,
) -> None:
    """Print a pod's log as Kubernetes would.

    Example: apim-sandbox logs apim-gateway -f
    """
    from apim_sandbox.cli.inspect import show_logs

    raise typer.Exit(show_logs(pod, state_dir, follow=follow))


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(help="The program and its arguments, after --.")],
    service_account: Annotated[
        str | None,
        typer.Option(
            "--as", help="Service account; the default world's without it.", metavar="NAMESPACE/NAME"
        ),
    ] = None,
    state_dir: StateDirOption = None,
) -> None:
    """Run any program as if it were in a pod of a service account.

    Example: apim-sandbox run -- python app.py
    """
    from apim_sandbox.cli.run import run_program

    raise typer.Exit(run_program(command, service_account, state_dir))


@app.command()
def journal(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new records.")] = False,
    as_json: JsonOption = False,
    since: Annotated[int, typer.Option(help="Only records after this sequence number.", min=0)] = 0,
    state_dir: StateDirOption = None,
) -> None:
    """Print everything that happened, a line a record.

    Example: apim-sandbox journal --json | jq .kind
    """
    from apim_sandbox.cli.inspect import show_journal

    raise typer.Exit(show_journal(state_dir, follow=follow, as_json=as_json, since=since))


@app.command()
def explain(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A pod, a request, trace or correlation id, a journal number, or a code: AADSTS700213."
        ),
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="The last failure; what is meant without a target.")
    ] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Say what broke, where, why, and what to change.

    Example: apim-sandbox explain --last
    """
    from apim_sandbox.cli.inspect import show_explanation

    raise typer.Exit(show_explanation(None if last else target, state_dir, as_json=as_json))


@clock.command("advance")
def clock_advance(
    duration: Annotated[str, typer.Argument(help="Such as 90s, 10m, 1h30m or 2d.")],
    state_dir: StateDirOption = None,
) -> None:
    """Move the sandbox's clock forwards.

    Example: apim-sandbox clock advance 10m
    """
    from apim_sandbox.cli.inspect import advance_clock

    raise typer.Exit(advance_clock(duration, state_dir))


@app.command(hidden=True)
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
    state_dir: StateDirOption = None,
) -> None:
    """Serve some emulators in this process.

    Example: apim-sandbox serve entra --control http://127.0.0.1:8445 --proxy http://127.0.0.1:8444
    """
    from apim_sandbox.cli.updown import serve_emulators
    from apim_sandbox.instance import StateDir, default_state_dir
    from apim_sandbox.separate import ServeOptions

    host, _, port = listen.rpartition(":")
    options = ServeOptions(
        emulators=frozenset(emulators), control=control, proxy=proxy, world_file=world, lifeline=lifeline,
        state=StateDir(state_dir or default_state_dir()), host=host.strip("[]"), port=int(port),
        token=token_file.read_text().strip() if token_file else "", signing_key=signing_key,
    )  # fmt: skip
    raise typer.Exit(serve_emulators(options))


@app.command(hidden=True)
def control(
    token_file: Annotated[Path, typer.Option(help="What callers must present as their bearer token.")],
    url: Annotated[str, typer.Option(help="How programs outside reach the control service.")],
    proxy_url: Annotated[str, typer.Option(help="How programs outside reach the CONNECT proxy.")],
    world: Annotated[Path | None, typer.Option(help="The world file.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="The real cluster's; embedded without it.")] = None,
    image: Annotated[str, typer.Option(help="What a real cluster's gateways run.")] = "",
    state_dir: StateDirOption = None,
) -> None:
    """Serve the control service beside emulators that are containers.

    Example: apim-sandbox control --token-file token --url http://localhost:8445 --proxy-url http://localhost:8444
    """
    from apim_sandbox.cli.updown import run_live
    from apim_sandbox.instance import StateDir, default_state_dir
    from apim_sandbox.networked import ControlOptions, run_control

    options = ControlOptions(
        state=StateDir(state_dir or default_state_dir()), token=token_file.read_text().strip(),
        world_file=world, url=url, proxy_url=proxy_url, kubeconfig=kubeconfig, image=image,
    )  # fmt: skip

    async def main() -> None:
        await run_control(options)

    run_live(main)
