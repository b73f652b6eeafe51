"""The directory's nouns, as Graph names them. Values are immutable; secrets are kept as hashes."""

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

from msgspec import Struct

from apim_emulators.core.records import Redacted
from apim_emulators.core.vocabulary import (
    ARM_RESOURCE,
    CONFIGURATION_AUDIENCE,
    GRAPH_RESOURCE,
    TOKEN_EXCHANGE_AUDIENCE,
    Audience,
    ClientId,
    Issuer,
    ObjectId,
    Subject,
    TenantId,
    VocabularyError,
)

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")
MAX_CREDENTIALS = 20  # federated credentials of one application or identity
MAX_TEXT = 600  # characters of a federated credential's issuer, subject, audience, description

TokenVersion = Literal[1, 2]
PrincipalType = Literal["Application", "ManagedIdentity"]


class IssuerPolicy(Struct, frozen=True):
    """A tenant's rule: assertions of `issuer` must carry the claim `enterprise` with one of `values`."""

    issuer: Issuer
    values: tuple[str, ...]


class Tenant(Struct, frozen=True):
    """A directory. `name` is its verified domain, such as `contoso.onmicrosoft.com`.

    `region_scope` shows up in its metadata. `cross_tenant_federation` off refuses assertions that
    Entra issued in another tenant; `allowed_issuers`, where it names any, refuses all other issuers.
    `org_id` marks a tenant of the kind in which an unknown application is AADSTS700011.
    """

    id: TenantId
    name: str
    display_name: str = ""
    region_scope: str = "EU"
    cross_tenant_federation: bool = True
    issuer_policies: tuple[IssuerPolicy, ...] = ()
    allowed_issuers: tuple[str, ...] = ()
    org_id: bool = False

    def __post_init__(self) -> None:
        if not GUID.fullmatch(self.id):
            raise VocabularyError(f"tenant id {self.id!r} is not a GUID")


class AppRole(Struct, frozen=True):
    """A role that an application offers to its callers."""

    id: str
    value: str
    display_name: str = ""


class Application(Struct, frozen=True):
    """An app registration. `app_id` is the client id, `object_id` only names the registration.

    `access_token_version` 1 is what Graph shows as null. `public_client` apps may not show a
    credential. `owners` are the object ids of service principals (`Application.ReadWrite.OwnedBy`).
    `first_party` marks Microsoft's own. `other` is a JSON object of properties that are kept for
    Graph's readers and not acted on (`web`, `requiredResourceAccess`, ...).
    """

    object_id: ObjectId
    app_id: ClientId
    tenant: TenantId
    display_name: str
    sign_in_audience: str = "AzureADMyOrg"
    access_token_version: TokenVersion = 1
    identifier_uris: tuple[str, ...] = ()
    app_roles: tuple[AppRole, ...] = ()
    public_client: bool = False
    first_party: bool = False
    owners: tuple[ObjectId, ...] = ()
    description: str = ""
    tags: tuple[str, ...] = ()
    created: float = 0.0
    other: str = "{}"


class RoleGrant(Struct, frozen=True):
    """An app role assignment: the principal holds `role` of the application `resource` (its appId)."""

    resource: ClientId
    role: str


class ServicePrincipal(Struct, frozen=True):
    """An application's or a managed identity's presence in a tenant: who signs in, whom RBAC knows.

    `graph_roles` are application permissions of Microsoft Graph, such as `Application.ReadWrite.All`.
    `resource_id` is a managed identity's ARM id; it signs in with a certificate.
    """

    object_id: ObjectId
    app_id: ClientId
    tenant: TenantId
    display_name: str
    type: PrincipalType = "Application"
    enabled: bool = True
    graph_roles: tuple[str, ...] = ()
    app_roles: tuple[RoleGrant, ...] = ()
    assignment_required: bool = False
    alternative_names: tuple[str, ...] = ()
    resource_id: str = ""
    system_assigned: bool = False
    tags: tuple[str, ...] = ()
    created: float = 0.0
    other: str = "{}"


class User(Struct, frozen=True):
    """A person, as far as role assignments need one."""

    object_id: ObjectId
    tenant: TenantId
    display_name: str
    user_principal_name: str


class Group(Struct, frozen=True):
    """A security group; `members` are object ids of principals or of other groups."""

    object_id: ObjectId
    tenant: TenantId
    display_name: str
    members: tuple[ObjectId, ...] = ()
    description: str = ""
    mail_nickname: str = ""


class FederatedIdentityCredential(Struct, frozen=True):
    """Trust in one issuer's subject, compared exactly. `owner` is the application's object id, or for
    a user-assigned identity its service principal's.

    A flexible credential has an `expression` (claimsMatchingExpression) instead of a `subject`.
    """

    id: str
    name: str
    owner: ObjectId
    issuer: Issuer
    subject: Subject
    audiences: tuple[Audience, ...] = (TOKEN_EXCHANGE_AUDIENCE,)
    description: str = ""
    expression: str = ""
    expression_version: int = 1


class PasswordCredential(Redacted, frozen=True):
    """A client secret: a salted SHA-256, never the secret. Times in epoch seconds."""

    redacted: ClassVar = ("salt", "digest")

    key_id: str
    owner: ObjectId
    display_name: str
    hint: str
    salt: str
    digest: str
    start: float = 0.0
    end: float = 4_102_444_800.0


class KeyCredential(Struct, frozen=True):
    """A certificate to sign in with: PEM, both thumbprints as base64url. Times in epoch seconds."""

    key_id: str
    owner: ObjectId
    display_name: str
    certificate: str
    thumbprint: str  # SHA-1, the header's x5t
    thumbprint_sha256: str
    start: float = 0.0
    end: float = 4_102_444_800.0


class ConditionalAccessPolicy(Struct, frozen=True):
    """A workload-identity policy that blocks sign-in of `principals` (object ids; `*` is everyone)."""

    id: str
    tenant: TenantId
    display_name: str
    principals: tuple[str, ...]
    enabled: bool = True


class Resource(Struct, frozen=True):
    """An API that tokens can be asked for, by an identifier URI or by its client id."""

    app_id: ClientId
    identifier_uris: tuple[str, ...]
    display_name: str
    token_version: TokenVersion = 1
    enabled: bool = True
    assignment_required: bool = False


GRAPH_APP_ID = ClientId("00000003-0000-0000-c000-000000000000")
TOKEN_EXCHANGE_APP_ID = ClientId("fb60f99c-7a34-4190-8149-302f77469936")

# Microsoft's own APIs, present in every tenant. Which client id the configuration API has is not
# public: that of Azure API Management is assumed.
MICROSOFT_RESOURCES: tuple[Resource, ...] = (
    Resource(
        ClientId("797f4846-ba00-4fd7-ba43-dac1f8f63013"),
        (
            ARM_RESOURCE,
            "https://management.core.windows.net",
            "https://management.azure.com/",
            "https://management.core.windows.net/",
        ),
        "Windows Azure Service Management API",
    ),
    Resource(GRAPH_APP_ID, (GRAPH_RESOURCE, f"{GRAPH_RESOURCE}/"), "Microsoft Graph"),
    Resource(
        ClientId("8602e328-9b72-4f2d-a4ae-1387d013a2b3"),
        (CONFIGURATION_AUDIENCE,),
        "Azure API Management",
    ),
    Resource(TOKEN_EXCHANGE_APP_ID, (TOKEN_EXCHANGE_AUDIENCE,), "AAD Token Exchange Endpoint: Public", 2),
)

# Microsoft Graph's application permissions as far as anything here asks for them, by role id.
GRAPH_ROLES: Mapping[str, str] = {
    "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
    "18a4783c-866b-4cc7-a460-3d5e5662c884": "Application.ReadWrite.OwnedBy",
    "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30": "Application.Read.All",
    "06b708a9-e830-4db3-a914-8e69da51d44f": "AppRoleAssignment.ReadWrite.All",
    "7ab1d382-f21e-4acd-a863-ba3e13f7da61": "Directory.Read.All",
    "19dbc75e-c2e2-444c-a770-ec69d8559fc7": "Directory.ReadWrite.All",
    "5b567255-7703-4780-807c-7be8301ae99b": "Group.Read.All",
    "62a82d76-70ea-41e2-9197-370581804d09": "Group.ReadWrite.All",
    "98830695-27a2-44f7-8c18-0c3ebc9698f6": "GroupMember.Read.All",
    "dbaae8cf-10b5-4b86-a4a1-f871c94c6695": "GroupMember.ReadWrite.All",
    "df021288-bdef-4463-88db-98f22de89214": "User.Read.All",
}
