"""The cluster itself: made with kind, recognized as ours, taken up again, removed."""

import json
import tempfile
from pathlib import Path

from msgspec import Struct

from apim_sandbox.cluster.kind import tools
from apim_sandbox.cluster.kind.config import kind_config
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.instance import InstanceError, write_private
from apim_sandbox.world.model import Cluster

CREATE_TIMEOUT = 600.0  # seconds; a node image may have to be fetched


class Node(Struct, frozen=True):
    """The node container as the engine has it."""

    id: str
    running: bool
    ours: bool


async def find(layout: Layout) -> Node | None:
    """The node of the cluster of this name, whoever made it."""
    if not await tools.succeeds("docker", "inspect", "--type", "container", layout.node):
        return None
    raw = json.loads(await tools.run("docker", "inspect", "--type", "container", layout.node))[0]
    # A cluster is ours when its API server signs with the key that we made for it.
    ours = any(mount.get("Source") == str(layout.signing_key) for mount in raw.get("Mounts", []))
    return Node(raw["Id"], raw["State"]["Running"], ours)


async def ensure(layout: Layout, cluster: Cluster, node_image: str | None, *, keep: bool) -> str:
    """A running cluster: `unchanged`, `started`, `created` or `made anew`. Raises `InstanceError`."""
    node = await find(layout)
    if node is not None and not node.ours:
        raise InstanceError(
            f"a cluster called {layout.name} is there already and was not made here; it is left alone",
            "apim-sandbox kind up --name ANOTHER (kind get clusters lists those that are taken)",
        )
    done = "created"
    if node is not None:
        if layout.created.exists() and layout.created.read_text().strip() == node.id:
            if node.running:
                await _kubeconfigs(layout)
                return "unchanged"
            await tools.run("docker", "start", layout.node)
            await _kubeconfigs(layout)
            return "started"
        # Killed while it was being made: nothing in it can be relied upon.
        await delete(layout)
        done = "made anew"
    # Those of a cluster that somebody deleted would name its CA.
    for path in (layout.created, layout.kubeconfig, layout.inner_kubeconfig):
        _forget(path)
    config = kind_config(cluster, layout.signing_key, layout.public_key)
    await tools.run(
        "kind", "create", "cluster", "--name", layout.name, "--kubeconfig", str(layout.kubeconfig),
        "--config", "-", *(("--image", node_image) if node_image else ()), *(("--retain",) if keep else ()),
        stdin=config, env={"KIND_EXPERIMENTAL_DOCKER_NETWORK": layout.network}, timeout=CREATE_TIMEOUT,
    )  # fmt: skip
    made = await find(layout)
    assert made is not None, "kind said that it made the node"
    await _kubeconfigs(layout)
    write_private(layout.created, made.id + "\n")
    return done


async def _kubeconfigs(layout: Layout) -> None:
    """Both kubeconfigs, written anew when one is missing or empty."""
    for path, flags in ((layout.kubeconfig, ()), (layout.inner_kubeconfig, ("--internal",))):
        if not path.exists() or not path.stat().st_size:
            text = await tools.run("kind", "get", "kubeconfig", "--name", layout.name, *flags)
            write_private(path, text)


async def delete(layout: Layout) -> bool:
    """Remove the cluster if it is ours; False when there was nothing to remove."""
    node = await find(layout)
    if node is None or not node.ours:
        return False
    await tools.run(
        "kind", "delete", "cluster", "--name", layout.name, "--kubeconfig", str(layout.kubeconfig)
    )
    return True


def _forget(path: Path) -> None:
    """Remove a file of a cluster that is no more. Raises `InstanceError` where somebody keeps it in place."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InstanceError(
            f"{path} can't be replaced by this cluster's: {error.strerror}",
            f"remove or unmount {path}, or name another place with --state-dir DIR",
        ) from None


async def load(layout: Layout, image: str) -> bool:
    """Put an image of the engine on the node; False when the node has it. Raises `InstanceError`."""
    name = image if "/" in image.partition(":")[0] else f"docker.io/library/{image}"
    listed = await tools.run(
        "docker",
        "exec",
        layout.node,
        "ctr",
        "--namespace",
        "k8s.io",
        "images",
        "list",
        "--quiet",
        f"name=={name}",
    )
    if listed.strip():
        return False
    # Ended on the way, kind leaves the whole image where temporary files are.
    with tempfile.TemporaryDirectory(prefix="apim-sandbox-", ignore_cleanup_errors=True) as temporary:
        await tools.run(
            "kind", "load", "docker-image", image, "--name", layout.name, env={"TMPDIR": temporary}
        )
    return True
