"""What exists before anything runs: tenants, applications, subscriptions, gateways, clusters.

The YAML file's keys are the camelCase forms of these names. Every object id may be left out: it is
then derived from the object's name, so that the same file always gives the same ids. A world never
holds a port. Principals are named: an application's name means its service principal,
`service:NAME` an API Management service's system-assigned identity, `identity:NAME` a user-assigned
identity, `group:NAME`, `user:NAME`; anything that looks like a GUID is taken as an object id.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from apim_emulators.apim.policy_text import problem_of
from apim_emulators.core.vocabulary import (
    CONFIGURATION_AUDIENCES,
    IDENTITY_BINDING_AUDIENCE,
    TOKEN_EXCHANGE_AUDIENCE,
    ServiceAccountName,
    VocabularyError,
)

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Checked(Struct, frozen=True):
    """Says of a field that what a file says passes `check`, which raises `ValueError`; its answer is kept."""

    check: Callable[[str], str]


class Converted(Struct, frozen=True):
    """Says of a field that a file may say `accepted` there, of which `convert` makes what it holds."""

    convert: Callable[[Any], Any]
    accepted: Any


def is_guid(text: str) -> bool:
    """Whether `text` is a GUID, in either case."""
    return _GUID.fullmatch(text) is not None


def _guid(text: str) -> str:
    if text and not is_guid(text):
        raise ValueError(f"{text!r} is not a GUID such as 11111111-1111-4111-8111-111111111111")
    return text.lower()


def _seconds(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str):
        return value
    number, unit = value[:-1], value[-1:]
    try:
        return float(number) * _UNITS[unit]
    except (KeyError, ValueError):
        raise ValueError(f"{value!r} is not a duration such as 30s, 10m, 1.5h or 2d") from None


def _https(text: str) -> str:
    if not text.startswith("https://"):
        raise ValueError(f"{text!r} does not begin with https://")
    host = text.removeprefix("https://").split("/", 1)[0]
    if ":" in host:
        raise ValueError(f"{text!r} names a port; a world never does")
    if not host:
        raise ValueError(f"{text!r} names no host")
    return text


def _absolute(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError(f"{text!r} is not an absolute URL")
    return text


def _path(text: str) -> str:
    if text.startswith("/") or text.endswith("/"):
        raise ValueError(f"{text!r} must neither begin nor end with a slash")
    return text


def _kubernetes_name(text: str) -> str:
    try:
        ServiceAccountName("default", text)
    except VocabularyError as error:
        raise ValueError(str(error)) from None
    return text


def _policy(text: str) -> str:
    problem = problem_of(text) if text else ""
    if problem:
        raise ValueError(f"a policy document: {problem}")
    return text


Guid = Annotated[str, Checked(_guid)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Duration = Annotated[float, Converted(_seconds, float | str)]
Seconds = Annotated[Duration, Meta(ge=0)]
HttpsUrl = Annotated[str, Checked(_https)]
Url = Annotated[str, Checked(_absolute)]
Strings = tuple[str, ...]
PolicyXml = Annotated[str, Checked(_policy)]


class Noun(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A part of a world. `parsing.py` reads it from what people write."""


class FederatedIdentityCredential(Noun, frozen=True, kw_only=True):
    """Whose tokens stand for the application: issuer, subject and audience, compared byte for byte."""

    name: Name
    issuer: str
    subject: str
    audiences: Annotated[Strings, Meta(min_length=1, max_length=1)] = (TOKEN_EXCHANGE_AUDIENCE,)
    description: str = ""
    id: Guid = ""


class ClientSecret(Noun, frozen=True, kw_only=True):
    """A password of an application. Without `value` the sandbox makes one at the first start."""

    name: Name
    value: str | None = None
    expires_in: Seconds = 180 * 86400.0
    """Life from the sandbox's start."""
    key_id: Guid = ""


class ServicePrincipal(Noun, frozen=True, kw_only=True):
    """The application's identity in the tenant: what roles are assigned to."""

    object_id: Guid = ""
    enabled: bool = True


class Application(Noun, frozen=True, kw_only=True):
    """An app registration. `servicePrincipal: null` registers it without one."""

    name: Name
    app_id: Guid = ""
    """The client id."""
    object_id: Guid = ""
    service_principal: ServicePrincipal | None = ServicePrincipal()
    federated_identity_credentials: Annotated[
        tuple[FederatedIdentityCredential, ...], Meta(max_length=20)
    ] = ()
    client_secrets: tuple[ClientSecret, ...] = ()
    graph_roles: Strings = ()
    """Application permissions on Microsoft Graph, such as Application.ReadWrite.All."""
    multi_tenant: bool = False


class Group(Noun, frozen=True, kw_only=True):
    """A security group; members are principals of the same tenant, groups included."""

    name: Name
    object_id: Guid = ""
    members: Strings = ()


class User(Noun, frozen=True, kw_only=True):
    """A person, as far as role assignments need one; nobody signs in as a user here."""

    name: Name
    object_id: Guid = ""


class Tenant(Noun, frozen=True, kw_only=True):
    """A Microsoft Entra tenant; `name` is its initial domain."""

    name: Name
    id: Guid = ""
    display_name: str = ""
    applications: tuple[Application, ...] = ()
    groups: tuple[Group, ...] = ()
    users: tuple[User, ...] = ()


class Operation(Noun, frozen=True, kw_only=True):
    """An operation of an API: a method and a URL template."""

    name: Name
    method: Annotated[str, Meta(pattern=r"^[A-Z]+$")] = "GET"
    url_template: Annotated[str, Meta(pattern=r"^/")] = "/"
    display_name: str = ""
    policy: PolicyXml = ""
    """A policy document in XML."""


class Api(Noun, frozen=True, kw_only=True):
    """An API: what comes in under `path` goes to `serviceUrl`."""

    name: Name
    path: Annotated[str, Checked(_path)] = ""
    service_url: Url
    display_name: str = ""
    protocols: tuple[Literal["http", "https"], ...] = ("https",)
    subscription_required: bool = False
    policy: PolicyXml = ""
    """A policy document in XML."""
    operations: tuple[Operation, ...] = ()


class LocationData(Noun, frozen=True, kw_only=True):
    """Where a self-hosted gateway stands, as its owner says."""

    name: Name
    city: str = ""
    district: str = ""
    country_or_region: str = ""


class Gateway(Noun, frozen=True, kw_only=True):
    """A self-hosted gateway resource; `apis` names the APIs of the service assigned to it."""

    name: Name
    description: str = ""
    location_data: LocationData | None = None
    apis: Strings = ()
    host_names: Strings = ()
    """Where given, the gateway serves its APIs under these host names alone."""


class Certificate(Noun, frozen=True, kw_only=True):
    """A certificate and its private key, both PEM.

    Port 8081 of the service's gateways shows it under those of their host names that `hostNames` lists.
    """

    name: Name
    certificate: str
    private_key: str
    host_names: Strings = ()

    def __post_init__(self) -> None:
        from apim_emulators.apim.certificate_data import from_pem  # 50 ms: few worlds have any

        try:
            from_pem("", self.name, self.certificate, self.private_key)
        except (TypeError, ValueError) as error:
            raise ValueError(f"no certificate in PEM with its private key: {error}") from None


class NamedValue(Noun, frozen=True, kw_only=True):
    """What policies write as {{name}}."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.\-]{1,256}$")]
    value: Annotated[str, Meta(min_length=1, max_length=4096)]
    secret: bool = False


class ApiSubscription(Noun, frozen=True, kw_only=True):
    """A subscription to APIs: `scope` is `apis` for all, or `apis/NAME`. Keys are for the sandbox alone."""

    name: Name
    scope: Annotated[str, Meta(pattern=r"^apis(/[^/]+)?$")] = "apis"
    primary_key: Annotated[str, Meta(min_length=1, max_length=256)]
    secondary_key: Annotated[str, Meta(max_length=256)] = ""
    state: Literal["active", "suspended"] = "active"


class ServiceIdentity(Noun, frozen=True, kw_only=True):
    """The managed identities of an API Management service.

    `principalId`, `clientId` are those of the system-assigned one; `userAssignedIdentities` names
    identities of the same subscription.
    """

    type: Literal["SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned", "None"] = "SystemAssigned"
    principal_id: Guid = ""
    client_id: Guid = ""
    user_assigned_identities: Strings = ()

    @property
    def has_system_assigned(self) -> bool:
        return self.type.startswith("SystemAssigned")


class Sku(Noun, frozen=True, kw_only=True):
    """The tier; self-hosted gateways need Developer or Premium."""

    name: Literal["Developer", "Premium", "Basic", "Standard", "Consumption"] = "Developer"
    capacity: Annotated[int, Meta(ge=0)] = 1


class ApiManagementService(Noun, frozen=True, kw_only=True):
    """An API Management instance; its configuration API answers at NAME.configuration.azure-api.net."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z](?:[a-zA-Z0-9-]{0,48}[a-zA-Z0-9])?$")]
    location: str = "westeurope"
    publisher_name: str = "Contoso"
    publisher_email: str = "apis@contoso.example"
    sku: Sku = Sku()
    identity: ServiceIdentity = ServiceIdentity()
    apis: tuple[Api, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    host_names: Strings = ()
    """Further host names of the configuration endpoint."""
    legacy_api: Literal["Enabled", "Disabled"] = "Enabled"
    policy: PolicyXml = ""
    """The policy document around all APIs, in XML."""
    certificates: tuple[Certificate, ...] = ()
    named_values: tuple[NamedValue, ...] = ()
    subscriptions: tuple[ApiSubscription, ...] = ()


class UserAssignedIdentity(Noun, frozen=True, kw_only=True):
    """A user-assigned managed identity, possibly with federated credentials of its own."""

    name: Name
    location: str = "westeurope"
    client_id: Guid = ""
    principal_id: Guid = ""
    federated_identity_credentials: Annotated[
        tuple[FederatedIdentityCredential, ...], Meta(max_length=20)
    ] = ()


class ResourceGroup(Noun, frozen=True, kw_only=True):
    """A resource group."""

    name: Name
    location: str = "westeurope"
    api_management_services: tuple[ApiManagementService, ...] = ()
    user_assigned_identities: tuple[UserAssignedIdentity, ...] = ()


class Permissions(Noun, frozen=True, kw_only=True):
    """What a role allows, or a deny assignment forbids; wildcards as in Azure."""

    actions: Strings = ()
    not_actions: Strings = ()
    data_actions: Strings = ()
    not_data_actions: Strings = ()


class RoleDefinition(Permissions, frozen=True, kw_only=True):
    """A custom role of the subscription; without `assignableScopes` it is assignable anywhere in it."""

    name: Name
    id: Guid = ""
    description: str = ""
    assignable_scopes: Strings = ()


class RoleAssignment(Noun, frozen=True, kw_only=True):
    """A role for a principal at a scope.

    `role`: a custom role's name, a built-in role's name, or a role's GUID. `scope`: `subscription`,
    `resourceGroup:NAME`, `service:NAME`, `gateway:SERVICE/NAME`, or a resource id.
    """

    role: Name
    principal: Name
    scope: str = "subscription"
    id: Guid = ""


class DenyAssignment(Permissions, frozen=True, kw_only=True):
    """A deny assignment; `principals: ["*"]` denies everybody."""

    name: Name
    principals: Annotated[Strings, Meta(min_length=1)]
    exclude_principals: Strings = ()
    scope: str = "subscription"
    applies_to_children: bool = True
    id: Guid = ""


class Subscription(Noun, frozen=True, kw_only=True):
    """An Azure subscription; `tenant` names the tenant it trusts (needed only if there are several)."""

    name: Name
    id: Guid = ""
    tenant: str = ""
    resource_groups: tuple[ResourceGroup, ...] = ()
    role_definitions: tuple[RoleDefinition, ...] = ()
    role_assignments: tuple[RoleAssignment, ...] = ()
    deny_assignments: tuple[DenyAssignment, ...] = ()


class CustomTokenEndpoint(Noun, frozen=True, kw_only=True):
    """The webhook's flags for identity binding: which pods opt in, and their tokens' audience."""

    annotation_suffix: Annotated[str, Meta(min_length=1, max_length=40)] = "identity-binding"
    """Pods opt in with the annotation azure.workload.identity/use-SUFFIX: "true"."""
    audience: Annotated[str, Meta(min_length=1)] = IDENTITY_BINDING_AUDIENCE


class IdentityBinding(Noun, frozen=True, kw_only=True):
    """Lets pods of the cluster sign in as a user-assigned identity through the cluster's token proxy."""

    name: Name
    identity: str
    """A user-assigned identity of the world."""


class Webhook(Noun, frozen=True, kw_only=True):
    """The cluster's azure-workload-identity webhook, and how the API server calls it."""

    enabled: bool = True
    profile: Literal["1.6.0", "1.5.1"] = "1.6.0"
    environment: str = "AzurePublicCloud"
    """AZURE_ENVIRONMENT: decides AZURE_AUTHORITY_HOST."""
    tenant: str = ""
    """The tenant whose id becomes AZURE_TENANT_ID; the world's first one by default."""
    audience: str = TOKEN_EXCHANGE_AUDIENCE
    failure_policy: Literal["Fail", "Ignore"] = "Fail"
    timeout: Annotated[Duration, Meta(gt=0, le=30)] = 10.0
    namespace_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels that a pod's namespace must carry; empty selects every namespace."""
    rotate_certificates: bool = True
    """False is --disable-cert-rotation: others made the serving certificate once, and nobody renews it."""
    custom_token_endpoint: CustomTokenEndpoint = CustomTokenEndpoint()
    """In force where the cluster has identity bindings and the profile knows them (1.6.0)."""


class ServiceAccount(Noun, frozen=True, kw_only=True):
    """A service account that exists before any manifest is applied."""

    namespace: Annotated[str, Checked(_kubernetes_name)]
    name: Annotated[str, Checked(_kubernetes_name)]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


class Node(Noun, frozen=True, kw_only=True):
    """The one node's allocatable size, in Kubernetes quantities."""

    name: str = "contoso-node"
    cpu: Annotated[str, Meta(pattern=r"^\d+(\.\d+)?m?$")] = "8"
    memory: Annotated[str, Meta(pattern=r"^\d+(Ki|Mi|Gi|Ti|K|M|G|T)?$")] = "16Gi"


class Cluster(Noun, frozen=True, kw_only=True):
    """A Kubernetes cluster: its service-account issuer, webhook and node."""

    name: Name
    issuer: HttpsUrl
    webhook: Webhook = Webhook()
    service_accounts: tuple[ServiceAccount, ...] = ()
    identity_bindings: tuple[IdentityBinding, ...] = ()
    max_token_expiration: Seconds | None = None
    """The API server's --service-account-max-token-expiration."""
    node: Node = Node()


class Propagation(Noun, frozen=True, kw_only=True):
    """How long a write stays unseen, by kind. Azure: a role up to 10 m, a credential some minutes."""

    application: Seconds = 0.0
    service_principal: Seconds = 0.0
    federated_identity_credential: Seconds = 0.0
    role_definition: Seconds = 0.0
    role_assignment: Seconds = 0.0
    deny_assignment: Seconds = 0.0
    group_membership: Seconds = 0.0


class EntraSettings(Noun, frozen=True, kw_only=True):
    """How Entra behaves where Microsoft changed it over the years, or keeps it to itself."""

    no_match: Literal["granular", "2023", "2022"] = "granular"
    """Which answer an assertion gets that no federated credential matches."""
    token_lifetime: Annotated[Duration, Meta(ge=600, le=86400)] | None = None
    """Life of an application's access tokens; an hour by default."""
    random_lifetime: bool = False
    """Draw that life between 60 and 90 minutes, as Microsoft documents it."""
    issuer_cache: Seconds = 3600.0
    """How long an issuer's discovery document and keys are kept."""
    issuer_refetch: Seconds = 300.0
    """An unknown key id makes Entra ask the issuer again when its keys are older than this."""
    replication_spread: Seconds = 0.0
    """While a write propagates, requests flip between old and new for so long."""
    loop_limit: Annotated[int, Meta(ge=0)] = 0
    """More identical token requests than this within five minutes are a client loop; 0 never sees one."""
    requests_per_minute: Annotated[int, Meta(ge=0)] = 0
    """More token requests of a tenant than this are answered 429; 0 lets all through."""
    throttled_as: Literal["text", "json"] = "text"
    """How: Too Many Requests as plain text, or AADSTS90055."""
    retry_after: Annotated[int, Meta(ge=0, le=3600)] | None = 60
    """Seconds in the Retry-After of such an answer; null sends none."""


class ArmSettings(Noun, frozen=True, kw_only=True):
    """How Azure Resource Manager behaves where a sandbox seldom wants it."""

    credential_write: Seconds = 0.0
    """How long writing a managed identity's federated credential takes; a second write meanwhile is 409."""
    credential_rates: bool = False
    """Whether Microsoft's request rates for these credentials are enforced, with 429."""


class ApiManagementSettings(Noun, frozen=True, kw_only=True):
    """How the configuration API behaves where Microsoft keeps it to itself."""

    rbac_cache: Seconds = 0.0
    """How long a verdict on a gateway's principal is kept before ARM is asked again."""
    definitions_cache: Seconds = 60.0
    """The same for role definitions and deny assignments alone; nobody is refused on kept ones."""
    audiences: Annotated[Strings, Meta(min_length=1)] = CONFIGURATION_AUDIENCES
    """What a gateway's access token may be for."""
    near_expiry: Seconds = 7 * 86400.0
    """How long before its end a gateway token is told to Event Grid."""
    feed_length: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    """The newest changes that a gateway can catch up on; who is further behind takes a snapshot."""
    gone_after: Annotated[Duration, Meta(gt=0)] = 180.0
    """When an instance without a heartbeat counts as gone."""
    requests_per_minute: Annotated[int, Meta(ge=0)] = 0
    """More than these from one gateway are answered 429; 0 lets all through."""


class Settings(Noun, frozen=True, kw_only=True):
    """What is no object: the emulators' choices."""

    propagation: Propagation = Propagation()
    entra: EntraSettings = EntraSettings()
    arm: ArmSettings = ArmSettings()
    api_management: ApiManagementSettings = ApiManagementSettings()


class World(Noun, frozen=True, kw_only=True):
    """Everything that a sandbox starts from."""

    name: Name = "world"
    tenants: Annotated[tuple[Tenant, ...], Meta(min_length=1)]
    subscriptions: tuple[Subscription, ...] = ()
    operator: str | None = None
    """The application (with a client secret) as which the sandbox's own commands act."""
    clusters: tuple[Cluster, ...] = ()
    settings: Settings = Settings()
