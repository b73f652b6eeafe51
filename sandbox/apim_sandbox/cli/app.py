"""Every command: its name, options, one line of purpose and one example. The work is elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from apim_sandbox import __version__
from apim_sandbox.cli import completed, groups
from apim_sandbox.cli.fault_group import fault
from apim_sandbox.cli.kind_group import kind
from apim_sandbox.cli.options import AsOption, FilesOption, JsonOption, StateDirOption
from apim_sandbox.cli.parts import parts
from apim_sandbox.cli.problems import epilog
from apim_sandbox.cli.scenario_group import scenario

app = typer.Typer(
    name="apim-sandbox",
    help="Run, watch and break API Management gateway sign-in with workload identity, offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=epilog(),
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(groups.clock, name="clock")
app.add_typer(fault, name="fault")
app.add_typer(groups.token, name="token")
app.add_typer(groups.world, name="world")
app.add_typer(groups.ca, name="ca")
app.add_typer(kind, name="kind")
app.add_typer(scenario, name="scenario")
app.add_typer(parts)


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
    world: Annotated[Path | None, typer.Option(help="A world file or a ready world's name.")] = None,
    edge_port: Annotated[int, typer.Option(help="HTTPS port; 0 takes a free one.", min=0, max=65535)] = 8443,
    proxy_port: Annotated[int, typer.Option(help="CONNECT proxy's port.", min=0, max=65535)] = 8444,
    control_port: Annotated[int, typer.Option(help="Control service's port.", min=0, max=65535)] = 8445,
    allow_internet: Annotated[
        bool, typer.Option(help="Let the proxy reach hosts that are not emulated.")
    ] = False,
    separate: Annotated[bool, typer.Option(help="Run the emulators as processes of their own.")] = False,
    reset: Annotated[bool, typer.Option(help="Forget what an earlier run left.")] = False,
    listen: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback the control service wants a token.")
    ] = "127.0.0.1",
    state_dir: StateDirOption = None,
) -> None:
    """Start the sandbox: emulators, edge, control service and embedded cluster.

    Example: apim-sandbox up --detach
    """
    from apim_sandbox.cli.updown import UpOptions, start

    options = UpOptions(
        state_dir=state_dir, world=world, edge_port=edge_port, proxy_port=proxy_port,
        control_port=control_port, allow_internet=allow_internet, separate=separate, reset=reset,
        host=listen,
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
    files: FilesOption,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what became of each object as JSON, and no walk.")
    ] = False,
    state_dir: StateDirOption = None,
) -> None:
    """Apply manifests to the embedded cluster and watch the walk.

    Example: apim-sandbox apply -f examples/article/gateway.yaml
    """
    from apim_sandbox.cli.manifests import apply_files

    raise typer.Exit(apply_files(files, state_dir, as_json=as_json))


@app.command()
def delete(
    files: FilesOption,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Delete what manifests name; pods end with their Deployment.

    Example: apim-sandbox delete -f examples/article/gateway.yaml
    """
    from apim_sandbox.cli.manifests import delete_files

    raise typer.Exit(delete_files(files, state_dir, as_json=as_json))


@app.command()
def get(
    what: Annotated[
        str,
        typer.Argument(
            help="pods, events, serviceaccounts, secrets, webhooks or gateways of the cluster; "
            "apis, credentials or assignments of the cloud.",
            metavar="WHAT",
            autocompletion=completed.listings,
        ),
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="wide, json or yaml.", metavar="FORMAT")] = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on with what changes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
    state_dir: StateDirOption = None,
) -> None:
    """List what is in the cluster or in the cloud.

    Example: apim-sandbox get pods -o wide
    """
    from apim_sandbox.cli.listing import show_list

    raise typer.Exit(show_list(what, state_dir, output="json" if as_json else output, watching=watch))


@app.command()
def describe(
    kind_: Annotated[str, typer.Argument(help="pod.", metavar="pod")],
    pod: Annotated[
        str, typer.Argument(help="A pod's name, or its beginning; NAMESPACE/NAME if two share it.")
    ],
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    """Say what a pod is, which identity it carries and what happened to it.

    Example: apim-sandbox describe pod apim-gateway
    """
    from apim_sandbox.cli.describe import describe as describe_object

    raise typer.Exit(describe_object(kind_, pod, state_dir, as_json=as_json))


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
    service_account: AsOption = None,
    annotation: Annotated[
        list[str] | None,
        typer.Option(
            help="An annotation of the pod, for identity binding say; repeatable.", metavar="KEY=VALUE"
        ),
    ] = None,
    state_dir: StateDirOption = None,
) -> None:
    """Run any program as if it were in a pod of a service account.

    Example: apim-sandbox run -- python app.py
    """
    from apim_sandbox.cli.run import run_program

    raise typer.Exit(run_program(command, service_account, state_dir, annotation or ()))


@app.command()
def env(
    account: AsOption = None,
    shell: Annotated[
        str | None,
        typer.Option(
            help="bash, fish, powershell or dotenv; your own without it.",
            metavar="SHELL",
            autocompletion=completed.shells,
        ),
    ] = None,
    client: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="Only what az, node, go, dotnet, java or python reads.",
            metavar="CLIENT",
            autocompletion=completed.clients,
        ),
    ] = None,
    state_dir: StateDirOption = None,
) -> None:
    """Print the variables that make a shell a pod of a service account, until the sandbox ends.

    Example: eval "$(apim-sandbox env)"
    """
    from apim_sandbox.cli.environment import show_environment

    raise typer.Exit(show_environment(account, shell, client, state_dir))


@app.command()
def doctor(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Manifests, directories of them, - for standard input; the rules without any."),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            help="Only this rule; explain it when no files are given.",
            metavar="ID",
            autocompletion=completed.rules,
        ),
    ] = None,
    helm: Annotated[
        Path | None,
        typer.Option(help="What `helm template` printed, - for standard input.", metavar="RENDER"),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Read the objects of this kubectl context.", metavar="CONTEXT")
    ] = None,
    world: Annotated[Path | None, typer.Option(help="Compare with a world file.", metavar="FILE")] = None,
    azure_export: Annotated[
        Path | None, typer.Option(help="Compare with what az printed, JSON files in a folder.", metavar="DIR")
    ] = None,
    as_json: JsonOption = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0 for code hosts.")] = False,
) -> None:
    """Say what will fail in manifests, before they are applied.

    Example: apim-sandbox doctor k8s/ --azure-export azure/
    """
    from apim_sandbox.cli.doctor import run_doctor

    found = run_doctor(
        files or [], rule, as_json=as_json, as_sarif=as_sarif,
        helm=helm, cluster=cluster, world=world, azure_export=azure_export,
    )  # fmt: skip
    raise typer.Exit(found)


@app.command()
def provenance(
    prefix: Annotated[str, typer.Argument(help="How the behaviours' ids begin; all without it.")] = "",
    label: Annotated[
        str | None, typer.Option(help="documented, observed or assumed.", metavar="LABEL")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how sure we are of each thing that is emulated.

    Example: apim-sandbox provenance --label assumed
    """
    from apim_sandbox.cli.fidelity import show_provenance

    raise typer.Exit(show_provenance(prefix, label, as_json=as_json))


@app.command()
def journal(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new records.")] = False,
    as_json: JsonOption = False,
    since: Annotated[int, typer.Option(help="Only records after this sequence number.", min=0)] = 0,
    last: Annotated[int, typer.Option(metavar="N", help="Only the newest N of them; 0 for all.", min=0)] = 0,
    kind: Annotated[
        str,
        typer.Option(help="Only records of a kind, such as entra.token.", autocompletion=completed.kinds),
    ] = "",
    actor: Annotated[
        str, typer.Option(help="Only what an actor did, such as gateway.", autocompletion=completed.actors)
    ] = "",
    pod: Annotated[str, typer.Option(help="Only records that name a pod: NAME or NAMESPACE/NAME.")] = "",
    state_dir: StateDirOption = None,
) -> None:
    """Print everything that happened, a line a record.

    Example: apim-sandbox journal --kind entra.token --last 1 --json | jq .event.ladder
    """
    from apim_sandbox.cli.inspect import Chosen, show_journal

    chosen = Chosen(since, last, kind, actor, pod)
    raise typer.Exit(show_journal(state_dir, chosen, follow=follow, as_json=as_json))


@app.command()
def explain(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A pod, a request, trace or correlation id, a journal number, a code such as "
            "AADSTS700213 or 403, or a pasted line of a log."
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
