"""The commands that look: `status`, `logs`, `journal`, `explain`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec import Struct, to_builtins

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.journal import Record, encode
from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.problems import BROKEN, InputError
from apim_sandbox.cli.render.line import Line, line
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.client import Sandbox, SandboxError
from apim_sandbox.client.shapes import PodShown
from apim_sandbox.durations import show_duration
from apim_sandbox.gateway.logs import uncolored
from apim_sandbox.instance import InstanceError

_THE_LAST = "apim-sandbox explain --last   what broke last in the running sandbox"
_SHOWN = 120  # characters of a pasted text


def show_status(state_dir: Path | None, *, as_json: bool) -> int:
    """What runs and where."""
    with Sandbox.connect(state_dir) as sandbox:
        status = sandbox.status()
        pods = sandbox.pods()
    if as_json:
        where = {
            name: value for name, value in to_builtins(sandbox.instance).items() if name != "control_token"
        }
        print_json({**status, "instance": where, "pods": pods})
        return 0
    instance = sandbox.instance
    ready = sum(pod["ready"] for pod in pods)
    ahead = f", {show_duration(status['clock']['offset'])} ahead" if status["clock"]["offset"] else ""
    Terminal().print(
        [
            line((f"Sandbox running (pid {instance.pid}), world {instance.world}.", "strong")),
            line(f"  by name      HTTPS_PROXY={instance.proxy}   CA {instance.ca_file}"),
            line(f"  by address   {instance.edge}"),
            line(f"  control      {instance.control}"),
            line(f"  state        {instance.state_dir}"),
            line(f"  clock        {rfc3339(status['clock']['now'])}{ahead}"),
            line(f"  emulators    {', '.join(status['emulators'])}"),
            line(f"  pods         {ready} of {len(pods)} ready"),
            line("Next:  ", ("apim-sandbox get pods" if pods else "apim-sandbox apply -f FILE", "command")),
        ]
    )
    return 0


def show_logs(pod: str, state_dir: Path | None, *, follow: bool) -> int:
    """A pod's log; its colours only on a terminal."""
    plain = not Terminal().color
    with Sandbox.connect(state_dir) as sandbox:
        namespace, name = find_pod(sandbox.pods(), pod)
        with closing(sandbox.logs(namespace, name, follow=follow)) as lines:
            for text in lines:
                print(uncolored(text) if plain else text, flush=True)
    return 0


def find_pod(pods: list[PodShown], wanted: str) -> tuple[str, str]:
    """`(namespace, name)` of the pod called `wanted`, or the only one that begins so.

    Raises `SandboxError` that lists the pods there are.
    """
    namespace, _, name = wanted.rpartition("/")
    mine = [pod for pod in pods if not namespace or pod["namespace"] == namespace]
    found = [pod for pod in mine if pod["name"] == name] or [
        pod for pod in mine if pod["name"].startswith(name)
    ]
    if len(found) == 1:
        return found[0]["namespace"], found[0]["name"]
    there = ", ".join(f"{pod['namespace']}/{pod['name']}" for pod in (found or pods)) or "none"
    problem = f"{len(found)} pods begin with {wanted!r}" if found else f"no pod is called {wanted!r}"
    raise SandboxError(f"{problem}; there are {there}")


class Chosen(Struct, frozen=True):
    """Which records are shown: those after number `since`, of them the `last` so many."""

    since: int = 0
    last: int = 0
    kind: str = ""
    actor: str = ""
    pod: str = ""

    def of(self, sandbox: Sandbox, *, follow: bool) -> Iterator[Record]:
        """Those that there are, then, to `follow` them, those that come."""
        since = self.since
        if self.last or not follow:
            there = sandbox.journal(since, kind=self.kind, actor=self.actor, pod=self.pod, last=self.last)
            for record in there:
                since = record.sequence
                yield record
        if follow:
            yield from sandbox.follow(since, kind=self.kind, actor=self.actor, pod=self.pod)


def show_journal(state_dir: Path | None, chosen: Chosen, *, follow: bool, as_json: bool) -> int:
    """Records, as lines for people or for programs."""
    from apim_sandbox.cli.render.journal import record_lines

    terminal = Terminal()
    with Sandbox.connect(state_dir) as sandbox:
        for record in chosen.of(sandbox, follow=follow):
            if as_json:
                print(encode(record).decode(), flush=True)
            else:
                terminal.print(record_lines(record))
    return 0


def show_explanation(target: str | None, state_dir: Path | None, *, as_json: bool) -> int:
    """Why the last failure, a pod, a request or a code is as it is."""
    from apim_sandbox.cli.render.explanation import explanation_lines
    from apim_sandbox.insight.codes import explain_text
    from apim_sandbox.insight.explain import explain

    number = target is not None and target.isdecimal()  # a record's, where a sandbox runs
    if target is not None and not number and _explained(target, as_json=as_json):
        return 0
    try:
        with Sandbox.connect(state_dir) as sandbox:
            records = sandbox.journal()
    except InstanceError:
        if target is not None and number and explain_text(target):  # an HTTP status
            _explained(target, as_json=as_json)
            return 0
        raise
    if number and not any(record.sequence == int(target or 0) for record in records):
        newest = records[-1].sequence if records else 0
        message = f"the journal has no record {target}; the newest is {newest}"
        raise InputError(message, "apim-sandbox journal")
    explanation = explain(records, target)
    if explanation is None:
        message = f"nothing about {target!r} in the journal is broken" if target else "nothing is broken"
        print_json(None) if as_json else Terminal().print(_nothing(message))
        return 0
    if as_json:
        print_json(msgspec.to_builtins(explanation))
    else:
        Terminal().print(explanation_lines(explanation))
    return BROKEN


def _explained(target: str, *, as_json: bool) -> bool:
    """Whether `target` was a code or a pasted line; it is explained then.

    Raises `InputError` for a code that is not known, and for a pasted line that says nothing.
    """
    from apim_sandbox.cli.render.explanation import code_lines
    from apim_sandbox.insight.codes import explain_code, explain_text, nearest_codes, unknown_codes
    from apim_sandbox.scenario.catalogue import with_code

    if known := explain_text(target):
        one = explain_code(target)
        if as_json:
            print_json(msgspec.to_builtins(known if one is None else one))
        else:
            texts = [code_lines(code, with_code(code.id)) for code in known]
            Terminal().print([*texts[0], *(each for text in texts[1:] for each in (line(), *text))])
        return True
    if unknown := unknown_codes(target):
        near = ", ".join(nearest_codes(unknown[0]))
        raise InputError(f"{', '.join(unknown)} is not known here; the nearest are {near}", _THE_LAST)
    if " " in target.strip():
        shown = target if len(target) <= _SHOWN else target[: _SHOWN - 1] + "…"
        raise InputError(f"nothing in {shown!r} is known here: no AADSTS code, no log event", _THE_LAST)
    return False


def _nothing(message: str) -> list[Line]:
    return [
        line(
            f"As far as the journal tells, {message}.   All that happened:  ",
            ("apim-sandbox journal", "command"),
        )
    ]
