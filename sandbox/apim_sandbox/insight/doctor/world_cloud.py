"""A world file's objects as the doctor's `Cloud`."""

from collections.abc import Iterator

from apim_emulators.arm.builtin_roles import BUILTIN_ROLES
from apim_emulators.core.rbac import DenyAssignment, Permission, RoleAssignment, RoleDefinition, role_guid
from apim_sandbox.insight.doctor.cloud import (
    Access,
    Cloud,
    Cluster,
    Credential,
    Identity,
    Password,
    Service,
    Webhook,
)
from apim_sandbox.world import model, resolve
from apim_sandbox.world.resolve import services


def from_world(world: model.World, source: str = "the world", *, now: float = 0.0) -> Cloud:
    """All of it is known; what ends counts from `now`, as if the world began then."""
    return Cloud(
        source=source,
        tenants=tuple(name for one in world.tenants for name in (one.id, one.name)),
        identities=tuple(_identities(world, now)),
        services=tuple(_services(world)),
        clusters=tuple(_cluster(one) for one in world.clusters),
        access=_access(world),
    )


def _identities(world: model.World, now: float) -> Iterator[Identity]:
    for tenant in world.tenants:
        for one in tenant.applications:
            principal = one.service_principal
            yield Identity(
                one.name,
                "application",
                one.app_id,
                one.object_id,
                principal.object_id if principal else "",
                principal.enabled if principal else True,
                _credentials(one.federated_identity_credentials),
                tuple(
                    Password(each.name, now + each.expires_in, (each.value or "")[:3])
                    for each in one.client_secrets
                ),
            )
    for subscription in world.subscriptions:
        for group in subscription.resource_groups:
            for identity in group.user_assigned_identities:
                yield Identity(
                    identity.name,
                    "identity",
                    identity.client_id,
                    principal_id=identity.principal_id,
                    credentials=_credentials(identity.federated_identity_credentials),
                )


def _credentials(found: tuple[model.FederatedIdentityCredential, ...]) -> tuple[Credential, ...]:
    return tuple(Credential(one.name, one.issuer, one.subject, one.audiences[0]) for one in found)


def _services(world: model.World) -> Iterator[Service]:
    for subscription in world.subscriptions:
        for _, one in services(subscription):
            system = one.identity.principal_id if one.identity.has_system_assigned else ""
            yield Service(
                resolve.service_id(subscription, one.name),
                one.name,
                one.sku.name,
                system,
                {gateway.name: gateway.apis for gateway in one.gateways},
            )


def _cluster(one: model.Cluster) -> Cluster:
    webhook = one.webhook
    return Cluster(
        one.issuer,
        Webhook(
            webhook.enabled,
            webhook.audience,
            webhook.environment,
            dict(webhook.namespace_selector),
            webhook.failure_policy,
        ),
        one.node.cpu,
        one.node.memory,
        tuple((account.namespace, account.name) for account in one.service_accounts),
    )


def _access(world: model.World) -> Access:
    definitions = {role_guid(one.id): one for one in BUILTIN_ROLES}
    assignments: list[RoleAssignment] = []
    denials: list[DenyAssignment] = []
    for subscription in world.subscriptions:
        for role in subscription.role_definitions:
            full = resolve.role(subscription, role.name)
            definitions[role_guid(full)] = RoleDefinition(full, role.name, (_permission(role),))
        for one in subscription.role_assignments:
            principal = resolve.principal_for(world, subscription, one.principal)
            assignments.append(
                RoleAssignment(
                    one.id,
                    resolve.scope(subscription, one.scope),
                    resolve.role(subscription, one.role),
                    principal.object_id,
                    principal.type,
                )
            )
        denials += [
            DenyAssignment(
                denial.id,
                denial.name,
                resolve.scope(subscription, denial.scope),
                (_permission(denial),),
                tuple(_principal(world, subscription, name) for name in denial.principals),
                tuple(_principal(world, subscription, name) for name in denial.exclude_principals),
                denial.applies_to_children,
            )
            for denial in subscription.deny_assignments
        ]
    return Access(tuple(assignments), definitions, tuple(denials), _groups(world))


def _permission(one: model.Permissions) -> Permission:
    return Permission(one.actions, one.not_actions, one.data_actions, one.not_data_actions)


def _principal(world: model.World, subscription: model.Subscription, name: str) -> str:
    return name if name == "*" else resolve.principal_for(world, subscription, name).object_id


def _groups(world: model.World) -> dict[str, tuple[str, ...]]:
    """Each member with all groups that it is in, groups of groups included."""
    direct: dict[str, list[str]] = {}
    for tenant in world.tenants:
        for group in tenant.groups:
            for member in group.members:
                found = resolve.principal_for(world, tenant, member).object_id
                direct.setdefault(found, []).append(group.object_id)
    groups: dict[str, tuple[str, ...]] = {}
    for member, own in direct.items():
        reached: list[str] = []
        waiting = list(own)
        while waiting:
            one = waiting.pop(0)
            if one not in reached:
                reached.append(one)
                waiting += direct.get(one, [])
        groups[member] = tuple(reached)
    return groups
