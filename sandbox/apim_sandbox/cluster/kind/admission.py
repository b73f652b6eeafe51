"""Puts a webhook into the cluster and waits until it really admits."""

import json

from apim_sandbox.cluster.kind import tools, views, webhook
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.cluster.kind.waiting import until
from apim_sandbox.cluster.kind.webhook import Variant
from apim_sandbox.instance import InstanceError
from apim_sandbox.world.model import World

ADMITS_TIMEOUT = 120.0  # seconds


async def install(layout: Layout, world: World, variant: Variant, own: str) -> str:
    """Apply the variant's manifests; the profile by which a labelled pod then comes back mutated.

    `own` is the sandbox's image. Raises `InstanceError` when the webhook's pod does not get ready, with
    what it says, or when the webhook does not admit.
    """
    text = webhook.manifests(world, variant, own)
    await tools.run(
        *layout.kubectl, "apply", "--server-side", "--force-conflicts", "--field-manager=apim-sandbox",
        "-f", "-", stdin=text,
    )  # fmt: skip
    rolled_out = await tools.succeeds(
        *layout.kubectl, "--namespace", webhook.NAMESPACE, "rollout", "status", webhook.DEPLOYMENT,
        f"--timeout={ADMITS_TIMEOUT:g}s", timeout=ADMITS_TIMEOUT + 10,
    )  # fmt: skip
    if not rolled_out:
        raise InstanceError(
            f"the webhook's pod is not ready after {ADMITS_TIMEOUT:g} s: {await _pods(layout)}",
            layout.command("logs webhook"),
        )
    profile = ""

    async def admits() -> bool:
        nonlocal profile
        profile = await _profile(layout)
        return bool(profile)

    await until(layout, "the webhook admits", ADMITS_TIMEOUT, admits)
    return profile


async def _profile(layout: Layout) -> str:
    """Whose doing a labelled pod's mutation is, empty while nobody mutates it."""
    try:
        answer = await tools.run(
            *layout.kubectl, "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=webhook.probe_pod()
        )
    except tools.ToolError:
        return ""
    found = views.mutation(json.loads(answer), None)
    return found.profile if found is not None else ""


async def _pods(layout: Layout) -> str:
    """What the webhook's pods say of themselves."""
    listed = await tools.run(*layout.kubectl, "--namespace", webhook.NAMESPACE, "get", "pods", "-o", "json")
    told = [views.view(pod) for pod in json.loads(listed)["items"]]
    return "; ".join(f"{one.name} {one.reason or one.phase} {one.message}".strip() for one in told) or "none"
