"""What a world's names mean: principals, scopes and roles as object ids and resource ids. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from msgspec import Struct

from apim_emulators.arm.builtin_roles import BUILTIN_ROLES
from apim_sandbox.documents import nearest
from apim_sandbox.world.model import (
    ApiManagementService,
    Application,
    ResourceGroup,
    Subscription,
    Tenant,
    UserAssignedIdentity,
    World,
)

PrincipalType = Literal["ServicePrincipal", "Group", "User"]

# Azure's built-in roles by name: those that ARM has.
BUILT_IN_ROLES = {role.role_name: role.id for role in BUILTIN_ROLES}


class UnknownNameError(LookupError):
    """A name that points at nothing: what was looked for, and what there is."""

    def __init__(self, noun: str, name: str, known: Iterable[str], where: str) -> None:
        self.noun = noun
        self.name = name
        self.known = tuple(known)
        self.where = where  # the key of the world file under which such a thing is declared
        self.nearest = nearest(name, self.known)
        listed = ", ".join(f'"{one}"' for one in self.known) or "none"
        super().__init__(f'{noun} "{name}" does not exist; {where} has {listed}')

    @property
    def fix(self) -> str:
        if self.nearest is not None:
            return f'write "{self.nearest}"'
        return f"declare it under {self.where}, or name one that is there"


class Principal(Struct, frozen=True):
    """Whom a role can be assigned to. `name` is empty for a bare object id."""

    object_id: str
    type: PrincipalType
    name: str = ""


def tenant(world: World, name: str = "") -> Tenant:
    """The tenant called `name` (its domain or id); the first one for an empty name."""
    if not name:
        return world.tenants[0]
    for candidate in world.tenants:
        if name.lower() in (candidate.name.lower(), candidate.id):
            return candidate
    raise UnknownNameError("tenant", name, [one.name for one in world.tenants], "tenants")


def application(world: World, name: str) -> Application:
    """The first application called `name` of any tenant."""
    everything = [one for each in world.tenants for one in each.applications]
    for candidate in everything:
        if candidate.name == name:
            return candidate
    raise UnknownNameError("application", name, [one.name for one in everything], "tenants[].applications")


def principal(owner: Tenant, subscriptions: Iterable[Subscription], name: str) -> Principal:
    """The principal called `name` in the tenant `owner` and the `subscriptions` that trust it."""
    kind, colon, rest = name.partition(":")
    find = _FINDERS.get(kind) if colon else None
    if find is not None:
        return find(owner, list(subscriptions), rest)
    if _looks_like_guid(name):
        return Principal(name.lower(), "ServicePrincipal")
    for candidate in owner.applications:
        if candidate.name == name:
            if candidate.service_principal is None:
                raise UnknownNameError(
                    "service principal of application", name, [], f'servicePrincipal of application "{name}"'
                )
            return Principal(candidate.service_principal.object_id, "ServicePrincipal", name)
    known = [one.name for one in owner.applications]
    known += [f"{prefix}:{one}" for prefix, listed in _LISTS.items() for one in listed(owner, subscriptions)]
    raise UnknownNameError("principal", name, known, f'tenant "{owner.name}"')


def principal_for(world: World, owner: Subscription | Tenant, name: str) -> Principal:
    """Whom `name` means in a tenant, or in the one that a subscription trusts."""
    trusted = tenant(world, owner.tenant) if isinstance(owner, Subscription) else owner
    trusting = [one for one in world.subscriptions if tenant(world, one.tenant).id == trusted.id]
    return principal(trusted, trusting, name)


def user_assigned(world: World, name: str) -> tuple[str, UserAssignedIdentity]:
    """The first user-assigned identity called `name` of any subscription, with its tenant's id."""
    known = []
    for subscription in world.subscriptions:
        for group in subscription.resource_groups:
            for identity in group.user_assigned_identities:
                if identity.name == name:
                    return tenant(world, subscription.tenant).id, identity
                known.append(identity.name)
    raise UnknownNameError("user-assigned identity", name, known, "userAssignedIdentities")


def scope(subscription: Subscription, text: str) -> str:
    """A scope as a resource id: `subscription`, `resourceGroup:NAME`, `service:NAME`,
    `gateway:SERVICE/NAME`, `identity:NAME`, or a resource id as it is."""
    root = f"/subscriptions/{subscription.id}"
    if text.startswith("/"):
        return text.rstrip("/") or "/"
    if text == "subscription":
        return root
    kind, _, name = text.partition(":")
    groups = subscription.resource_groups
    if kind == "resourceGroup":
        for group in groups:
            if group.name.lower() == name.lower():
                return f"{root}/resourceGroups/{group.name}"
        raise UnknownNameError("resource group", name, [one.name for one in groups], "resourceGroups")
    if kind == "service":
        return service_id(subscription, name)
    if kind == "gateway":
        owner, _, gateway = name.partition("/")
        for _, service in services(subscription):
            if service.name.lower() == owner.lower():
                known = [one.name for one in service.gateways]
                if gateway not in known:
                    raise UnknownNameError("gateway", gateway, known, f'gateways of service "{service.name}"')
                return f"{service_id(subscription, service.name)}/gateways/{gateway}"
        return service_id(subscription, owner)
    if kind == "identity":
        for group in groups:
            for identity in group.user_assigned_identities:
                if identity.name == name:
                    return identity_id(subscription, group, identity.name)
        raise UnknownNameError(
            "user-assigned identity", name, _identities(None, [subscription]), "userAssignedIdentities"
        )
    known = ["subscription", "resourceGroup:NAME", "service:NAME", "gateway:SERVICE/NAME", "identity:NAME"]
    raise UnknownNameError("scope", text, known, "a scope's forms, a resource id besides,")


def role(subscription: Subscription, name: str) -> str:
    """The full id of the role called `name`: custom of the subscription, built-in, or by GUID."""
    prefix = f"/subscriptions/{subscription.id}/providers/Microsoft.Authorization/roleDefinitions/"
    if name.startswith("/"):
        return name
    if _looks_like_guid(name):
        return prefix + name.lower()
    for definition in subscription.role_definitions:
        if definition.name == name:
            return prefix + definition.id
    if name in BUILT_IN_ROLES:
        return BUILT_IN_ROLES[name]
    known = [one.name for one in subscription.role_definitions] + list(BUILT_IN_ROLES)
    raise UnknownNameError("role", name, known, "roleDefinitions")


def services(subscription: Subscription) -> Iterator[tuple[ResourceGroup, ApiManagementService]]:
    """Every API Management service with its resource group."""
    for group in subscription.resource_groups:
        for service in group.api_management_services:
            yield group, service


def service_id(subscription: Subscription, name: str) -> str:
    """The resource id of an API Management service."""
    for group, service in services(subscription):
        if service.name.lower() == name.lower():
            return (
                f"/subscriptions/{subscription.id}/resourceGroups/{group.name}"
                f"/providers/Microsoft.ApiManagement/service/{service.name}"
            )
    known = [one.name for _, one in services(subscription)]
    raise UnknownNameError("API Management service", name, known, "apiManagementServices")


def identity_id(subscription: Subscription, group: ResourceGroup, name: str) -> str:
    """The resource id of a user-assigned identity."""
    return (
        f"/subscriptions/{subscription.id}/resourceGroups/{group.name}"
        f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    )


def _service_principal(_owner: Tenant, subscriptions: list[Subscription], name: str) -> Principal:
    for subscription in subscriptions:
        for _, service in services(subscription):
            if service.name.lower() == name.lower():
                if not service.identity.has_system_assigned:
                    raise UnknownNameError(
                        "system-assigned identity of service", name, [], f'identity of service "{name}"'
                    )
                return Principal(service.identity.principal_id, "ServicePrincipal", service.name)
    known = _services(None, subscriptions)
    raise UnknownNameError("API Management service", name, known, "apiManagementServices")


def _identity(_owner: Tenant, subscriptions: list[Subscription], name: str) -> Principal:
    for subscription in subscriptions:
        for group in subscription.resource_groups:
            for identity in group.user_assigned_identities:
                if identity.name == name:
                    return Principal(identity.principal_id, "ServicePrincipal", name)
    known = _identities(None, subscriptions)
    raise UnknownNameError("user-assigned identity", name, known, "userAssignedIdentities")


def _group(owner: Tenant, _subscriptions: list[Subscription], name: str) -> Principal:
    for group in owner.groups:
        if group.name == name:
            return Principal(group.object_id, "Group", name)
    raise UnknownNameError("group", name, [one.name for one in owner.groups], "tenants[].groups")


def _user(owner: Tenant, _subscriptions: list[Subscription], name: str) -> Principal:
    for user in owner.users:
        if user.name == name:
            return Principal(user.object_id, "User", name)
    raise UnknownNameError("user", name, [one.name for one in owner.users], "tenants[].users")


def _services(_owner: Tenant | None, subscriptions: Iterable[Subscription]) -> list[str]:
    return [service.name for one in subscriptions for _, service in services(one)]


def _identities(_owner: Tenant | None, subscriptions: Iterable[Subscription]) -> list[str]:
    groups = [group for one in subscriptions for group in one.resource_groups]
    return [identity.name for group in groups for identity in group.user_assigned_identities]


def _looks_like_guid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4


_FINDERS: dict[str, Callable[[Tenant, list[Subscription], str], Principal]] = {
    "service": _service_principal,
    "identity": _identity,
    "group": _group,
    "user": _user,
}
_LISTS: dict[str, Callable[[Tenant, Iterable[Subscription]], list[str]]] = {
    "service": _services,
    "identity": _identities,
    "group": lambda owner, _subscriptions: [one.name for one in owner.groups],
    "user": lambda owner, _subscriptions: [one.name for one in owner.users],
}
