"""API Management's nouns."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class SystemIdentity:
    """The service's system-assigned managed identity: a service principal in Entra."""

    principal_id: str
    client_id: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class Service:
    """An API Management instance. `id` is its full ARM resource id, `tenant_id` its subscription's.

    `host_names` are further host names of its configuration endpoint; `other_hosts` those of endpoints that
    the sandbox does not have, by type: kept and shown. `user_assigned` are resource
    ids of user-assigned identities, which the configuration API does not use.
    """

    id: str
    tenant_id: str
    identity: SystemIdentity | None = None
    location: str = "westeurope"
    sku: str = "Developer"
    publisher_email: str = "operator@contoso.example"
    publisher_name: str = "Contoso"
    host_names: tuple[str, ...] = ()
    other_hosts: tuple[tuple[str, str], ...] = ()
    user_assigned: tuple[str, ...] = ()
    legacy_api: Literal["Enabled", "Disabled"] = "Enabled"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class LocationData:
    name: str
    city: str | None = None
    district: str | None = None
    country_or_region: str | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """A self-hosted gateway resource; `name` is what `gateway.name` must say."""

    service_id: str
    name: str
    description: str = ""
    location: LocationData = LocationData("sandbox")

    @property
    def id(self) -> str:
        return f"{self.service_id}/gateways/{self.name}"


@dataclass(frozen=True, slots=True)
class Operation:
    """An API's operation: `GET /users/{id}`."""

    name: str
    method: str
    url_template: str
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """An API's version and where a request says it: `scheme` is Segment, Query or Header, `key` its name."""

    name: str
    scheme: str = "Segment"
    key: str = ""


@dataclass(frozen=True, slots=True)
class Api:
    """An API of the service. `path` is below the gateway's root, without slashes at its ends."""

    service_id: str
    name: str
    path: str
    service_url: str
    display_name: str = ""
    protocols: tuple[str, ...] = ("https",)
    operations: tuple[Operation, ...] = ()
    subscription_required: bool = False
    version: ApiVersion | None = None

    @property
    def id(self) -> str:
        return f"{self.service_id}/apis/{self.name}"


@dataclass(frozen=True, slots=True)
class GatewayApi:
    """An API made available on a gateway."""

    gateway_id: str
    api_name: str

    @property
    def id(self) -> str:
        return f"{self.gateway_id}/apis/{self.api_name}"


@dataclass(frozen=True, slots=True)
class GatewayKeys:
    """A gateway's two keys: what gateway tokens are signed with."""

    primary: str = field(repr=False)
    secondary: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Instance:
    """A running gateway as its last heartbeat told. `last_seen` in epoch seconds."""

    id: str
    gateway_id: str
    version: str
    revision: str
    last_seen: float
