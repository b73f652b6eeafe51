"""A world becomes the emulators' state: each emulator gets its own slice.

Loading is the one bootstrap that does not go through the public routes: until it has happened there
is nobody who could be authorized. All later changes do. `announce_*` tells the journal what there is,
whether it was loaded now or by an earlier run, so that explanations can name it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import to_builtins

from apim_emulators.apim import model as apim
from apim_emulators.apim.parts import HostnameConfiguration, NamedValue, Part, Policy
from apim_emulators.apim.parts import Subscription as ApiSubscription
from apim_emulators.apim.state import ApimState
from apim_emulators.arm.model import ManagedCluster
from apim_emulators.arm.model import ResourceGroup as ArmResourceGroup
from apim_emulators.arm.model import Subscription as ArmSubscription
from apim_emulators.arm.model import UserAssignedIdentity as ArmIdentity
from apim_emulators.arm.state import ArmState
from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.ids import Ids, derived_uuid
from apim_emulators.core.journal import Journal
from apim_emulators.core.rbac import DenyAssignment, Permission, RoleAssignment, RoleDefinition
from apim_emulators.core.vocabulary import Audience, ClientId, Issuer, ObjectId, Subject, TenantId
from apim_emulators.entra import model as entra
from apim_emulators.entra.state import Directory
from apim_emulators.oidc.model import IdentityBinding
from apim_sandbox.world import model, resolve
from apim_sandbox.world.operator import Operator

BY = "world"


def seed_entra(world: model.World, directory: Directory, ids: Ids, now: float, operator_secret: str) -> None:
    """Tenants, applications, principals, credentials, groups."""
    for tenant in world.tenants:
        directory.put_tenant(
            entra.Tenant(TenantId(tenant.id), tenant.name, tenant.display_name or tenant.name)
        )
        for application in tenant.applications:
            _application(world, tenant, application, directory, ids, now, operator_secret)
        for user in tenant.users:
            principal_name = f"{user.name}@{tenant.name}"
            directory.put_user(
                entra.User(ObjectId(user.object_id), TenantId(tenant.id), user.name, principal_name)
            )
        trusting = [one for one in world.subscriptions if resolve.tenant(world, one.tenant) is tenant]
        for group in tenant.groups:
            members = [resolve.principal(tenant, trusting, member).object_id for member in group.members]
            directory.put_group(
                entra.Group(
                    ObjectId(group.object_id), TenantId(tenant.id), group.name, tuple(map(ObjectId, members))
                )
            )
    for subscription in world.subscriptions:
        owner = resolve.tenant(world, subscription.tenant)
        for group_of_resources in subscription.resource_groups:
            for identity in group_of_resources.user_assigned_identities:
                resource_id = resolve.identity_id(subscription, group_of_resources, identity.name)
                _user_assigned(directory, owner.id, identity, resource_id)
    for cluster in world.clusters:
        for binding in identity_bindings(world, cluster):
            _trust_binding(world, directory, binding)
        for _, service in resolve.services(subscription):
            if service.identity.has_system_assigned:
                _system_assigned(directory, owner.id, service, resolve.service_id(subscription, service.name))


def announce_entra(directory: Directory, journal: Journal) -> None:
    """Tell the journal which applications, service principals and federated credentials there are."""
    for application in directory.list_applications():
        journal.append(
            _created("application", application.object_id, application.display_name, to_builtins(application))
        )
        for credential in directory.list_federated_credentials(application.object_id):
            journal.append(
                _created(
                    "federatedIdentityCredential", credential.id, credential.name, to_builtins(credential)
                )
            )
    for principal in directory.list_service_principals():
        journal.append(
            _created("servicePrincipal", principal.object_id, principal.display_name, to_builtins(principal))
        )


def seed_arm(world: model.World, state: ArmState) -> None:
    """Subscriptions, resource groups, identities, clusters, roles and assignments."""
    for subscription in world.subscriptions:
        owner = resolve.tenant(world, subscription.tenant)
        state.put_subscription(ArmSubscription(subscription.id, owner.id, subscription.name))
        for group in subscription.resource_groups:
            state.put_resource_group(ArmResourceGroup(subscription.id, group.name, group.location))
            for identity in group.user_assigned_identities:
                state.put_identity(
                    ArmIdentity(
                        resolve.identity_id(subscription, group, identity.name),
                        owner.id, identity.principal_id, identity.client_id, identity.location,
                    )
                )  # fmt: skip
        _clusters(world, subscription, state)
        _access(owner, subscription, state)


def announce_arm(state: ArmState, journal: Journal) -> None:
    """Tell the journal which custom roles and assignments there are."""
    for record in state.role_assignments():
        assignment = record.assignment
        role = state.role_definition(assignment.role_definition_id)
        name = role.definition.role_name if role else ""
        journal.append(_created("roleAssignment", assignment.id, name, to_builtins(assignment)))
    for definition in (record.definition for record in state.role_definitions()):
        if definition.custom:
            journal.append(
                _created("roleDefinition", definition.id, definition.role_name, to_builtins(definition))
            )


def _application(
    world: model.World, tenant: model.Tenant, application: model.Application, directory: Directory,
    ids: Ids, now: float, operator_secret: str,
) -> None:  # fmt: skip
    owner = ObjectId(application.object_id)
    directory.put_application(
        entra.Application(
            object_id=owner, app_id=ClientId(application.app_id), tenant=TenantId(tenant.id),
            display_name=application.name, created=now,
            sign_in_audience="AzureADMultipleOrgs" if application.multi_tenant else "AzureADMyOrg",
        )
    )  # fmt: skip
    principal = application.service_principal
    if principal is not None:
        directory.put_service_principal(
            entra.ServicePrincipal(
                object_id=ObjectId(principal.object_id), app_id=ClientId(application.app_id),
                tenant=TenantId(tenant.id), display_name=application.name,
                enabled=principal.enabled, graph_roles=application.graph_roles, created=now,
            )
        )  # fmt: skip
    for credential in application.federated_identity_credentials:
        directory.put_federated_credential(_credential(credential, owner))
    is_operator = world.operator == application.name
    for number, secret in enumerate(application.client_secrets):
        value = secret.value or (operator_secret if is_operator and number == 0 else ids.secret(40))
        directory.add_password(
            owner, value, key_id=secret.key_id, salt=ids.secret(16), display_name=secret.name,
            start=now - 300, end=now + secret.expires_in,
        )  # fmt: skip


def _user_assigned(
    directory: Directory, tenant: str, identity: model.UserAssignedIdentity, resource_id: str
) -> None:
    owner = ObjectId(identity.principal_id)
    directory.put_service_principal(
        entra.ServicePrincipal(
            object_id=owner, app_id=ClientId(identity.client_id), tenant=TenantId(tenant),
            display_name=identity.name, type="ManagedIdentity", resource_id=resource_id,
            alternative_names=("isExplicit=True", resource_id),
        )
    )  # fmt: skip
    for credential in identity.federated_identity_credentials:
        directory.put_federated_credential(_credential(credential, owner))


def identity_bindings(world: model.World, cluster: model.Cluster) -> list[IdentityBinding]:
    """The cluster's identity bindings as its issuer and its token proxy know them."""
    found = []
    for binding in cluster.identity_bindings:
        tenant_id, identity = resolve.user_assigned(world, binding.identity)
        found.append(IdentityBinding(cluster.name, binding.name, identity.client_id, tenant_id))
    return found


def _trust_binding(world: model.World, directory: Directory, binding: IdentityBinding) -> None:
    """AKS makes one federated credential an identity, for all its bindings."""
    principal = directory.find_service_principal(binding.tenant_id, binding.client_id)
    assert principal is not None, "seeded before"
    credential = model.FederatedIdentityCredential(
        name="aks-identity-binding", issuer=binding.issuer, subject=binding.client_id,
        id=derived_uuid(world.name, "identity-binding", binding.client_id),
    )  # fmt: skip
    directory.put_federated_credential(_credential(credential, principal.object_id))


def _system_assigned(
    directory: Directory, tenant: str, service: model.ApiManagementService, resource_id: str
) -> None:
    """Azure makes it with the service: roles can be assigned to it before it ever signs in."""
    directory.put_service_principal(
        entra.ServicePrincipal(
            object_id=ObjectId(service.identity.principal_id), app_id=ClientId(service.identity.client_id),
            tenant=TenantId(tenant), display_name=service.name, type="ManagedIdentity",
            resource_id=resource_id, alternative_names=("isExplicit=False", resource_id),
            system_assigned=True,
        )
    )  # fmt: skip


def _credential(
    credential: model.FederatedIdentityCredential, owner: ObjectId
) -> entra.FederatedIdentityCredential:
    return entra.FederatedIdentityCredential(
        id=credential.id, name=credential.name, owner=owner, issuer=Issuer(credential.issuer),
        subject=Subject(credential.subject), audiences=tuple(map(Audience, credential.audiences)),
        description=credential.description,
    )  # fmt: skip


def _clusters(world: model.World, subscription: model.Subscription, state: ArmState) -> None:
    """The world's clusters, in the first resource group of the first subscription: for `az aks show`."""
    if subscription is not world.subscriptions[0] or not subscription.resource_groups:
        return
    group = subscription.resource_groups[0]
    for cluster in world.clusters:
        resource_id = (
            f"/subscriptions/{subscription.id}/resourceGroups/{group.name}"
            f"/providers/Microsoft.ContainerService/managedClusters/{cluster.name}"
        )
        state.put_managed_cluster(ManagedCluster(resource_id, cluster.issuer, group.location))


def _access(tenant: model.Tenant, subscription: model.Subscription, state: ArmState) -> None:
    root = f"/subscriptions/{subscription.id}"
    provider = f"{root}/providers/Microsoft.Authorization"
    for role in subscription.role_definitions:
        scopes = tuple(resolve.scope(subscription, one) for one in role.assignable_scopes) or (root,)
        definition = RoleDefinition(
            f"{provider}/roleDefinitions/{role.id}", role.name, (_permission(role),), scopes, role.description
        )
        state.put_role_definition(definition)
    for assignment, scope, role_id, principal in _assignments(tenant, subscription):
        assignment_id = (
            f"{scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{assignment.id}"
        )
        state.put_role_assignment(
            RoleAssignment(assignment_id, scope, role_id, principal.object_id, principal.type)
        )
    for denial in subscription.deny_assignments:
        scope = resolve.scope(subscription, denial.scope)
        denial_id = f"{scope.rstrip('/')}/providers/Microsoft.Authorization/denyAssignments/{denial.id}"
        state.put_deny_assignment(
            DenyAssignment(
                denial_id, denial.name, scope, (_permission(denial),),
                _principals(tenant, subscription, denial.principals),
                _principals(tenant, subscription, denial.exclude_principals), denial.applies_to_children,
            )
        )  # fmt: skip


def _assignments(
    tenant: model.Tenant, subscription: model.Subscription
) -> Iterator[tuple[model.RoleAssignment, str, str, resolve.Principal]]:
    for assignment in subscription.role_assignments:
        yield (
            assignment,
            resolve.scope(subscription, assignment.scope),
            resolve.role(subscription, assignment.role),
            resolve.principal(tenant, [subscription], assignment.principal),
        )


def _principals(
    tenant: model.Tenant, subscription: model.Subscription, names: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(
        name if name == "*" else resolve.principal(tenant, [subscription], name).object_id for name in names
    )


def _permission(holder: model.Permissions) -> Permission:
    return Permission(holder.actions, holder.not_actions, holder.data_actions, holder.not_data_actions)


def _created(noun: str, id_: str, name: str, after: Mapping[str, Any]) -> ResourceChanged:
    return ResourceChanged(noun, id_, name, "created", BY, after=after)


def default_service_account(world: model.World) -> str:
    """`NAMESPACE/NAME` of the first federated credential whose subject names a service account."""
    prefix = "system:serviceaccount:"
    for tenant in world.tenants:
        for application in tenant.applications:
            for credential in application.federated_identity_credentials:
                if credential.subject.startswith(prefix):
                    return "/".join(credential.subject.removeprefix(prefix).split(":", 1))
    return "default/default"


def seed_apim(world: model.World, state: ApimState) -> None:
    """API Management services with their gateways, APIs and assignments of APIs to gateways."""
    for subscription in world.subscriptions:
        owner = resolve.tenant(world, subscription.tenant)
        for _, service in resolve.services(subscription):
            service_id = resolve.service_id(subscription, service.name)
            identity = service.identity
            state.put_service(
                apim.Service(
                    id=service_id, tenant_id=owner.id, location=service.location, sku=service.sku.name,
                    publisher_email=service.publisher_email, publisher_name=service.publisher_name,
                    identity=apim.SystemIdentity(identity.principal_id, identity.client_id, owner.id)
                    if identity.has_system_assigned
                    else None,
                    host_names=service.host_names, legacy_api=service.legacy_api,
                    user_assigned=tuple(
                        resolve.scope(subscription, f"identity:{name}")
                        for name in identity.user_assigned_identities
                    ),
                )
            )  # fmt: skip
            for api in service.apis:
                state.put_api(_api(service_id, api))
            for gateway in service.gateways:
                place = gateway.location_data
                location = (
                    apim.LocationData(
                        place.name,
                        place.city or None,
                        place.district or None,
                        place.country_or_region or None,
                    )
                    if place
                    else apim.LocationData("sandbox")
                )
                made = apim.Gateway(service_id, gateway.name, gateway.description, location)
                state.put_gateway(made)
                for name in gateway.apis:
                    state.assign_api(made.id, name)
            for part in _parts(service_id, service):
                state.put_part(part)


def _parts(service_id: str, service: model.ApiManagementService) -> Iterator[Part]:
    """What the service's world entry says besides gateways and APIs."""
    policies = {service_id: service.policy}
    for api in service.apis:
        policies[f"{service_id}/apis/{api.name}"] = api.policy
        for one in api.operations:
            policies[f"{service_id}/apis/{api.name}/operations/{one.name}"] = one.policy
    for scope_id, xml in policies.items():
        if xml:
            yield Policy(scope_id, xml)
    for value in service.named_values:
        yield NamedValue(service_id, value.name, value.name, value.value, value.secret)
    for key in service.subscriptions:
        yield ApiSubscription(
            service_id, key.name, f"{service_id}/{key.scope}", key.primary_key, key.secondary_key, key.state
        )
    yield from _host_names(service_id, service)


def _host_names(service_id: str, service: model.ApiManagementService) -> Iterator[Part]:
    """The certificates, and the host names that show them."""
    shows: dict[str, str] = {}
    for one in service.certificates:
        from apim_emulators.apim.certificate_data import from_pem  # 50 ms: few worlds have any

        made = from_pem(service_id, one.name, one.certificate, one.private_key)
        shows |= {host.lower(): made.id for host in one.host_names}
        yield made
    for gateway in service.gateways:
        for host in gateway.host_names:
            owner = f"{service_id}/gateways/{gateway.name}"
            yield HostnameConfiguration(owner, host, host, shows.get(host.lower(), ""))


def _api(service_id: str, api: model.Api) -> apim.Api:
    operations = tuple(
        apim.Operation(one.name, one.method, one.url_template, one.display_name) for one in api.operations
    )
    return apim.Api(
        service_id,
        api.name,
        api.path,
        api.service_url,
        api.display_name or api.name,
        api.protocols,
        operations,
        api.subscription_required,
    )


def service_names(world: model.World) -> list[str]:
    """The API Management services of all subscriptions."""
    return [service.name for one in world.subscriptions for _, service in resolve.services(one)]


def operator_of(world: model.World, secret: str) -> Operator:
    """The world's operator as a client of its cloud; without one, a client that nobody knows."""
    for tenant in world.tenants:
        for application in tenant.applications:
            if application.name == world.operator:
                return Operator(tenant.id, application.app_id, secret)
    return Operator(world.tenants[0].id, "00000000-0000-4000-8000-000000000000", secret)
