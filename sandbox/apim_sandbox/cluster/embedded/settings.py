"""How an embedded cluster is set up."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from apim_emulators.core.vocabulary import KUBERNETES_HOST, ServiceAccountName
from apim_sandbox.cluster.embedded.admission import WebhookSettings
from apim_sandbox.cluster.embedded.objects import Raw
from apim_sandbox.cluster.embedded.quantity import NodeSize
from apim_sandbox.world.model import World

NO_TLS = "# no certificate authority: connections in virtual time have no TLS\n"


class ClusterSettings(Struct, frozen=True):
    """`accounts` exist from the start, `cached_images` are on the node.

    `identities` maps service accounts that a federated credential of the world names to client ids:
    `attach` makes such an account when no manifest has. `root_ca` (PEM) is what every namespace's
    ConfigMap kube-root-ca.crt holds, where the cluster has one; `addresses` maps what pods' variables name
    to where it is on this machine.
    """

    name: str
    state_dir: Path
    admin_token: str
    kubernetes_url: str = f"https://{KUBERNETES_HOST}"
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    node: NodeSize = field(default_factory=NodeSize)
    accounts: tuple[Raw, ...] = ()
    cached_images: tuple[str, ...] = ()
    identities: Mapping[ServiceAccountName, str] = field(default_factory=dict)
    default_namespace: str = "default"
    root_ca: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)


def from_world(world: World, name: str, *, state_dir: Path, admin_token: str) -> ClusterSettings:
    """The settings of the world's cluster called `name`. Raises `KeyError` when there is none."""
    cluster = next((one for one in world.clusters if one.name == name), None)
    if cluster is None:
        raise KeyError(name)
    hook = cluster.webhook
    return ClusterSettings(
        name=name,
        state_dir=state_dir,
        admin_token=admin_token,
        webhook=WebhookSettings(
            enabled=hook.enabled,
            profile=hook.profile,
            failure_policy=hook.failure_policy,
            timeout=hook.timeout,
            namespace_selector=dict(hook.namespace_selector),
            rotates=hook.rotate_certificates,
        ),
        node=NodeSize(cluster.node.name, cluster.node.cpu, cluster.node.memory),
        accounts=tuple(
            service_account(ServiceAccountName(one.namespace, one.name), one.labels, one.annotations)
            for one in cluster.service_accounts
        ),
        identities=_identities(world, cluster.issuer),
        root_ca=NO_TLS if cluster.identity_bindings else "",
    )


def service_account(
    account: ServiceAccountName, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Raw:
    """A ServiceAccount object."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": account.name,
            "namespace": account.namespace,
            "labels": dict(labels),
            "annotations": dict(annotations),
        },
    }


def _identities(world: World, issuer: str) -> dict[ServiceAccountName, str]:
    """By the credentials of this cluster's issuer first, then by those of an issuer that no cluster has.

    A credential with a mistake in its issuer is still meant for somebody: Entra is to say what is wrong.
    """
    found: dict[ServiceAccountName, str] = {}
    elsewhere = {one.issuer for one in world.clusters} - {issuer}
    holders = [
        (one.app_id, one.federated_identity_credentials)
        for each in world.tenants
        for one in each.applications
    ] + [
        (identity.client_id, identity.federated_identity_credentials)
        for each in world.subscriptions
        for group in each.resource_groups
        for identity in group.user_assigned_identities
    ]
    named = [
        (credential.issuer, parts, client_id)
        for client_id, credentials in holders
        for credential in credentials
        if (parts := credential.subject.split(":"))[:2] == ["system", "serviceaccount"] and len(parts) == 4
    ]
    for own in (True, False):
        for its_issuer, parts, client_id in named:
            if its_issuer not in elsewhere and (its_issuer == issuer) is own:
                found.setdefault(ServiceAccountName(parts[2], parts[3]), client_id)
    return found
