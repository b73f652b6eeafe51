"""Azure's built-in roles that this flow meets, under their well-known GUIDs.

Source: Microsoft's "Azure built-in roles". A built-in role's id names no subscription.
"""

from apim_emulators.arm.scopes import ROLE_DEFINITIONS
from apim_emulators.core.rbac import Permission, RoleDefinition

_AUTHORIZATION_READ = "Microsoft.Authorization/*/read"
_APIM_COMMON = (
    _AUTHORIZATION_READ,
    "Microsoft.Insights/alertRules/*",
    "Microsoft.ResourceHealth/availabilityStatuses/read",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
)


def _role(guid: str, name: str, description: str, *permissions: Permission) -> RoleDefinition:
    return RoleDefinition(
        id=f"{ROLE_DEFINITIONS}{guid}",
        role_name=name,
        permissions=permissions,
        assignable_scopes=("/",),
        description=description,
        custom=False,
    )


OWNER = _role(
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Owner",
    "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
    Permission(actions=("*",)),
)
CONTRIBUTOR = _role(
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Contributor",
    "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC, "
    "manage assignments in Azure Blueprints, or share image galleries.",
    Permission(
        actions=("*",),
        not_actions=(
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
        ),
    ),
)
READER = _role(
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Reader",
    "View all resources, but does not allow you to make any changes.",
    Permission(actions=("*/read",)),
)
USER_ACCESS_ADMINISTRATOR = _role(
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "User Access Administrator",
    "Lets you manage user access to Azure resources.",
    Permission(actions=("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*")),
)
API_MANAGEMENT_SERVICE_CONTRIBUTOR = _role(
    "312a565d-c81f-4fd8-895a-4e21e48d571c",
    "API Management Service Contributor",
    "Can manage service and the APIs",
    Permission(actions=("Microsoft.ApiManagement/service/*", *_APIM_COMMON)),
)
API_MANAGEMENT_SERVICE_OPERATOR = _role(
    "e022efe7-f5ba-4159-bbe4-b44f577e9b61",
    "API Management Service Operator Role",
    "Can manage service but not the APIs",
    Permission(
        actions=(
            "Microsoft.ApiManagement/service/*/read",
            "Microsoft.ApiManagement/service/backup/action",
            "Microsoft.ApiManagement/service/delete",
            "Microsoft.ApiManagement/service/managedeployments/action",
            "Microsoft.ApiManagement/service/read",
            "Microsoft.ApiManagement/service/restore/action",
            "Microsoft.ApiManagement/service/updatecertificate/action",
            "Microsoft.ApiManagement/service/updatehostname/action",
            "Microsoft.ApiManagement/service/write",
            *_APIM_COMMON,
        ),
        not_actions=("Microsoft.ApiManagement/service/users/keys/read",),
    ),
)
API_MANAGEMENT_SERVICE_READER = _role(
    "71522526-b88f-4d52-b57f-d31fc3546d0d",
    "API Management Service Reader Role",
    "Read-only access to service and APIs",
    Permission(
        actions=(
            "Microsoft.ApiManagement/service/*/read",
            "Microsoft.ApiManagement/service/read",
            *_APIM_COMMON,
        ),
        not_actions=("Microsoft.ApiManagement/service/users/keys/read",),
    ),
)
MANAGED_IDENTITY_OPERATOR = _role(
    "f1a07417-d97a-45cb-824c-7a7467783830",
    "Managed Identity Operator",
    "Read and Assign User Assigned Identity",
    Permission(
        actions=(
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            *_APIM_COMMON,
        )
    ),
)

BUILTIN_ROLES = (
    OWNER,
    CONTRIBUTOR,
    READER,
    USER_ACCESS_ADMINISTRATOR,
    API_MANAGEMENT_SERVICE_CONTRIBUTOR,
    API_MANAGEMENT_SERVICE_OPERATOR,
    API_MANAGEMENT_SERVICE_READER,
    MANAGED_IDENTITY_OPERATOR,
)
