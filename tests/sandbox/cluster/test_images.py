"""Pull policies, where they matter: the rolling v2 tag, and images that must be there already."""

from pathlib import Path

import pytest
from tests.sandbox.cluster.rig import MANIFEST, NAMESPACE, Rig, rig

pytestmark = pytest.mark.anyio
TEXT = MANIFEST.read_text()
IMAGE = "mcr.microsoft.com/azure-api-management/gateway:v2"


async def _pulled(sandbox: Rig) -> list[str]:
    return [message for reason, message, _ in await sandbox.reasons() if reason == "Pulled"]


async def _twice(sandbox: Rig, text: str) -> list[str]:
    await sandbox.apply(text)
    await sandbox.sleep(2)
    await sandbox.cluster.delete_pod(NAMESPACE, (await sandbox.pod()).name)
    await sandbox.sleep(2)
    return await _pulled(sandbox)


async def test_a_cached_rolling_tag_is_not_pulled_again(tmp_path: Path) -> None:
    """`v2` moves with each release; with IfNotPresent the node goes on with the one it has."""
    async with rig(tmp_path) as sandbox:
        assert await _twice(sandbox, TEXT) == [
            f'Successfully pulled image "{IMAGE}"',
            f'Container image "{IMAGE}" already present on machine',
        ]


async def test_always_pulls_each_time(tmp_path: Path) -> None:
    """Also what `latest` and a missing tag mean."""
    always = TEXT.replace(f"image: {IMAGE}", f"image: {IMAGE}\n        imagePullPolicy: Always")
    async with rig(tmp_path) as sandbox:
        assert await _twice(sandbox, always) == [f'Successfully pulled image "{IMAGE}"'] * 2


async def test_never_needs_the_image_on_the_node(tmp_path: Path) -> None:
    """ErrImageNeverPull without it."""
    never = TEXT.replace(f"image: {IMAGE}", f"image: {IMAGE}\n        imagePullPolicy: Never")
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(never)
        await sandbox.sleep(20)
        pod = await sandbox.pod()
        assert (pod.phase, pod.reason, pod.message) == (
            "Pending",
            "ErrImageNeverPull",
            f'Container image "{IMAGE}" is not present with pull policy of Never',
        )
    async with rig(tmp_path, cached_images=(IMAGE,)) as sandbox:
        await sandbox.apply(never)
        await sandbox.sleep(2)
        assert (await sandbox.pod()).ready
