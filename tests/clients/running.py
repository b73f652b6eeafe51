"""Running other people's programs in a pod's environment, and reading from the journal what they sent."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apim_emulators.core.events import ArmAnswered, GraphAnswered, TokenAnswered
from apim_sandbox.cli.run import pod_environment
from apim_sandbox.client import Pod, Sandbox

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Sent = tuple[str, str, int]  # method, path with every GUID as {guid}, status


def run(
    sandbox: Sandbox,
    *command: str,
    cwd: Path | None = None,
    service_account: str | None = None,
    env: Mapping[str, str] | None = None,
    annotations: Sequence[str] = (),
) -> Any:
    """What `apim-sandbox run -- command` prints, decoded."""
    program = [sys.executable, "-m", "apim_sandbox", "run", "--state-dir", sandbox.instance.state_dir]
    if service_account:
        program += ["--as", service_account]
    for annotation in annotations:
        program += ["--annotation", annotation]
    done = subprocess.run(
        [*program, "--", *command],
        cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def inside(pod: Pod, **more: str) -> dict[str, str]:
    """The environment of a program in `pod`, as `apim-sandbox run` makes it, and `more`."""
    return {**pod_environment(dict(os.environ), pod.environment), **more}


def last(sandbox: Sandbox) -> int:
    """The newest record's sequence number."""
    return max((record.sequence for record in sandbox.journal()), default=0)


def exchange(sandbox: Sandbox, uti: str) -> TokenAnswered:
    """Entra's side of the exchange that gave the access token with this uti."""
    found = [record.event for record in sandbox.journal() if isinstance(record.event, TokenAnswered)]
    return next(event for event in found if event.uti == uti)


def exchanges(sandbox: Sandbox, since: int) -> list[TokenAnswered]:
    """Every token request after record `since`."""
    return [record.event for record in sandbox.journal(since) if isinstance(record.event, TokenAnswered)]


def sent(sandbox: Sandbox, since: int) -> list[Sent]:
    """Every request to ARM and Graph after record `since`."""
    events = [record.event for record in sandbox.journal(since)]
    return [
        (event.method, _GUID.sub("{guid}", event.path.partition("?")[0]), event.status)
        for event in events
        if isinstance(event, ArmAnswered | GraphAnswered)
    ]
