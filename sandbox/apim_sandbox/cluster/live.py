"""The embedded cluster of a live sandbox: gateways as child processes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from msgspec.structs import replace

from apim_sandbox.assembly import Surroundings
from apim_sandbox.cluster.embedded.cluster import EmbeddedCluster
from apim_sandbox.cluster.embedded.process_runtime import ProcessRuntime
from apim_sandbox.cluster.embedded.settings import ClusterSettings, from_world
from apim_sandbox.cluster.protocol import ClusterError
from apim_sandbox.serving.token_proxy import Place
from apim_sandbox.world.model import World


@asynccontextmanager
async def live_cluster(
    world: World,
    around: Surroundings,
    directory: Path,
    environment: Mapping[str, str],
    token_proxy: Place | None = None,
) -> AsyncIterator[EmbeddedCluster]:
    """The world's first cluster, running while the block does; its pods end with it.

    `directory` holds the pods' volumes; `environment` is added to every pod's own. `token_proxy` is
    where pods that opt in to identity binding exchange their tokens.
    """
    settings = cluster_settings(world, around, directory)
    if token_proxy is not None:
        addresses = {settings.kubernetes_url: token_proxy.url}
        settings = replace(settings, root_ca=token_proxy.root_ca, addresses=addresses)
    runtime = ProcessRuntime(environment, addresses=settings.addresses)
    cluster = EmbeddedCluster(
        around.context("cluster"), settings, runtime, around.keys, around.store("cluster"),
        blocking=anyio.to_thread.run_sync,
    )  # fmt: skip
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cluster.run)
        yield cluster
        tasks.cancel_scope.cancel()


def cluster_settings(world: World, around: Surroundings, directory: Path) -> ClusterSettings:
    """The settings of the world's first cluster. Raises `ClusterError` when it has none."""
    if not world.clusters:
        raise ClusterError(f"world {world.name} has no cluster", "declare one under clusters:")
    return from_world(world, world.clusters[0].name, state_dir=directory, admin_token=around.secrets.admin)


def refuses_image(image: str) -> str:
    """Why the embedded cluster can't run an image; the same live and in virtual runs."""
    return ProcessRuntime().refuses(image)
