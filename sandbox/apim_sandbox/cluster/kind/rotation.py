"""A new signing key for the API server, with its old one kept or not, published or not.

The order is that of the operators' guide (azure-workload-identity, service-account-key-rotation): new
pair, JWKS, the static pod's restart, the `kid` of a fresh token. What goes wrong in the field is a step
left out: JWKS not updated, or the old key gone while tokens that it signed still live.
"""

import json
from pathlib import Path

from apim_emulators.core.jose import JoseError, SigningKey, parse
from apim_emulators.core.keys import FreshKeys, signing_key
from apim_sandbox.cluster.kind import containers, node, tools, webhook
from apim_sandbox.cluster.kind.keys import public_pem
from apim_sandbox.cluster.kind.layout import Layout, owner
from apim_sandbox.cluster.kind.waiting import until
from apim_sandbox.instance import InstanceError, write_private

RESTART_TIMEOUT = 180.0  # seconds
_STAGE = ("kube-system", "local-path-storage", webhook.NAMESPACE)
# The kubelet makes a static pod anew when its manifest changes. `mv` is atomic: it never sees half a file.
# Prints the id of the API server's process.
_RESTART = """
set -e
pgrep -x kube-apiserver || true
cd /etc/kubernetes
for part in kube-apiserver kube-controller-manager; do
  grep -v 'apim-sandbox/signing-key' manifests/$part.yaml > $part.new
  grep -q '^  annotations:' $part.new || sed -i 's/^metadata:/metadata:\\n  annotations:/' $part.new
  sed -i 's|^  annotations:|&\\n    apim-sandbox/signing-key: "KID"|' $part.new
  mv $part.new manifests/$part.yaml
done
"""


async def rotate(layout: Layout, *, keep_old: bool, publish: bool) -> str:
    """Let the API server sign with a new key; its `kid`. Raises `InstanceError`.

    Without `keep_old` neither the API server nor JWKS knows the earlier keys any more: tokens that they
    signed are worth nothing. Without `publish` JWKS does not show the new one.
    """
    await _running(layout)
    key = signing_key(FreshKeys().rsa("oidc"))
    known = layout.public_key.read_text() if keep_old else ""
    shown = layout.published_keys.read_text() if keep_old else ""
    new = public_pem(key.public)
    _overwrite(layout.public_key, new + known)
    _overwrite(layout.signing_key, key.pem().decode())
    write_private(layout.published_keys, (new if publish else "") + shown)
    await _restart_issuer(layout)
    await _restart_api_server(layout, key)
    if not keep_old:
        await _restart_stage(layout)
    return key.kid


async def publish(layout: Layout) -> None:
    """Let JWKS show every key that the API server verifies with. Raises `InstanceError`."""
    await _running(layout)
    write_private(layout.published_keys, layout.public_key.read_text())
    await _restart_issuer(layout)


async def _running(layout: Layout) -> None:
    found = await node.find(layout)
    if found is None or not found.ours or not found.running:
        raise InstanceError(f"cluster {layout.name} does not run", layout.command("up"))


async def _restart_issuer(layout: Layout) -> None:
    containers.hand_over(layout, owner((await tools.check()).rootless))
    name = layout.container("oidc")
    await tools.run("docker", "restart", "-t", "2", name)
    healthy = ("docker", "inspect", "--format", "{{.State.Health.Status}}", name)

    async def answers() -> bool:
        return (await tools.run(*healthy)).strip() == "healthy"

    await until(layout, "the issuer answers", RESTART_TIMEOUT, answers)


async def _restart_api_server(layout: Layout, key: SigningKey) -> None:
    inside = ("docker", "exec", layout.node, "sh", "-c")
    old = (await tools.run(*inside, _RESTART.replace("KID", key.kid))).split()

    async def ending() -> bool:
        return not await tools.succeeds(*layout.kubectl, "get", "--raw", "/livez")

    await until(layout, "the API server ends", RESTART_TIMEOUT, ending)
    # It answers nobody any more, but waits for its watches, for all of its thirty seconds' grace.
    await tools.run(*inside, f"kill -KILL {' '.join(old)} || true")

    async def signs() -> bool:
        """Whether a fresh token is signed with the new key."""
        try:
            text = await tools.run(*layout.kubectl, "create", "token", "default")
            return parse(text.strip()).header.get("kid") == key.kid
        except (tools.ToolError, JoseError):
            return False

    await until(layout, "the API server signs with the new key", RESTART_TIMEOUT, signs)


async def _restart_stage(layout: Layout) -> None:
    """The cluster's own pods hold tokens of the old key; whoever rotates like that restarts every pod."""
    for namespace in _STAGE:
        listed = json.loads(
            await tools.run(
                *layout.kubectl, "--namespace", namespace, "get", "deployments,daemonsets", "-o", "json"
            )
        )
        for one in listed["items"]:
            what = f"{one['kind'].lower()}/{one['metadata']['name']}"
            await tools.run(*layout.kubectl, "--namespace", namespace, "rollout", "restart", what)
    await tools.run(
        *layout.kubectl, "--namespace", webhook.NAMESPACE, "rollout", "status", webhook.DEPLOYMENT,
        f"--timeout={RESTART_TIMEOUT:g}s", timeout=RESTART_TIMEOUT + 10,
    )  # fmt: skip


def _overwrite(path: Path, text: str) -> None:
    """In place: the node has this very file mounted, and would go on seeing the one that was replaced."""
    with path.open("r+") as file:
        file.truncate()
        file.write(text)
