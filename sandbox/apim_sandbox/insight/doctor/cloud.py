"""What a manifest must agree with: the tenant, the subscription and the cluster, as far as they are known.

Comes from a world file (`world.py`) or from what `az` printed (`azure_export.py`). None means "nobody
said": a rule that needs it stays silent.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from apim_emulators.core.rbac import DenyAssignment, RoleAssignment, RoleDefinition


class Credential(Struct, frozen=True):
    """A federated identity credential."""

    name: str
    issuer: str
    subject: str
    audience: str


class Password(Struct, frozen=True):
    """A client secret. `ends_at` in epoch seconds; `hint` are its first characters, where they are told."""

    name: str
    ends_at: float
    hint: str = ""


class Identity(Struct, frozen=True):
    """An application with its service principal, or a user-assigned identity.

    `object_id` is the application object's, empty for an identity; `principal_id` is what roles are
    assigned to, empty without a service principal, None when unknown.
    """

    name: str
    kind: Literal["application", "identity"]
    client_id: str
    object_id: str = ""
    principal_id: str | None = None
    enabled: bool = True
    credentials: tuple[Credential, ...] | None = None
    passwords: tuple[Password, ...] | None = None


class Service(Struct, frozen=True):
    """An API Management service. `gateways` maps a name to its APIs, None where either is unknown."""

    id: str
    name: str
    sku: str = ""
    system_principal: str = ""
    gateways: Mapping[str, tuple[str, ...] | None] | None = None


class Webhook(Struct, frozen=True):
    """The cluster's azure-workload-identity webhook."""

    enabled: bool = True
    audience: str = "api://AzureADTokenExchange"
    environment: str = "AzurePublicCloud"
    namespace_selector: Mapping[str, str] = field(default_factory=dict)
    failure_policy: str = "Fail"


class Cluster(Struct, frozen=True):
    """A cluster's token issuer, its webhook, and the allocatable size of its largest node."""

    issuer: str
    webhook: Webhook | None = None
    cpu: str = ""
    memory: str = ""
    accounts: tuple[tuple[str, str], ...] = ()  # namespace, name of what is there already


class Access(Struct, frozen=True):
    """Role assignments with all that decides what they mean. `groups` maps a principal to the groups
    it is in, None when membership is unknown; `complete` says whether every role is known."""

    assignments: tuple[RoleAssignment, ...]
    definitions: Mapping[str, RoleDefinition]
    denials: tuple[DenyAssignment, ...] = ()
    groups: Mapping[str, tuple[str, ...]] | None = None
    complete: bool = True


class Cloud(Struct, frozen=True):
    """`unchecked` names what nobody said, with the command that would say it."""

    source: str
    tenants: tuple[str, ...] = ()
    identities: tuple[Identity, ...] | None = None
    services: tuple[Service, ...] | None = None
    clusters: tuple[Cluster, ...] = ()
    access: Access | None = None
    unchecked: tuple[str, ...] = ()

    def identity(self, client_id: str) -> Identity | None:
        return next(
            (one for one in self.identities or () if one.client_id.lower() == client_id.lower()), None
        )

    def service(self, name: str) -> Service | None:
        return next((one for one in self.services or () if one.name.lower() == name.lower()), None)
