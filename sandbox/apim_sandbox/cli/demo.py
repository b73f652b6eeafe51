"""`demo`: the whole flow, then two failures by their cause, each with its reason."""

import sys
from collections.abc import Callable
from typing import Any

import httpx

from apim_emulators.core.clock import SystemTime
from apim_emulators.core.events import (
    ConfigurationAnswered,
    GatewayChanged,
    GatewayLogged,
    PodChanged,
)
from apim_emulators.core.ids import RandomIds
from apim_emulators.core.journal import Record
from apim_sandbox.cli.manifests import settled, watch
from apim_sandbox.cli.problems import BROKEN
from apim_sandbox.cli.progress import progress
from apim_sandbox.cli.render.explanation import command_lines, explanation_lines
from apim_sandbox.cli.render.line import EMPTY, Line, Style, line, milliseconds, paragraph
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.cli.run import ephemeral_sandbox
from apim_sandbox.client import Sandbox
from apim_sandbox.durations import show_duration
from apim_sandbox.examples import article_manifest
from apim_sandbox.insight.explain import explain
from apim_sandbox.insight.walk import build

POLL = 10.0  # seconds between two polls of the gateway
PROBE = 5.0  # seconds between two readiness probes of the article's manifest
READER_ROLE = "API Management Gateway Configuration Reader Role"
APPLICATION = "apim-gateway"


def run_demo(*, step: bool) -> int:
    """Run the demo in a sandbox of its own; 0 when everything went as it should."""
    terminal = Terminal()
    clock = SystemTime()
    started = clock.tick()
    begin = ephemeral_sandbox()
    with progress(terminal, "starting the sandbox"):
        sandbox = begin.__enter__()
    try:
        demo = Demo(sandbox, terminal, pause=_wait_for_key if step and sys.stdin.isatty() else None)
        ok = demo.first_walk() and demo.lose_the_role() and demo.change_the_subject()
        demo.table(clock.tick() - started)
    finally:
        begin.__exit__(None, None, None)
    return 0 if ok else BROKEN


class Demo:
    """The demo's three parts, each True when it went as it should."""

    def __init__(self, sandbox: Sandbox, terminal: Terminal, pause: Callable[[], None] | None) -> None:
        self._sandbox = sandbox
        self._terminal = terminal
        self._pause = pause
        self._rows: list[tuple[str, str, str]] = []
        self._clock = SystemTime()

    # --- the walk

    def first_walk(self) -> bool:
        """The article's manifest goes in, a configured gateway comes out, an API is called through it."""
        path, text = article_manifest()
        self._title("The walk", f"apim-sandbox apply -f {path}")
        before = self._sandbox.status()["journal"]
        self._sandbox.apply([(path, text)])
        if watch(self._sandbox, before, self._show_hops, _configured):
            self._explain()
            return False
        if not any(pod["ready"] for pod in self._sandbox.pods()):
            self._advance(PROBE, "so that the kubelet's next readiness probe comes now")
            self._sandbox.wait_for("the pod's readiness", _ready, since=before)
        walk = build(self._sandbox.journal(before))
        self._rows += [
            (str(hop.number), f"{hop.who}: {hop.what}", milliseconds(hop.duration)) for hop in walk.hops
        ]
        return self._call("An API, called through the gateway:")

    # --- failure 1

    def lose_the_role(self) -> bool:
        """The reader role goes: the gateway is refused, serves from memory, and recovers by itself."""
        assignment = self._reader_assignment()
        scope = assignment["properties"]["scope"]
        self._title(
            "Failure 1: somebody removes the gateway's role assignment",
            f'az role assignment delete --role "{READER_ROLE}" '
            f"--assignee {assignment['properties']['principalId']}",
        )
        before, start = self._mark()
        self._sandbox.arm("DELETE", assignment["id"])
        self._advance(POLL, "so that the gateway polls now and nobody waits")
        refused = self._sandbox.wait_for("a refused poll", _poll(403), since=before)
        log = self._sandbox.wait_for("the gateway's log line", _complaint, since=refused.sequence - 1)
        self._logged(log)
        self._explain()
        if not self._call("And yet the gateway serves, from memory (it fails static):"):
            return False
        self._rows.append(("7, 8", "role removed → 403, served from memory, explained", self._since(start)))

        self._say(
            f"The role is given back.   In Azure up to 10 minutes pass before it counts.   Scope: {scope}",
        )
        before, start = self._mark()
        self._sandbox.arm("PUT", self._new_assignment(scope), body={"properties": _copied(assignment)})
        self._advance(POLL, "to the next poll")
        recovered = self._sandbox.wait_for("an accepted poll", _poll(200, 304), since=before)
        event = recovered.event
        assert isinstance(event, ConfigurationAnswered)
        self._print(
            line(("  Recovered by itself: ", "ok"), f"{event.method} {event.path} → {event.status}"), EMPTY
        )
        self._rows.append(("7, 8", "role given back → next poll accepted", self._since(start)))
        return True

    # --- failure 2

    def change_the_subject(self) -> bool:
        """One letter of the credential's subject: unseen until the token must be renewed."""
        application, credential = self._credential()
        wrong = _drop_a_letter(credential["subject"])
        self._title(
            "Failure 2: somebody changes one letter of the federated credential's subject",
            f"az ad app federated-credential update --id {application['appId']} "
            f"--federated-credential-id {credential['name']} --parameters …",
        )
        before, start = self._mark()
        path = f"/v1.0/applications/{application['id']}/federatedIdentityCredentials/{credential['id']}"
        self._sandbox.graph("PATCH", path, body={"subject": wrong})
        self._advance(POLL, "one poll later")
        poll = self._sandbox.wait_for("the next poll", _poll(200, 304), since=before).event
        assert isinstance(poll, ConfigurationAnswered)
        assert poll.token is not None
        left = poll.token.claims["exp"] - self._sandbox.status()["clock"]["now"]
        self._say(
            f"Nothing happens: the poll is still answered {poll.status}. The gateway holds an access token "
            f"for another {show_duration(left // 60 * 60)}, and Entra looks at the credential only when the "
            "next is asked for. That is what makes it hard to find: change and failure lie an hour apart."
        )
        pod = next(pod for pod in self._sandbox.pods() if pod["name"].startswith("apim-gateway"))
        self._say("A new pod has no token yet:", f"kubectl delete pod {pod['name']} -n {pod['namespace']}")
        before, start = self._mark()
        self._sandbox.delete_pod(pod["namespace"], pod["name"])
        watch(self._sandbox, before, self._show_hops, settled)
        log = self._sandbox.wait_for("the gateway's log line", _complaint, since=before)
        self._logged(log)
        self._explain()
        self._rows.append(("4, 5", "subject changed, pod deleted → refused, explained", self._since(start)))
        return True

    # --- the end

    def table(self, seconds: float) -> None:
        """Hops and times."""
        self._title("Hops and times")
        for hop, what, duration in self._rows:
            shown = what if len(what) <= 80 else what[:79] + "…"
            self._print(line(f"  {hop:>4}  {shown:80}  ", (f"{duration:>8}", "dim")))
        self._print(
            EMPTY,
            line((f"Done in {seconds:.1f} s.", "strong")),
            line("Next:  ", ("apim-sandbox up --detach", "command"), "     a sandbox of your own"),
            line(
                "       ",
                ("apim-sandbox run -- YOUR PROGRAM", "command"),
                "   any program, as if it were in the pod",
            ),
        )

    # --- steps

    def _call(self, title: str) -> bool:
        ports = next(pod["ports"] for pod in self._sandbox.pods() if pod["ready"])
        url = f"http://localhost:{ports['8080']}/echo/hello"
        self._print(EMPTY, line(f"  {title}"), line("  $ ", (f"curl {url}", "command")))
        answer = httpx.get(url, timeout=10, trust_env=False)
        verdict: Style = "ok" if answer.is_success else "failed"
        self._print(
            line("  ", (f"{answer.status_code} {answer.reason_phrase}", verdict), f"   {answer.text[:78]}"),
            EMPTY,
        )
        self._wait()
        return answer.is_success

    def _explain(self) -> None:
        explanation = explain(self._sandbox.journal())
        self._print(EMPTY, line("  $ ", ("apim-sandbox explain", "command")))
        if explanation is not None:
            self._print(*explanation_lines(explanation))
        self._print(EMPTY)
        self._wait()

    def _logged(self, record: Record) -> None:
        event = record.event
        assert isinstance(event, GatewayLogged)
        self._print(EMPTY, line("  $ ", (f"apim-sandbox logs {event.pod}", "command")))
        self._print(*paragraph(event.line, indent=2, hanging=2))

    def _advance(self, seconds: float, why: str) -> None:
        self._print(
            line(
                "  $ ",
                (f"apim-sandbox clock advance {show_duration(seconds)}", "command"),
                (f"   {why}", "dim"),
            )
        )
        self._sandbox.clock.advance(seconds)

    def _say(self, text: str, command: str = "") -> None:
        self._print(*paragraph(text, indent=2))
        self._command(command)

    def _title(self, text: str, command: str = "") -> None:
        self._print(EMPTY, line((text, "strong")))
        self._command(command)

    def _command(self, command: str) -> None:
        for number, text in enumerate(command_lines(command) if command else ()):
            self._print(line("    " if number else "  $ ", (text, "command")))

    def _show_hops(self, lines: list[Line]) -> None:
        if lines:
            self._terminal.print(lines)
            self._wait()

    def _print(self, *lines: Line) -> None:
        self._terminal.print(lines)

    def _wait(self) -> None:
        if self._pause is not None:
            self._pause()

    def _mark(self) -> tuple[int, float]:
        return self._sandbox.status()["journal"], self._clock.tick()

    def _since(self, start: float) -> str:
        return milliseconds(self._clock.tick() - start)

    # --- the cloud

    def _reader_assignment(self) -> dict[str, Any]:
        subscription = self._sandbox.arm("GET", "/subscriptions", api_version="2022-12-01")["value"][0]["id"]
        prefix = f"{subscription}/providers/Microsoft.Authorization"
        roles = self._sandbox.arm("GET", f"{prefix}/roleDefinitions")["value"]
        role = next(role["id"] for role in roles if role["properties"]["roleName"] == READER_ROLE)
        assignments: list[dict[str, Any]] = self._sandbox.arm("GET", f"{prefix}/roleAssignments")["value"]
        return next(
            one for one in assignments if one["properties"]["roleDefinitionId"].lower() == role.lower()
        )

    def _new_assignment(self, scope: str) -> str:
        return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{RandomIds().uuid()}"

    def _credential(self) -> tuple[dict[str, Any], dict[str, Any]]:
        params = {"$filter": f"displayName eq '{APPLICATION}'"}
        application = self._sandbox.graph("GET", "/v1.0/applications", params=params)["value"][0]
        path = f"/v1.0/applications/{application['id']}/federatedIdentityCredentials"
        return application, self._sandbox.graph("GET", path)["value"][0]


def _drop_a_letter(subject: str) -> str:
    """The subject as somebody might mistype it: `identity` becomes `identty`."""
    return subject[:-3] + subject[-2:]


def _copied(assignment: dict[str, Any]) -> dict[str, Any]:
    wanted = ("roleDefinitionId", "principalId", "principalType")
    return {name: assignment["properties"][name] for name in wanted}


def _poll(*statuses: int) -> Callable[[Record], bool]:
    def wanted(record: Record) -> bool:
        event = record.event
        return (
            isinstance(event, ConfigurationAnswered)
            and event.operation == "events"
            and event.status in statuses
        )

    return wanted


def _complaint(record: Record) -> bool:
    event = record.event
    return isinstance(event, GatewayLogged) and event.event_type == "ConfigurationApiV2NotAvailable"


def _configured(records: list[Record]) -> bool:
    """The gateway has its configuration, or the walk is broken."""
    serving = any(
        isinstance(record.event, GatewayChanged) and record.event.state == "ready" for record in records
    )
    return serving or build(records).broken is not None


def _ready(record: Record) -> bool:
    return isinstance(record.event, PodChanged) and record.event.ready


def _wait_for_key() -> None:
    from typer import echo, getchar

    echo("  [any key; q ends]", nl=False)
    key = getchar()
    echo("\r" + " " * 20 + "\r", nl=False)
    if key in ("q", "\x03"):
        raise KeyboardInterrupt
