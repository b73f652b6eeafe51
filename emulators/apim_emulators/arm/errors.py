"""Every error that ARM answers: code, status, text and where we know it from, in one table."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct


class ArmError(Struct, frozen=True):
    """`template` is filled by the caller's words; `source` names a document, an issue, or *ours*."""

    code: str
    status: int
    template: str
    label: Literal["documented", "observed", "assumed"]
    source: str


class ArmRefusedError(Exception):
    """An error on its way to the one place that renders it."""

    def __init__(self, error: ArmError, /, headers: Mapping[str, str] | None = None, **words: object) -> None:
        self.error = error
        self.headers = dict(headers or {})
        self.message = error.template.format(**words)
        super().__init__(f"{error.code}: {self.message}")

    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.error.code, "message": self.message}}


_TROUBLESHOOTING = "Microsoft's 'Troubleshoot Azure RBAC'"


AUTHENTICATION_FAILED = ArmError(
    "AuthenticationFailed", 401,
    "Authentication failed. The 'Authorization' header is missing.",
    "documented", "Azure REST API reference",
)  # fmt: skip
INVALID_TOKEN = ArmError(
    "InvalidAuthenticationToken", 401, "The access token is invalid.",
    "observed", "Azure/azure-cli issues",
)  # fmt: skip
EXPIRED_TOKEN = ArmError(
    "ExpiredAuthenticationToken", 401,
    "The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'.",
    "observed", "Azure/azure-cli issues",
)  # fmt: skip
INVALID_AUDIENCE = ArmError(
    "InvalidAuthenticationTokenAudience", 401,
    "The access token has been obtained for wrong audience or resource '{presented}'. It should exactly "
    "match with one of the allowed audiences '{expected}'.",
    "observed", "Azure/azure-cli issues",
)  # fmt: skip
INVALID_TOKEN_TENANT = ArmError(
    "InvalidAuthenticationTokenTenant", 401,
    "The access token is from the wrong issuer 'https://sts.windows.net/{presented}/'. It must match the "
    "tenant 'https://sts.windows.net/{expected}/' associated with this subscription. Please use the "
    "authority (URL) 'https://login.windows.net/{expected}' to get the token. Note, if the subscription is "
    "transferred to another tenant there is no impact to the services, but information about new tenant "
    "could take time to propagate (up to an hour).",
    "observed", "Azure/azure-cli issues",
)  # fmt: skip
AUTHORIZATION_FAILED = ArmError(
    "AuthorizationFailed", 403,
    "The client '{client}' with object id '{object_id}' does not have authorization to perform action "
    "'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
    "your credentials.",
    "documented", _TROUBLESHOOTING,
)  # fmt: skip
LINKED_AUTHORIZATION_FAILED = ArmError(
    "LinkedAuthorizationFailed", 403,
    "The client '{client}' with object id '{object_id}' has permission to perform action '{action}' on scope "
    "'{scope}'; however, it does not have permission to perform action(s) '{action}' on the linked scope(s) "
    "'{linked}' (respectively) or the linked scope(s) are invalid.",
    "documented", _TROUBLESHOOTING,
)  # fmt: skip
PRINCIPAL_NOT_FOUND = ArmError(
    "PrincipalNotFound", 400,
    "Principal {principal} does not exist in the directory {tenant}. Check that you have the correct "
    "principal ID. If you are creating this principal and then immediately assigning a role, this "
    "error might be related to a replication delay. In this case, set the role assignment principalType "
    "property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
    "documented", _TROUBLESHOOTING,
)  # fmt: skip
UNMATCHED_PRINCIPAL_TYPE = ArmError(
    "UnmatchedPrincipalType", 400,
    "The PrincipalId '{principal}' has type '{actual}' , which is different from specified PrinciaplType "
    "'{given}'.",
    "observed", "hashicorp/terraform-provider-azurerm issues",
)  # fmt: skip
ROLE_ASSIGNMENT_EXISTS = ArmError(
    "RoleAssignmentExists", 409,
    "The role assignment already exists. The ID of the existing role assignment is {existing}.",
    "documented", _TROUBLESHOOTING,
)  # fmt: skip
ROLE_ASSIGNMENT_UPDATE_NOT_PERMITTED = ArmError(
    "RoleAssignmentUpdateNotPermitted", 400,
    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
    "documented", f"{_TROUBLESHOOTING}; status from Azure/Azure-Landing-Zones#2040",
)  # fmt: skip
ROLE_ASSIGNMENT_NOT_FOUND = ArmError(
    "RoleAssignmentNotFound", 404, "The role assignment '{name}' is not found.",
    "assumed", "the code is Azure's, the text ours",
)  # fmt: skip
INVALID_ROLE_ASSIGNMENT_ID = ArmError(
    "InvalidRoleAssignmentId", 400,
    "The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
    "observed", "Azure/bicep issues",
)  # fmt: skip
ROLE_DEFINITION_NOT_FOUND = ArmError(
    "RoleDefinitionDoesNotExist", 404, "The specified role definition with ID '{guid}' does not exist.",
    "observed", "JulianHayward/AzAPICall#23",
)  # fmt: skip
ROLE_DEFINITION_UNUSABLE = ArmError(
    "RoleDefinitionDoesNotExist", 400, "The specified role definition with ID '{guid}' does not exist.",
    "observed", "hashicorp/terraform-provider-azurerm issues",
)  # fmt: skip
ROLE_DEFINITION_NAME_EXISTS = ArmError(
    "RoleDefinitionWithSameNameExists", 409,
    "A custom role with the same name already exists in this directory. Use a different name.",
    "documented", _TROUBLESHOOTING,
)  # fmt: skip
ROLE_DEFINITION_HAS_ASSIGNMENTS = ArmError(
    "RoleDefinitionHasAssignments", 400,
    "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments).",
    "documented", f"{_TROUBLESHOOTING}; the status is assumed",
)  # fmt: skip
BUILTIN_ROLE_READ_ONLY = ArmError(
    "InvalidRoleDefinition", 400, "The built-in role '{name}' can't be changed.",
    "assumed", "ours: the real text is not public",
)  # fmt: skip
INVALID_ACTION = ArmError(
    "InvalidActionOrNotAction", 400,
    "'{action}' does not match any of the actions supported by the providers.",
    "documented", _TROUBLESHOOTING,
)  # fmt: skip
INVALID_DATA_ACTION = ArmError(
    "InvalidDataActionOrNotDataAction", 400,
    "'{action}' does not match any of the data actions supported by the providers.",
    "assumed", "by analogy with InvalidActionOrNotAction",
)  # fmt: skip
MANAGEMENT_GROUP_DATA_ACTIONS = ArmError(
    "InvalidDataActionsAssignableScope", 400,
    "You cannot add data action permissions when you have a management group as an assignable scope",
    "documented", f"{_TROUBLESHOOTING}; the code is assumed",
)  # fmt: skip
DATA_ACTIONS_API_VERSION = ArmError(
    "UnsupportedApiVersionForRoleDefinitionHasDataActions", 400,
    "Assignments to roles with DataActions and NotDataActions are not supported on API version '{version}'. "
    "The minimum required API version for this operations is '2018-01-01-preview'.",
    "observed", "Azure/Avere#316",
)  # fmt: skip
ROLE_NOT_ASSIGNABLE_HERE = ArmError(
    "RoleDefinitionDoesNotExist", 400,
    "The specified role definition with ID '{guid}' does not exist.",
    "assumed", "a custom role is unknown outside its assignable scopes",
)  # fmt: skip
DENY_ASSIGNMENT_NOT_FOUND = ArmError(
    "DenyAssignmentNotFound", 404, "The deny assignment '{name}' is not found.",
    "assumed", "by analogy with role assignments",
)  # fmt: skip
INVALID_REQUEST_CONTENT = ArmError(
    "InvalidRequestContent", 400,
    "The request content was invalid and could not be deserialized: '{problem}'.",
    "observed", "Azure/bicep issues",
)  # fmt: skip
REQUEST_TOO_LARGE = ArmError(
    "RequestContentTooLarge", 413, "The request content size exceeds the maximum size of {limit} bytes.",
    "observed", "Microsoft's ARM common errors",
)  # fmt: skip
INVALID_FILTER = ArmError(
    "UnsupportedQuery", 400, "The filter '{filter}' is not supported. Supported filters are {supported}.",
    "assumed", "the code is Azure's, the text ours",
)  # fmt: skip
MISSING_API_VERSION = ArmError(
    "MissingApiVersionParameter", 400,
    "The api-version query parameter (?api-version=) is required for all requests.",
    "documented", "Microsoft's ARM common errors",
)  # fmt: skip
INVALID_API_VERSION = ArmError(
    "InvalidApiVersionParameter", 400,
    "The api-version '{version}' is invalid. The supported versions are '{supported}'.",
    "observed", "Azure/azure-cli issues",
)  # fmt: skip
INVALID_RESOURCE_TYPE = ArmError(
    "InvalidResourceType", 400,
    "The resource type '{type}' could not be found in the namespace '{namespace}' for api version "
    "'{version}'. The supported api-versions are '{supported}'.",
    "observed", "Azure/azure-cli issues",
)  # fmt: skip
SUBSCRIPTION_NOT_FOUND = ArmError(
    "SubscriptionNotFound", 404, "The subscription '{subscription}' could not be found.",
    "documented", "Microsoft's ARM common errors",
)  # fmt: skip
RESOURCE_GROUP_NOT_FOUND = ArmError(
    "ResourceGroupNotFound", 404, "Resource group '{name}' could not be found.",
    "documented", "Microsoft's ARM common errors",
)  # fmt: skip
RESOURCE_NOT_FOUND = ArmError(
    "ResourceNotFound", 404,
    "The Resource '{type}/{name}' under resource group '{group}' was not found. For more details please go "
    "to https://aka.ms/ARMResourceNotFoundFix",
    "documented", "Microsoft's ARM common errors",
)  # fmt: skip
_FEDERATION = "Microsoft's 'Important considerations for federated identity credentials'"
FEDERATED_INCOMPLETE = ArmError(
    "BadRequest", 400,
    "The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and "
    "'audience'.",
    "observed", "Azure/azure-cli issues",
)  # fmt: skip
FEDERATED_AUDIENCES = ArmError(
    "InvalidFederatedIdentityCredentialsAudienceLength", 400,
    "Federated identity credentials must have exactly 1 audience.",
    "observed", "Azure/azure-cli#31598",
)  # fmt: skip
FEDERATED_NAME = ArmError(
    "BadRequest", 400, "Federated Identity Credential name '{name}' is invalid.",
    "documented", f"{_FEDERATION}; the code is assumed",
)  # fmt: skip
FEDERATED_DUPLICATE = ArmError(
    "BadRequest", 400, "Issuer and subject combination already exists for this Managed Identity.",
    "documented", f"{_FEDERATION}; the code is assumed",
)  # fmt: skip
FEDERATED_TOO_MANY = ArmError(
    "BadRequest", 400, "Too many Federated Identity Credentials: a managed identity has {limit} at most.",
    "assumed", "the limit is documented; code and text are not public",
)  # fmt: skip
FEDERATED_CONCURRENT = ArmError(
    "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity", 409,
    "Too many Federated Identity Credentials are written concurrently for the managed identity '{identity}'. "
    "Concurrent Federated Identity Credentials writes under the same managed identity are not supported.",
    "observed", "pulumi/pulumi-azure-native#4343, Azure/bicep#10928",
)  # fmt: skip
FEDERATED_RATE = ArmError(
    "TooManyRequests", 429,
    "Too many requests for Federated Identity Credentials of this {level}. Try again in {seconds} seconds.",
    "assumed", "the rates are documented; code, text and Retry-After are not public",
)  # fmt: skip
FEDERATED_EXPRESSION = ArmError(
    "BadRequest", 400, "The claims matching expression is not valid: {problem}.",
    "assumed", "that it is checked is documented for Microsoft Graph; code and text are not public",
)  # fmt: skip
IDENTITY_MISSING = ArmError(
    "ParentResourceNotFound", 404, "The parent user-assigned identity doesn't exist.",
    "documented", f"{_FEDERATION}; the code is assumed",
)  # fmt: skip
NOT_SERVED = ArmError(
    "NotFound", 404, "The sandbox does not emulate '{method} {path}'.",
    "assumed", "ours",
)  # fmt: skip
PROVIDER_UNAVAILABLE = ArmError(
    "ResourceProviderUnavailable", 503, "The resource provider '{provider}' could not be reached.",
    "assumed", "ours: only a fault can cause it",
)  # fmt: skip
DIRECTORY_UNAVAILABLE = ArmError(
    "ServiceUnavailable", 503, "Microsoft Entra could not be reached to {purpose}.",
    "assumed", "ours: only a fault can cause it",
)  # fmt: skip

ERRORS: tuple[ArmError, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, ArmError)
)
