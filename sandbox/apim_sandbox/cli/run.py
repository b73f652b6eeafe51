"""`run`: any program, as if it were in a pod of a service account."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from apim_sandbox.cli.problems import USAGE
from apim_sandbox.client import Sandbox
from apim_sandbox.instance import InstanceError
from apim_sandbox.pointing import foreign


def run_program(
    command: list[str], service_account: str | None, state_dir: Path | None, annotations: Sequence[str] = ()
) -> int:
    """Run `command` in the environment of a pod and return its exit status.

    `annotations` are the pod's, each `KEY=VALUE`.

    Uses the running sandbox; without one, a sandbox of its own that lives as long as the program.
    """
    if shutil.which(command[0]) is None:
        print(f"error: program {command[0]!r} is not on the PATH", file=sys.stderr)
        return USAGE
    with (
        _sandbox(state_dir) as sandbox,
        sandbox.attach(service_account, annotations) as pod,
        subprocess.Popen(  # noqa: S603  it is the user's own program
            command, env=pod_environment(dict(os.environ), pod.environment)
        ) as process,
    ):
        return _wait(process)


def pod_environment(inherited: dict[str, str], pod: dict[str, str]) -> dict[str, str]:
    """`inherited` without what would betray another identity or another way out, and the pod's own."""
    kept = {name: value for name, value in inherited.items() if not foreign(name)}
    return {**kept, **pod}


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The program's exit status; it gets the terminal's Ctrl-C itself, a SIGTERM is handed on."""
    previous = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = process.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)
        signal.signal(signal.SIGINT, interrupt)
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _sandbox(state_dir: Path | None) -> Iterator[Sandbox]:
    try:
        running = Sandbox.connect(state_dir)
    except InstanceError:
        if state_dir is not None:
            raise
    else:
        with running:
            yield running
        return
    with ephemeral_sandbox() as sandbox:
        yield sandbox


@contextlib.contextmanager
def ephemeral_sandbox(*, separate: bool = False) -> Iterator[Sandbox]:
    """A sandbox in a directory of its own, on free ports, gone afterwards.

    `separate` runs the emulators as processes of their own.
    """
    from apim_sandbox.cli.updown import UpOptions, start_detached, stop_instance

    with tempfile.TemporaryDirectory(prefix="apim-sandbox-") as directory:
        options = UpOptions(
            state_dir=Path(directory), edge_port=0, proxy_port=0, control_port=0, separate=separate
        )
        instance, process = start_detached(options)
        try:
            with Sandbox.connect(Path(directory)) as sandbox:
                yield sandbox
        finally:
            stop_instance(options.state, instance)
            process.wait()
