"""The programs that a real cluster needs on this machine, `docker`, `kind` and `kubectl`, and their troubles.

They are run as programs, as a person would: docker's contexts, colima or a remote engine then work.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextvars import ContextVar

import anyio
from msgspec import Struct

from apim_sandbox.instance import InstanceError

HELD: ContextVar[tuple[int, ...]] = ContextVar("held", default=())  # open files that programs hold as well
KIND_MINIMUM = (0, 27)  # older ones know no node image of a Kubernetes that is still maintained


class ToolError(InstanceError):
    """A program failed; the message is the cause in its words, `hint` the next command to type."""


class Versions(Struct, frozen=True):
    """What is installed."""

    docker: str
    kind: str
    kubectl: str
    rootless: bool


_START = "start Docker Desktop, or: sudo systemctl start docker"
# What the programs say, and what a person does about it. First match counts.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"cannot connect to the docker daemon|is the docker daemon running|docker daemon is not running"
        r"|error during connect",
        "Docker is not running",
        _START,
    ),
    (
        r"permission denied while trying to connect",
        "Docker may not be used by this user",
        "sudo usermod -aG docker $USER, then sign in again",
    ),
    (
        r"images-tar.*no space left on device",
        "the disk for temporary files is full",
        "df -h /tmp, then make room there, or set TMPDIR to another directory",
    ),
    (
        r"no space left on device",
        "the disk that Docker uses is full",
        "docker system df; docker system prune",
    ),
    (
        r"port is already allocated|address already in use|ports are not available",
        "a port is in use",
        "apim-sandbox kind up again takes other ports",
    ),
    (
        r"failed to pull image|pull access denied|manifest unknown|error pulling image|failed to resolve"
        r"|no such host|TLS handshake timeout|i/o timeout",
        "an image is not here and can't be fetched",
        "docker pull IMAGE where there is a network, or name one of `docker images` with --node-image",
    ),
    (
        r"node\(s\) already exist for a cluster",
        "the name belongs to another cluster",
        "apim-sandbox kind up --name ANOTHER",
    ),
    (
        r"could not find a log line that matches|failed to init node with kubeadm|required cgroups disabled",
        "the node did not start",
        "apim-sandbox kind logs; kind's known issues: https://kind.sigs.k8s.io/docs/user/known-issues/",
    ),
    (
        r"kubeconfig.*(permission denied|read-only)|failed to lock config file",
        "the kubeconfig can't be written",
        "name another place with --state-dir DIR",
    ),
)


async def run(
    *command: str, stdin: str = "", env: Mapping[str, str] | None = None, timeout: float = 300.0
) -> str:
    """What a program prints. Raises `ToolError` with the last thing it complained about."""
    if shutil.which(command[0]) is None:
        raise missing(command[0])
    try:
        # A file and no pipe: who fails before reading it still gets to say why.
        with tempfile.TemporaryFile() as given, anyio.fail_after(timeout):
            given.write(stdin.encode())
            given.seek(0)
            done = await anyio.run_process(
                command,
                stdin=given,
                check=False,
                env={**os.environ, **(env or {})},
                stderr=subprocess.PIPE,
                pass_fds=HELD.get(),
            )
    except TimeoutError:
        raise ToolError(f"`{shown(command)}` did not end within {timeout:g} s", "try it by hand") from None
    if done.returncode:
        raise failure(command, (done.stderr or b"").decode(errors="replace"))
    return done.stdout.decode(errors="replace")


async def succeeds(*command: str, stdin: str = "", timeout: float = 60.0) -> bool:
    """Whether a program ends well."""
    try:
        await run(*command, stdin=stdin, timeout=timeout)
    except ToolError:
        return False
    return True


def failure(command: tuple[str, ...], complaint: str) -> ToolError:
    """The cause behind a program's complaint, as far as it is known."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(?i)error|fatal|docker: |failed", line)]
    words = (errors or lines or ["it said nothing"])[-1]
    for pattern, cause, hint in _CAUSES:
        told = next((line for line in lines if re.search(pattern, line, re.IGNORECASE)), "")
        if told:
            if hint == _START and (host := os.environ.get("DOCKER_HOST")):
                hint = f"DOCKER_HOST is {host}: start the engine there, or unset DOCKER_HOST"
            named = re.search(r'image "([^"@]+)', told)
            return ToolError(f"{cause}: {told[:400]}", hint.replace("IMAGE", named[1] if named else "IMAGE"))
    return ToolError(f"`{shown(command)}` failed: {words[:600]}", "try it by hand to see all of its words")


def shown(command: tuple[str, ...]) -> str:
    """A command line for a person, shortened."""
    text = " ".join(command)
    return text if len(text) <= 100 else f"{text[:97]}..."


def missing(program: str) -> ToolError:
    """A program is not installed."""
    where = {
        "docker": "https://docs.docker.com/engine/install/ (or colima, or Docker Desktop)",
        "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation, or: brew install kind",
        "kubectl": "https://kubernetes.io/docs/tasks/tools/, or: brew install kubectl",
    }
    return ToolError(f"{program} is not installed", where.get(program, ""))


async def check() -> Versions:
    """That everything is there, runs and is new enough. Raises `ToolError` for the first that is not."""
    for program in ("docker", "kind", "kubectl"):
        if shutil.which(program) is None:
            raise missing(program)
    info = await run("docker", "info", "--format", "{{.ServerVersion}} {{.SecurityOptions}}", timeout=20)
    server, _, security = info.strip().partition(" ")
    if not server:
        raise failure(("docker", "info"), "Cannot connect to the Docker daemon")
    kind = kind_version(await run("kind", "version"))
    client = await run("kubectl", "version", "--client")
    found = re.search(r"v(\d+\.\d+\.\d+)", client)
    return Versions(server, kind, found[1] if found else "?", "rootless" in security)


def kind_version(text: str) -> str:
    """From `kind v0.33.0 go1.26.8 linux/amd64`. Raises `ToolError` for one that is too old."""
    found = re.search(r"v(\d+)\.(\d+)\.(\d+\S*)", text)
    if found is None:
        raise ToolError(f"kind says {text.strip()!r}, which is no version", "kind version")
    if (int(found[1]), int(found[2])) < KIND_MINIMUM:
        needed = ".".join(map(str, KIND_MINIMUM))
        raise ToolError(
            f"kind {found[0]} is older than needed ({needed})",
            "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
        )
    return f"{found[1]}.{found[2]}.{found[3]}"
