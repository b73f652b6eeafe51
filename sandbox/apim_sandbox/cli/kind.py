"""`kind up`, `status`, `logs`, `down`: the same flow on a real cluster."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from msgspec import Struct, field

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.journal import Record
from apim_sandbox.cli.manifests import read_documents
from apim_sandbox.cli.problems import BROKEN, NOT_RUNNING
from apim_sandbox.cli.progress import progress
from apim_sandbox.cli.render.line import Line, line, milliseconds, paragraph
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.cli.render.walk import WalkPrinter
from apim_sandbox.client import Sandbox
from apim_sandbox.client.shapes import AppliedShown, PodShown
from apim_sandbox.cluster.kind import containers, node, rotation, tools
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.cluster.kind.up import Up, UpOptions, remove
from apim_sandbox.cluster.kind.waiting import LOOK_EVERY
from apim_sandbox.examples import article_manifest
from apim_sandbox.insight.walk import Walk, build
from apim_sandbox.instance import InstanceError

READY_TIMEOUT = 90.0  # seconds
_TELLING = {
    "cluster.pod", "cluster.projected", "cluster.admitted", "entra.token", "apim.configuration",
    "gateway.state",
}  # fmt: skip


def up(options: UpOptions, files: list[Path]) -> int:
    """Bring everything up, apply the manifests, follow the walk, call an API."""
    terminal, began = Terminal(), SystemTime().tick()
    documents = read_documents(files) if files else [article_manifest()]
    steps = _Steps(terminal)
    anyio.run(Up(options, steps.done, steps.started).run, backend="asyncio")
    steps.close()
    layout = options.layout
    with Sandbox.connect(layout.sandbox.path) as sandbox:
        before = sandbox.status()["journal"]
        results = sandbox.apply(documents)
        terminal.print(_applied(results))
        walk = _follow(sandbox, results, before, terminal)
        broken = walk.broken is not None
        ready = _ready_gateway(sandbox, results, walk.pod)
        answer = _call(layout, ready) if ready else ""
    took = SystemTime().tick() - began
    terminal.print(_end(layout, ready, answer, took, broken))
    return BROKEN if broken or ready is None else 0


def _follow(sandbox: Sandbox, results: list[AppliedShown], before: int, terminal: Terminal) -> Walk:
    """Show the walk of what was applied until it ends; an empty one when there was nothing to do."""
    unchanged = all(one["result"] == "unchanged" for one in results)
    if unchanged and _ready_gateway(sandbox, results):
        return build([])
    workloads = ("Deployment/", "Pod/", "StatefulSet/", "DaemonSet/", "Job/")
    if not any(one["object"].startswith(workloads) for one in results):
        return build([])
    printer, seen = WalkPrinter(), sandbox.journal(before)
    for record in seen:
        terminal.print(printer.feed(record))
    since = seen[-1].sequence if seen else before
    with closing(sandbox.follow(since, timeout=READY_TIMEOUT)) as records:
        try:
            settled = _ready_again if unchanged else _settled
            for record in _until_settled(records, seen, lambda: settled(seen, sandbox, results)):
                terminal.print(printer.feed(record))
        except TimeoutError:
            terminal.print([line((f"That is all after {READY_TIMEOUT:g} s; the pods say:", "info"))])
            terminal.print(_pods(sandbox.pods()))
    terminal.print(printer.flush())
    return build([] if unchanged and _ready_again(seen, sandbox, results) else seen)


def _until_settled(
    records: Iterator[Record], seen: list[Record], settled: Callable[[], bool]
) -> Iterator[Record]:
    """Records until `settled`; they are put into `seen`. Raises `TimeoutError` after a while."""
    if settled():
        return
    deadline = SystemTime().tick() + READY_TIMEOUT  # other pods may go on telling for ever
    for record in records:
        if SystemTime().tick() > deadline:
            raise TimeoutError
        seen.append(record)
        yield record
        if record.kind in _TELLING and settled():
            return


def _ready_again(_: list[Record], sandbox: Sandbox, results: list[AppliedShown]) -> bool:
    """Whether pods that were there already have come back: after a start of the node they have no walk of
    their own, and fail until the cluster's DNS is there."""
    return _ready_gateway(sandbox, results) is not None


def _settled(seen: list[Record], sandbox: Sandbox, results: list[AppliedShown]) -> bool:
    """Whether the gateway is Ready or its walk is broken."""
    walk = build(seen)
    if walk.broken is not None:
        return True
    told = {hop.number for hop in walk.hops}
    return walk.complete and {2, 3} <= told and _ready_gateway(sandbox, results, walk.pod) is not None


def _ready_gateway(sandbox: Sandbox, results: list[AppliedShown], name: str = "") -> PodShown | None:
    """The Ready pod called `namespace/name`; without a name the newest gateway where things were applied."""
    namespaces = {one["namespace"] for one in results}
    gateways = {(one["namespace"], one["pod"]) for one in sandbox.gateways()}
    ready = [
        pod
        for pod in sandbox.pods()
        if pod["ready"] and pod["phase"] == "Running" and pod["namespace"] in namespaces
        and (f"{pod['namespace']}/{pod['name']}" == name
             if name else (pod["namespace"], pod["name"]) in gateways)
    ]  # fmt: skip
    return ready[-1] if ready else None


def _call(layout: Layout, pod: PodShown) -> str:
    """What an API answers through the gateway, reached through the API server."""
    path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}:8080/proxy/echo/hello"

    async def get() -> str:
        """After a start of the node the API server calls a pod Ready that is not there again yet."""
        deadline = SystemTime().tick() + READY_TIMEOUT
        while True:
            try:
                return await tools.run(*layout.kubectl, "get", "--raw", path, timeout=30)
            except tools.ToolError as error:
                if "NotFound" in str(error) or SystemTime().tick() > deadline:
                    return f"failed: {error}"
            await anyio.sleep(LOOK_EVERY)

    return anyio.run(get, backend="asyncio").strip()


class _Steps(Struct):
    """One line a step when it ends, with its time; on a terminal the steps under way are shown."""

    terminal: Terminal
    _running: list[str] = field(default_factory=list)
    _status: Any = field(default=None)

    def started(self, name: str) -> None:
        self._running.append(name)
        self._show()

    def done(self, name: str, outcome: str, seconds: float) -> None:
        self._running.remove(name)
        self._show()
        text = f"  {name:<19}{outcome}"
        self.terminal.print([line(f"{text:<85} ", ("ok", "ok"), f"  {milliseconds(seconds):>7}")])

    def close(self) -> None:
        self._running.clear()
        self._show()

    def _show(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._running and self.terminal.color:
            self._status = self.terminal.console.status(", ".join(self._running))
            self._status.start()


def _applied(results: list[AppliedShown]) -> list[Line]:
    lines = [line(f"  {one['object'].lower()} {one['result']}") for one in results]
    patched = [(one, hint) for one in results for hint in one["hints"]]
    if patched:
        lines.append(line(("  What differs from the manifest, and why:", "strong")))
        for one, hint in patched:
            lines += paragraph(f"{one['object']}  {hint['message']}", indent=4, hanging=4)
            if hint["fix"]:
                lines.append(line("        ", (f"because {hint['fix']}", "dim")))
    return lines


def _pods(pods: list[PodShown]) -> list[Line]:
    lines = []
    for pod in pods:
        state = "Ready" if pod["ready"] else pod["reason"] or pod["phase"]
        lines.append(line(f"  {pod['namespace']}/{pod['name']}  {state}  restarts {pod['restarts']}"))
        if pod["message"] and not pod["ready"]:
            lines += paragraph(pod["message"], indent=6)
    return lines or [line("  there is no pod")]


def _end(layout: Layout, ready: PodShown | None, answer: str, took: float, broken: bool) -> list[Line]:
    state = f"--state-dir {layout.sandbox.path}"
    kubectl = f"kubectl --kubeconfig {layout.kubeconfig}"
    if ready is None or broken:
        return [
            line((f"The gateway is not Ready after {took:.0f} s.", "failed")),
            line("Next:  ", (f"apim-sandbox explain {state}", "command")),
        ]
    lines = [line((f"Gateway {ready['namespace']}/{ready['name']} Ready in {took:.1f} s.", "strong"))]
    if answer:
        lines += paragraph(f"GET /echo/hello through the gateway: {answer[:90]}", indent=2, hanging=2)
    return [
        *lines,
        line("  cluster    ", (f"{kubectl} get pods -A", "command")),
        line("  journal    ", (f"apim-sandbox journal {state}", "command")),
        line("  API        ", (
            f"{kubectl} -n {ready['namespace']} port-forward pod/{ready['name']} 18080:8080", "command"
        )),
        line("Next:  ", (layout.command("down"), "command")),
    ]  # fmt: skip


# --- status, logs, down


def status(layout: Layout) -> int:
    """What of the sandbox is there and how it is; 3 when it does not run as a whole."""
    terminal = Terminal()
    known = layout.remembered()
    if not known:
        raise InstanceError(f"no kind sandbox is called {layout.name}", layout.command("up"))
    found, there = anyio.run(_look, layout, backend="asyncio")
    if found is None:
        cluster, whole = "gone: somebody deleted it", False
    elif not found.ours:
        cluster, whole = "another one of the same name, not made here", False
    else:
        cluster, whole = ("running", True) if found.running else ("stopped", False)
    lines = [line((f"kind sandbox {layout.name}", "strong")), line(f"  cluster     {cluster}")]
    for part in ("oidc", "entra", "apim", "control"):
        one = there.get(layout.container(part))
        state = "gone" if one is None else "running" if one["running"] else "stopped"
        whole = whole and state == "running"
        lines.append(line(f"  {part:<12}{state}"))
    lines += [line(f"  webhook     {known.get('webhook')}"), line(f"  kubeconfig  {layout.kubeconfig}")]
    terminal.print(lines)
    if whole:
        with Sandbox.connect(layout.sandbox.path) as sandbox:
            terminal.print([line("  pods"), *_pods(sandbox.pods())])
    following = f"apim-sandbox explain --state-dir {layout.sandbox.path}" if whole else layout.command("up")
    terminal.print([line("Next:  ", (following, "command"))])
    return 0 if whole else NOT_RUNNING


async def _look(layout: Layout) -> tuple[node.Node | None, dict[str, dict[str, Any]]]:
    return await node.find(layout), await containers.existing(layout)


def logs(layout: Layout, part: str, tail: int) -> int:
    """The words of a container, of the webhook, or of the gateway's pods."""
    print(anyio.run(_logs, layout, part, tail, backend="asyncio"), end="")
    return 0


async def _logs(layout: Layout, part: str, tail: int) -> str:
    if part == "webhook":
        return await tools.run(
            *layout.kubectl, "--namespace", "azure-workload-identity-system", "logs", f"--tail={tail}",
            "deployment/azure-wi-webhook-controller-manager",
        )  # fmt: skip
    if part == "node":
        return await tools.run("docker", "logs", "--tail", str(tail), layout.node)
    there = await containers.existing(layout)
    if not there:
        raise InstanceError(f"no kind sandbox is called {layout.name}", layout.command("up"))
    wanted = [name for name in there if part in ("", name.removeprefix(layout.container("")))]
    if not wanted:
        known = ", ".join(sorted(name.removeprefix(layout.container("")) for name in there))
        raise InstanceError(f"nothing is called {part}; there are {known}, webhook, node", "")
    # Programs write to both streams; people want them as they came.
    texts = [
        f"--- {name}\n" + await tools.run("sh", "-c", f"docker logs --tail {tail} {name} 2>&1")
        for name in sorted(wanted)
    ]
    return "".join(texts)


def rotate_key(layout: Layout, *, keep_old: bool, publish: bool) -> int:
    """Let the API server sign with a new key, and say what that does to tokens."""
    terminal = Terminal()
    with progress(terminal, "restarting issuer and API server with a new signing key"):
        kid = anyio.run(
            partial(rotation.rotate, layout, keep_old=keep_old, publish=publish), backend="asyncio"
        )
    told = [line((f"The API server signs with {kid}.", "strong"))]
    told += [
        line(
            "  old keys   ",
            "known to API server and JWKS until the next rotation"
            if keep_old
            else "forgotten: pods have to be restarted, their tokens are worth nothing",
        ),
        line(
            "  JWKS       ",
            "shows the new key"
            if publish
            else "does not show the new key: tokens that it signs are refused (AADSTS7000272)",
        ),
    ]
    if publish:
        told += _until_entra_asks(layout)
    else:
        told.append(line("Next:  ", (layout.command("publish-keys"), "command")))
    terminal.print(told)
    return 0


def publish_keys(layout: Layout) -> int:
    """Let JWKS show what the API server verifies with."""
    terminal = Terminal()
    with progress(terminal, "restarting the issuer"):
        anyio.run(rotation.publish, layout, backend="asyncio")
    terminal.print(
        [line("JWKS shows every key that the API server verifies with."), *_until_entra_asks(layout)]
    )
    return 0


def _until_entra_asks(layout: Layout) -> list[Line]:
    """Entra learns of a new key when it asks for JWKS again, and it does not ask often."""
    return [
        line(
            "  Entra      ", "learns of new keys once its copy of JWKS is five minutes old (issuer_refetch)"
        ),
        line("Next:  ", (f"apim-sandbox clock advance 5m --state-dir {layout.sandbox.path}", "command")),
    ]


def _waits(terminal: Terminal, layout: Layout) -> None:
    terminal.print([line(f"An earlier command is still at work on {layout.name}: waiting for it.")])


def down(layout: Layout) -> int:
    """Remove all that `up` made, and nothing else."""
    terminal = Terminal()
    with progress(terminal, "removing"):
        gone = anyio.run(remove, layout, partial(_waits, terminal, layout), backend="asyncio")
    what = ", ".join(name for name, was in gone.items() if was)
    terminal.print(
        [line(f"Removed {layout.name}: {what}." if what else f"Nothing of {layout.name} was there.")]
    )
    return 0
