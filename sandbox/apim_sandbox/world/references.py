"""Names in a world that point at other parts of it: every one that points at nothing. Pure."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from msgspec import Struct

from apim_sandbox.world import resolve
from apim_sandbox.world.model import Subscription, Tenant, World
from apim_sandbox.world.resolve import UnknownNameError

Path = tuple[str | int, ...]


class Dangling(Struct, frozen=True):
    """One end is `path`, where the name is used; the other `declared_at`, where it should stand."""

    path: Path
    declared_at: Path
    noun: str
    name: str
    known: tuple[str, ...]
    where: str
    fix: str


class Duplicate(Struct, frozen=True):
    """Two things of one name: the later one at `path`, the earlier at `first`."""

    path: Path
    first: Path
    noun: str
    name: str


def dangling(world: World) -> list[Dangling]:
    """Every name that points at nothing."""
    return [*_tenants(world), *_subscriptions(world), *_rest(world)]


def duplicates(world: World) -> list[Duplicate]:
    """Every name that two things of one kind have."""
    return list(_duplicates(world))


def _tenants(world: World) -> Iterator[Dangling]:
    for index, tenant in enumerate(world.tenants):
        here: Path = ("tenants", index)

        def member(name: str, owner: Tenant = tenant) -> object:
            return resolve.principal_for(world, owner, name)

        for number, group in enumerate(tenant.groups):
            path = (*here, "groups", number, "members")
            yield from _check(((*path, at), here, name) for at, name in enumerate(group.members))(member)


def _subscriptions(world: World) -> Iterator[Dangling]:
    for index, subscription in enumerate(world.subscriptions):
        here: Path = ("subscriptions", index)
        named = [((*here, "tenant"), ("tenants",), subscription.tenant)]
        unknown = list(_check(named)(partial(resolve.tenant, world)))
        yield from unknown
        if unknown:
            continue
        trusted: Path = ("tenants", world.tenants.index(resolve.tenant(world, subscription.tenant)))
        yield from _authorization(world, subscription, here, trusted)
        yield from _services(subscription, here)


def _authorization(world: World, subscription: Subscription, here: Path, trusted: Path) -> Iterator[Dangling]:
    def role(name: str) -> object:
        return resolve.role(subscription, name)

    def principal(name: str) -> object:
        return name if name == "*" else resolve.principal_for(world, subscription, name)

    def scope(text: str) -> object:
        return resolve.scope(subscription, text)

    groups = (*here, "resourceGroups")
    for number, assignment in enumerate(subscription.role_assignments):
        at: Path = (*here, "roleAssignments", number)
        yield from _check([((*at, "role"), (*here, "roleDefinitions"), assignment.role)])(role)
        yield from _check([((*at, "principal"), trusted, assignment.principal)])(principal)
        yield from _check([((*at, "scope"), groups, assignment.scope)])(scope)
    for number, denial in enumerate(subscription.deny_assignments):
        at = (*here, "denyAssignments", number)
        for key, names in (
            ("principals", denial.principals),
            ("excludePrincipals", denial.exclude_principals),
        ):
            yield from _check(((*at, key, one), trusted, name) for one, name in enumerate(names))(principal)
        yield from _check([((*at, "scope"), groups, denial.scope)])(scope)
    for number, definition in enumerate(subscription.role_definitions):
        at = (*here, "roleDefinitions", number, "assignableScopes")
        yield from _check(
            ((*at, one), groups, text) for one, text in enumerate(definition.assignable_scopes)
        )(scope)


def _services(subscription: Subscription, here: Path) -> Iterator[Dangling]:
    identities = {
        identity.name for group in subscription.resource_groups for identity in group.user_assigned_identities
    }
    for number, group in enumerate(subscription.resource_groups):
        for index, service in enumerate(group.api_management_services):
            at: Path = (*here, "resourceGroups", number, "apiManagementServices", index)
            apis = [api.name for api in service.apis]
            for one, gateway in enumerate(service.gateways):
                yield from _check(
                    ((*at, "gateways", one, "apis", position), (*at, "apis"), name)
                    for position, name in enumerate(gateway.apis)
                )(_among("API", apis, f'apis of service "{service.name}"'))
            hosts = [host for gateway in service.gateways for host in gateway.host_names]
            for one, certificate in enumerate(service.certificates):
                yield from _check(
                    ((*at, "certificates", one, "hostNames", position), (*at, "gateways"), name)
                    for position, name in enumerate(certificate.host_names)
                )(_among("host name", hosts, f'gateways of service "{service.name}"'))
            yield from _check(
                (
                    (*at, "identity", "userAssignedIdentities", position),
                    (*here, "resourceGroups", number),
                    name,
                )
                for position, name in enumerate(service.identity.user_assigned_identities)
            )(_among("user-assigned identity", sorted(identities), "userAssignedIdentities"))


def _rest(world: World) -> Iterator[Dangling]:
    if world.operator is not None:
        yield from _check([(("operator",), ("tenants",), world.operator)])(
            partial(resolve.application, world)
        )
    for index, cluster in enumerate(world.clusters):
        path: Path = ("clusters", index, "webhook", "tenant")
        yield from _check([(path, ("tenants",), cluster.webhook.tenant)])(partial(resolve.tenant, world))
        bindings: Path = ("clusters", index, "identityBindings")
        yield from _check(
            ((*bindings, number, "identity"), ("subscriptions",), binding.identity)
            for number, binding in enumerate(cluster.identity_bindings)
        )(partial(resolve.user_assigned, world))


def _among(noun: str, known: list[str], where: str) -> Callable[[str], object]:
    def find(name: str) -> object:
        if name not in known:
            raise UnknownNameError(noun, name, known, where)
        return name

    return find


def _check(
    uses: Iterable[tuple[Path, Path, str]],
) -> Callable[[Callable[[str], object]], Iterator[Dangling]]:
    def against(find: Callable[[str], object]) -> Iterator[Dangling]:
        for path, declared_at, name in uses:
            try:
                find(name)
            except UnknownNameError as error:
                yield Dangling(path, declared_at, error.noun, error.name, error.known, error.where, error.fix)

    return against


def _duplicates(world: World) -> Iterator[Duplicate]:
    yield from _same(("tenants",), [one.name for one in world.tenants], "tenant")
    for index, tenant in enumerate(world.tenants):
        yield from _tenant_duplicates(tenant, ("tenants", index))
    yield from _same(("subscriptions",), [one.name for one in world.subscriptions], "subscription")
    service_names: dict[str, Path] = {}
    for index, subscription in enumerate(world.subscriptions):
        here: Path = ("subscriptions", index)
        roles = [one.name for one in subscription.role_definitions]
        yield from _same((*here, "roleDefinitions"), roles, "role definition")
        groups = [one.name.lower() for one in subscription.resource_groups]
        yield from _same((*here, "resourceGroups"), groups, "resource group")
        for number, group in enumerate(subscription.resource_groups):
            at: Path = (*here, "resourceGroups", number, "apiManagementServices")
            for position, service in enumerate(group.api_management_services):
                path = (*at, position)
                first = service_names.setdefault(service.name.lower(), path)
                if first != path:  # a service's name is its host name: unique in all the world
                    yield Duplicate(path, first, "API Management service", service.name)
                yield from _same((*path, "apis"), [one.name for one in service.apis], "API")
                yield from _same((*path, "gateways"), [one.name for one in service.gateways], "gateway")
                names = [one.name for one in service.certificates]
                yield from _same((*path, "certificates"), names, "certificate")
    yield from _same(("clusters",), [one.name for one in world.clusters], "cluster")
    yield from _same(("clusters",), [one.issuer for one in world.clusters], "cluster with issuer")


def _tenant_duplicates(tenant: Tenant, here: Path) -> Iterator[Duplicate]:
    yield from _same((*here, "applications"), [one.name for one in tenant.applications], "application")
    yield from _same((*here, "groups"), [one.name for one in tenant.groups], "group")
    yield from _same((*here, "users"), [one.name for one in tenant.users], "user")
    for number, application in enumerate(tenant.applications):
        at: Path = (*here, "applications", number, "federatedIdentityCredentials")
        names = [one.name for one in application.federated_identity_credentials]
        yield from _same(at, names, "federated identity credential")


def _same(parent: Path, names: list[str], noun: str) -> Iterator[Duplicate]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        earlier = first.setdefault(name, index)
        if earlier != index:
            yield Duplicate((*parent, index), (*parent, earlier), noun, name)
