"""Every command: its name, options, one line of purpose and one example. The work is elsewhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from apim_sandbox import __version__
from apim_sandbox.cli import completed, groups
from apim_sandbox.cli.fault_group import fault
from apim_sandbox.cli.options import AsOption, FilesOption, JsonOption, StateDirOption
from apim_sandbox.cli.problems import epilog

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
kind = typer.Typer(help="The same flow on a real cluster, made with kind.", no_args_is_help=True)
app.add_typer(kind, name="kind")
scenario = typer.Typer(help="Failures by cause: in virtual time, live, or on kind.", no_args_is_help=True)
app.add_typer(scenario, name="scenario")


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
        str | None, typer.Option(help="Only this rule; explain it when no files are given.", metavar="ID")
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
    kind: Annotated[str, typer.Option(help="Only records of a kind, such as entra.token.")] = "",
    actor: Annotated[str, typer.Option(help="Only what an actor did, such as gateway.")] = "",
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


ScenarioArguments = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, folders, ids, hop:8, actor:oidc, code:403 (different tags narrow); all without any.",
        metavar="[WHICH]...",
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

    host, _, port = listen.rpartition(":")
    options = ServeOptions(
        emulators=frozenset(emulators), control=control, proxy=proxy, world_file=world, lifeline=lifeline,
        state=StateDir(state_dir or default_state_dir()), host=host.strip("[]"), port=int(port),
        token=token_file.read_text().strip() if token_file else "", signing_key=signing_key,
        published_keys=published_keys,
    )  # fmt: skip
    raise typer.Exit(serve_emulators(options))


@app.command(hidden=True)
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


@app.command(hidden=True)
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
