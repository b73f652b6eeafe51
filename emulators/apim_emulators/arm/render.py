"""ARM's JSON shapes, both ways for what resource providers read: pure."""

from typing import Any

from apim_emulators.arm.model import (
    AssignmentRecord,
    Audit,
    DefinitionRecord,
    ManagedCluster,
    ResourceGroup,
    Subscription,
    UserAssignedIdentity,
)
from apim_emulators.arm.scopes import ROLE_DEFINITIONS, subscription_of
from apim_emulators.core.clock import utc
from apim_emulators.core.rbac import EVERYONE, DenyAssignment, Permission, role_guid


def role_definition_id(guid: str, scope: str) -> str:
    """A role's id as a list at `scope` shows it: below the subscription, or at the root above one."""
    subscription = subscription_of(scope)
    return (
        f"/subscriptions/{subscription}{ROLE_DEFINITIONS}{guid}" if subscription else ROLE_DEFINITIONS + guid
    )


def role_definition_json(record: DefinitionRecord, scope: str) -> dict[str, Any]:
    role = record.definition
    guid = role_guid(role.id)
    return {
        "properties": {
            "roleName": role.role_name,
            "type": "CustomRole" if role.custom else "BuiltInRole",
            "description": role.description,
            "assignableScopes": list(role.assignable_scopes),
            "permissions": [_permission(permission) for permission in role.permissions],
            **_audit(record.audit),
        },
        "id": role_definition_id(guid, scope),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": guid,
    }


def role_assignment_json(record: AssignmentRecord) -> dict[str, Any]:
    assignment = record.assignment
    return {
        "properties": {
            "roleDefinitionId": role_definition_id(
                role_guid(assignment.role_definition_id), assignment.scope
            ),
            "principalId": assignment.principal_id,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            "condition": None,
            "conditionVersion": None,
            **_audit(record.audit),
            "delegatedManagedIdentityResourceId": None,
            "description": record.description,
        },
        "id": assignment.id,
        "type": "Microsoft.Authorization/roleAssignments",
        "name": assignment.id.rpartition("/")[2],
    }


def deny_assignment_json(denial: DenyAssignment) -> dict[str, Any]:
    return {
        "properties": {
            "denyAssignmentName": denial.name,
            "description": "",
            "permissions": [_permission(permission) for permission in denial.permissions],
            "scope": denial.scope,
            "doNotApplyToChildScopes": not denial.applies_to_children,
            "principals": [_principal(identity) for identity in denial.principals],
            "excludePrincipals": [_principal(identity) for identity in denial.exclude_principals],
            "isSystemProtected": True,
        },
        "id": denial.id,
        "type": "Microsoft.Authorization/denyAssignments",
        "name": denial.id.rpartition("/")[2],
    }


def subscription_json(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": subscription.resource_id,
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant_id,
        "displayName": subscription.name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def resource_group_json(group: ResourceGroup) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": {"provisioningState": "Succeeded"},
    }


def managed_cluster_json(cluster: ManagedCluster) -> dict[str, Any]:
    return {
        "id": cluster.id,
        "name": cluster.name,
        "type": "Microsoft.ContainerService/ManagedClusters",
        "location": cluster.location,
        "properties": {
            "provisioningState": "Succeeded",
            "powerState": {"code": "Running"},
            "kubernetesVersion": cluster.kubernetes_version,
            "currentKubernetesVersion": cluster.kubernetes_version,
            "oidcIssuerProfile": {"enabled": True, "issuerURL": cluster.issuer_url},
            "securityProfile": {"workloadIdentity": {"enabled": True}},
        },
    }


def identity_json(identity: UserAssignedIdentity) -> dict[str, Any]:
    return {
        "id": identity.id,
        "name": identity.name,
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "location": identity.location,
        "tags": identity.tags,
        "properties": {
            "tenantId": identity.tenant_id,
            "principalId": identity.principal_id,
            "clientId": identity.client_id,
        },
    }


def _permission(permission: Permission) -> dict[str, Any]:
    return {
        "actions": list(permission.actions),
        "notActions": list(permission.not_actions),
        "dataActions": list(permission.data_actions),
        "notDataActions": list(permission.not_data_actions),
    }


def _principal(identity: str) -> dict[str, str]:
    if identity in ("*", EVERYONE):
        return {"id": EVERYONE, "type": "SystemDefined"}
    return {"id": identity, "type": "ServicePrincipal"}


def _audit(audit: Audit) -> dict[str, Any]:
    return {
        "createdOn": _moment(audit.created_on),
        "updatedOn": _moment(audit.updated_on or audit.created_on),
        "createdBy": audit.created_by,
        "updatedBy": audit.updated_by or audit.created_by,
    }


def _moment(moment: float) -> str:
    return utc(moment).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
