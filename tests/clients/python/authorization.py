"""An unmodified program: azure-mgmt-authorization. Prints what it made and read as JSON."""

import json
import sys
from uuid import uuid4

from azure.identity import DefaultAzureCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import Permission, RoleAssignmentCreateParameters, RoleDefinition

subscription, scope, principal = sys.argv[1:]
with AuthorizationManagementClient(DefaultAzureCredential(), subscription) as client:
    permission = Permission(data_actions=["Microsoft.ApiManagement/service/gateways/getConfiguration/action"])
    definition = client.role_definitions.create_or_update(
        f"/subscriptions/{subscription}",
        str(uuid4()),
        RoleDefinition(
            role_name="Reader by SDK",
            description="Made by azure-mgmt-authorization",
            role_type="CustomRole",
            permissions=[permission],
            assignable_scopes=[f"/subscriptions/{subscription}"],
        ),
    )
    assignment = client.role_assignments.create(
        scope,
        str(uuid4()),
        RoleAssignmentCreateParameters(
            role_definition_id=definition.id, principal_id=principal, principal_type="ServicePrincipal"
        ),
    )
    listed = client.role_assignments.list_for_scope(scope, filter=f"principalId eq '{principal}'")
    # Others may hold roles in the same cloud: only our own assignment counts.
    held = [True for each in listed if each.role_definition_id == definition.id]
    deleted = client.role_assignments.delete_by_id(assignment.id)
    print(
        json.dumps(
            {
                "role": definition.role_name,
                "dataActions": definition.permissions[0].data_actions,
                "principal": assignment.principal_id,
                "held": held,
                "deleted": deleted.id == assignment.id,
            }
        )
    )
