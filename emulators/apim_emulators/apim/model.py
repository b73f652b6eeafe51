"""API Management's nouns."""

from typing import ClassVar, Literal

import msgspec
from msgspec import Struct

from apim_emulators.core.records import Redacted


class SystemIdentity(Struct, frozen=True):
    """The service's system-assigned managed identity: a service principal in Entra."""

    principal_id: str
    client_id: str
    tenant_id: str


class Service(Struct, frozen=True):
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
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]


class LocationData(Struct, frozen=True):
    name: str
    city: str | None = None
    district: str | None = None
    country_or_region: str | None = None


class Gateway(Struct, frozen=True):
    """A self-hosted gateway resource; `name` is what `gateway.name` must say."""

    service_id: str
    name: str
    description: str = ""
    location: LocationData = LocationData("sandbox")

    @property
    def id(self) -> str:
        return f"{self.service_id}/gateways/{self.name}"


class Operation(Struct, frozen=True):
    """An API's operation: `GET /users/{id}`."""

    name: str
    method: str
    url_template: str
    display_name: str = ""


class ApiVersion(Struct, frozen=True):
    """An API's version and where a request says it: `scheme` is Segment, Query or Header, `key` its name."""

    name: str
    scheme: str = "Segment"
    key: str = ""


class Api(Struct, frozen=True):
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


class GatewayApi(Struct, frozen=True):
    """An API made available on a gateway."""

    gateway_id: str
    api_name: str

    @property
    def id(self) -> str:
        return f"{self.gateway_id}/apis/{self.api_name}"


class GatewayKeys(Redacted, frozen=True):
    """A gateway's two keys: what gateway tokens are signed with."""

    redacted: ClassVar = ("primary", "secondary")

    primary: str
    secondary: str


class Instance(Struct, frozen=True):
    """A running gateway as its last heartbeat told. `last_seen` in epoch seconds."""

    id: str
    gateway_id: str
    version: str
    revision: str
    last_seen: float
