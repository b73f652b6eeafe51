"""The emulators and the control service as containers on the cluster's own network."""

import json
import os
from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import Any

from msgspec import Struct

from apim_emulators.core import vocabulary as names
from apim_sandbox.assembly import issuer_hosts
from apim_sandbox.cluster.kind import tools
from apim_sandbox.cluster.kind.layout import DIRECTORY_LABEL, LABEL, SPEC_LABEL, Layout, Ports, owner
from apim_sandbox.instance import InstanceError
from apim_sandbox.serving.networked import CONTROL_PORT, PROXY_PORT
from apim_sandbox.serving.prepare import service_hosts
from apim_sandbox.world.model import World

CONTROL_HOST = "control.sandbox.test"  # ours: what the other containers and the pods call the control service
IMAGE_USER = 10001
# Where the containers see what of this machine. Not at the same paths: a home directory may not be
# entered by the image's user.
STATE, KEYS, ACCESS = "/var/lib/apim-sandbox", "/run/apim-sandbox/keys", "/run/apim-sandbox/access"


class Part(Struct, frozen=True):
    """One container: its command, the names it answers to, and what of this machine it sees."""

    name: str
    aliases: tuple[str, ...]
    command: tuple[str, ...]
    volumes: tuple[tuple[Path, str], ...]  # of this machine, inside
    ports: tuple[tuple[int, int], ...] = ()  # of this machine's loopback, of the container


def parts(layout: Layout, world: World, image: str, ports: Ports, *, with_world: bool) -> tuple[Part, ...]:
    """What runs beside the cluster."""
    shared = (layout.sandbox.path, STATE)
    where: tuple[str, ...] = ("--state-dir", STATE, "--token-file", f"{STATE}/{layout.token_file.name}")
    if with_world:
        where += ("--world", f"{STATE}/world.yaml")
    control = f"http://{CONTROL_HOST}:{CONTROL_PORT}"

    def emulators(*which: str) -> tuple[str, ...]:
        return ("serve", *which, "--control", control, "--listen", "0.0.0.0:443", *where)

    return (
        Part(
            "oidc",
            issuer_hosts(world),
            (
                *emulators("oidc"), "--signing-key", f"{KEYS}/{layout.signing_key.name}",
                "--published-keys", f"{KEYS}/{layout.published_keys.name}",
            ),
            (shared, (layout.signing_key.parent, KEYS)),
        ),
        Part("entra", (names.LOGIN_HOST, names.GRAPH_HOST), emulators("entra"), (shared,)),
        Part(
            "apim",
            (names.ARM_HOST, names.APIM_PROVIDER_HOST, *service_hosts(world)),
            emulators("arm", "apim"),
            (shared,),
        ),
        Part(
            "control",
            (CONTROL_HOST, names.ECHO_HOST),
            (
                "control", *where, "--image", image, "--kubeconfig",
                f"{ACCESS}/{layout.inner_kubeconfig.name}", "--outside", str(layout.sandbox.path),
                "--url", f"http://127.0.0.1:{ports.control}", "--proxy-url", f"http://127.0.0.1:{ports.proxy}",
            ),
            (shared, (layout.inner_kubeconfig.parent, ACCESS)),
            ((ports.control, CONTROL_PORT), (ports.proxy, PROXY_PORT)),
        ),
    )  # fmt: skip


def arguments(layout: Layout, part: Part, image: str, user: tuple[int, int] | None) -> list[str]:
    """`docker run`'s arguments: no root, no capability, nothing writable but the shared directory."""
    command = [
        "--name", layout.container(part.name), "--hostname", part.name, "--network", layout.network,
        *labels(layout), "--restart", "unless-stopped", "--read-only", "--tmpfs", "/tmp",  # noqa: S108  a tmpfs of the container
        "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
        "--sysctl", "net.ipv4.ip_unprivileged_port_start=0",
    ]  # fmt: skip
    if user is not None:
        command += ["--user", f"{user[0]}:{user[1]}"]
    for alias in part.aliases:
        command += ["--network-alias", alias]
    for outside, inside in part.volumes:
        command += ["--volume", f"{outside}:{inside}{'' if inside == STATE else ':ro'}"]
    for port, published in part.ports:
        command += ["--publish", f"127.0.0.1:{port}:{published}"]
    return [*command, image, *part.command]


def labels(layout: Layout) -> tuple[str, ...]:
    """Whose it is: two state directories may have a sandbox of the same name in mind."""
    return "--label", f"{LABEL}={layout.name}", "--label", f"{DIRECTORY_LABEL}={layout.directory}"


async def refuse_anothers(layout: Layout) -> None:
    """Raises `InstanceError` where containers of this name belong to another state directory."""
    shown = await tools.run(
        "docker", "ps", "-a", "--filter", f"label={LABEL}={layout.name}",
        "--format", f'{{{{.Label "{DIRECTORY_LABEL}"}}}}',
    )  # fmt: skip
    for directory in shown.splitlines():
        if directory != str(layout.directory):
            raise InstanceError(
                f"a kind sandbox called {layout.name} is there already, in {directory}; it is left alone",
                "apim-sandbox kind up --name ANOTHER, or with --state-dir "
                f"{quote(str(Path(directory).parent))}",
            )


async def ensure_network(layout: Layout) -> bool:
    """A network of the cluster's own; True when it was made now."""
    if await tools.succeeds("docker", "network", "inspect", layout.network):
        return False
    await tools.run("docker", "network", "create", *labels(layout), layout.network)
    return True


async def existing(layout: Layout) -> dict[str, dict[str, Any]]:
    """This sandbox's containers by name, `{"id", "running", "spec"}` each."""
    ids = (
        await tools.run("docker", "ps", "-aq", "--filter", f"label={DIRECTORY_LABEL}={layout.directory}")
    ).split()
    if not ids:
        return {}
    return {
        one["Name"].lstrip("/"): {
            "id": one["Id"],
            "running": one["State"]["Running"],
            "spec": one["Config"]["Labels"].get(SPEC_LABEL, ""),
        }
        for one in json.loads(await tools.run("docker", "inspect", *ids))
    }


async def ensure(layout: Layout, part: Part, image: str, rootless: bool, there: dict[str, Any]) -> str:
    """The container of `part`, running, as it should be: `unchanged`, `started`, `created` or `replaced`."""
    user = owner(rootless)
    command = arguments(layout, part, image, user)
    spec = sha256("\0".join(command).encode()).hexdigest()[:16]
    name = layout.container(part.name)
    found = there.get(name)
    if found is not None and found["spec"] == spec:
        if found["running"]:
            return "unchanged"
        await tools.run("docker", "start", name)
        return "started"
    if found is not None:
        await tools.run("docker", "rm", "--force", name)
    hand_over(layout, user)
    await tools.run("docker", "run", "--detach", "--label", f"{SPEC_LABEL}={spec}", *command)
    return "created" if found is None else "replaced"


def hand_over(layout: Layout, user: tuple[int, int] | None) -> None:
    """Give what the containers share to the image's user, when root runs this and the image does not."""
    if user is not None:
        return
    for top in (layout.sandbox.path, layout.signing_key.parent, layout.inner_kubeconfig.parent):
        for path in (top, *top.rglob("*")):
            os.chown(path, IMAGE_USER, IMAGE_USER)


async def remove_all(layout: Layout) -> int:
    """Remove this sandbox's containers and network; how many there were."""
    there = await existing(layout)
    if there:
        await tools.run("docker", "rm", "--force", "--volumes", *(one["id"] for one in there.values()))
    networks = await tools.run(
        "docker", "network", "ls", "-q", "--filter", f"label={DIRECTORY_LABEL}={layout.directory}"
    )
    if networks.strip():
        await tools.run("docker", "network", "rm", *networks.split())
    return len(there) + len(networks.split())
