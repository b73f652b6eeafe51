"""ARM's nouns, beside RBAC's own in `core.rbac`."""

from msgspec import Struct, field

from apim_emulators.arm.scopes import parse
from apim_emulators.core.rbac import DenyAssignment, Permission, RoleAssignment, RoleDefinition

__all__ = [
    "AssignmentRecord",
    "Audit",
    "DefinitionRecord",
    "DenyAssignment",
    "ManagedCluster",
    "Permission",
    "ResourceGroup",
    "RoleAssignment",
    "RoleDefinition",
    "Subscription",
    "UserAssignedIdentity",
]


class Subscription(Struct, frozen=True):
    """`id` is the GUID. `management_groups` are the ids of those above it, the nearest first."""

    id: str
    tenant_id: str
    name: str
    management_groups: tuple[str, ...] = ()

    @property
    def resource_id(self) -> str:
        return f"/subscriptions/{self.id}"


class ResourceGroup(Struct, frozen=True):
    subscription_id: str
    name: str
    location: str = "westeurope"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"


class ManagedCluster(Struct, frozen=True):
    """An AKS cluster as far as `az aks show` reads it for the issuer. `id` is the full resource id."""

    id: str
    issuer_url: str
    location: str = "westeurope"
    kubernetes_version: str = "1.33.5"

    @property
    def name(self) -> str:
        return parse(self.id).name


class UserAssignedIdentity(Struct, frozen=True):
    """`id` is the full resource id; `principal_id` and `client_id` are its service principal's in Entra."""

    id: str
    tenant_id: str
    principal_id: str
    client_id: str
    location: str = "westeurope"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return parse(self.id).name


class Audit(Struct, frozen=True):
    """Who wrote when: epoch seconds and object ids."""

    created_on: float = 0.0
    created_by: str = ""
    updated_on: float = 0.0
    updated_by: str = ""


class AssignmentRecord(Struct, frozen=True):
    """A role assignment as ARM keeps it."""

    assignment: RoleAssignment
    description: str | None = None
    audit: Audit = Audit()


class DefinitionRecord(Struct, frozen=True):
    """A role definition as ARM keeps it."""

    definition: RoleDefinition
    audit: Audit = Audit()
