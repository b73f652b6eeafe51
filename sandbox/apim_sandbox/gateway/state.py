"""The configuration in memory: immutable, replaced whole at every change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from apim_emulators.core.vocabulary import Revision
from apim_sandbox.gateway.configuration import Change, Entity, Snapshot
from apim_sandbox.gateway.policies import Plan, fill, plan

T = TypeVar("T", bound=msgspec.Struct)


class OperationData(msgspec.Struct, frozen=True, rename="camel"):
    """An operation as the feed carries it. `policy` is XML, empty when it has none."""

    name: str
    method: str = "GET"
    url_template: str = "/"
    policy: str = ""


class SubscriptionKeyNames(msgspec.Struct, frozen=True):
    """Where an API wants its subscription key; the documented defaults."""

    header: str = "Ocp-Apim-Subscription-Key"
    query: str = "subscription-key"


class ApiData(msgspec.Struct, frozen=True, rename="camel"):
    """An API as the feed carries it. `path` without slashes at its ends; empty for the root."""

    name: str
    path: str
    service_url: str | None = None
    protocols: tuple[str, ...] = ("https",)
    display_name: str = ""
    api_revision: str = "1"
    api_version: str = ""
    versioning_scheme: str = ""
    version_query_name: str = ""
    version_header_name: str = ""
    subscription_required: bool = False
    subscription_key_parameter_names: SubscriptionKeyNames | None = None
    operations: tuple[OperationData, ...] = ()
    policy: str = ""

    @property
    def revision_name(self) -> str:
        """As the gateway's log names it: `echo-api;rev=1`."""
        return self.name if ";rev=" in self.name else f"{self.name};rev={self.api_revision}"


class SubscriptionData(msgspec.Struct, frozen=True, rename="camel"):
    """A subscription as the feed carries it; `scope` ends in `/apis` or `/apis/{name}`."""

    primary_key: str = ""
    secondary_key: str = ""
    scope: str = ""
    state: str = "active"
    apis: tuple[str, ...] = ()


class NamedValueData(msgspec.Struct, frozen=True, rename="camel"):
    """What `{{display name}}` stands for."""

    display_name: str
    value: str = ""


class CertificateData(msgspec.Struct, frozen=True, rename="camel"):
    """A certificate and its key, both PEM."""

    thumbprint: str
    certificate: str
    private_key: str


class HostnameData(msgspec.Struct, frozen=True, rename="camel"):
    """A host name of the gateway, perhaps with a wildcard: `*.contoso.com`, `*`.

    `certificate` names one of the configuration's certificates.
    """

    hostname: str
    certificate: str = ""
    negotiate_client_certificate: bool = False
    tls10_enabled: bool = False
    tls11_enabled: bool = False

    @property
    def not_acting(self) -> list[str]:
        """What it asks for and this gateway does not do."""
        asked = {
            "negotiateClientCertificate": self.negotiate_client_certificate,
            "tls10Enabled": self.tls10_enabled,
            "tls11Enabled": self.tls11_enabled,
        }
        return [f"{self.hostname}: {name}" for name, on in asked.items() if on]


class AuthorityData(msgspec.Struct, frozen=True, rename="camel"):
    """A certificate, PEM, that signs for back ends; trusted when it is a root."""

    certificate: str
    is_trusted: bool = False


class IdentityData(msgspec.Struct, frozen=True, rename="camel"):
    """The service's managed identity as the gateway is told of it."""

    type: str
    client_id: str


class GatewayData(msgspec.Struct, frozen=True, rename="camel"):
    """What the gateway is told about itself."""

    identity: IdentityData | None = None


class PolicyData(msgspec.Struct, frozen=True):
    """The policy document around all APIs."""

    policy: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All entities at a revision, and what they mean for routing."""

    revision: Revision
    service_name: str
    gateway_id: str
    entities: Mapping[str, Any]
    apis: tuple[ApiData, ...] = field(init=False)
    subscriptions: tuple[SubscriptionData, ...] = field(init=False)
    identity: IdentityData | None = field(init=False)
    hosts: Mapping[str, HostnameData] = field(init=False)  # by host name in lower case
    certificates: Mapping[str, CertificateData] = field(init=False)
    authorities: Mapping[str, AuthorityData] = field(init=False)
    plans: Mapping[tuple[str, str], Plan] = field(init=False)  # by API and operation; "" for no operation
    not_acting: tuple[str, ...] = field(init=False)
    problems: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        problems: list[str] = []

        def typed(prefix: str, type_: type[T]) -> dict[str, T]:
            return _typed(self.entities, prefix, type_, problems)

        values = {
            one.display_name.lower(): one.value for one in typed("namedValues/", NamedValueData).values()
        }
        gateway, policy = typed("gateway", GatewayData), typed("policy", PolicyData)
        hosts = {one.hostname.lower(): one for one in typed("hostnameConfigurations/", HostnameData).values()}
        apis = tuple(_filled(api, values, problems) for api in typed("apis/", ApiData).values())
        everywhere = next((one.policy for one in policy.values()), "")
        plans, not_acting = _plans(apis, everywhere, values)
        for name, value in {
            "apis": apis,
            "subscriptions": tuple(typed("subscriptions/", SubscriptionData).values()),
            "identity": next((one.identity for one in gateway.values()), None),
            "hosts": hosts,
            "certificates": typed("certificates/", CertificateData),
            "authorities": typed("certificateAuthorities/", AuthorityData),
            "plans": plans,
            "not_acting": not_acting,
            "problems": tuple(problems),
        }.items():
            object.__setattr__(self, name, value)

    def host_name(self, host: str) -> HostnameData | None:
        """The hostname configuration that `host` falls under: its own, a wildcard's, or that of all."""
        host = host.lower()
        for name in (host, f"*.{host.partition('.')[2]}", "*"):
            if name in self.hosts:
                return self.hosts[name]
        return None

    def certificate_for(self, host: str) -> CertificateData | None:
        """The certificate that port 8081 shows to who asks for `host`."""
        found = self.host_name(host)
        return self.certificates.get(found.certificate) if found else None

    @classmethod
    def restore(cls, snapshot: Snapshot) -> "Configuration":
        return cls(
            Revision.parse(snapshot.revision),
            snapshot.service_name,
            snapshot.gateway_id,
            {entity.entity: entity.data for entity in snapshot.entities},
        )

    def snapshot(self) -> Snapshot:
        """The inverse of `restore`."""
        entities = tuple(Entity(name, data) for name, data in self.entities.items())
        return Snapshot(str(self.revision), self.service_name, self.gateway_id, entities)

    def apply(self, changes: Iterable[Change], revision: Revision) -> "Configuration":
        """This configuration after `changes`, in their order."""
        entities = dict(self.entities)
        for change in changes:
            if change.operation == "delete":
                entities.pop(change.entity, None)
            else:
                entities[change.entity] = change.data
        return Configuration(revision, self.service_name, self.gateway_id, entities)


def _typed(entities: Mapping[str, Any], prefix: str, type_: type[T], problems: list[str]) -> dict[str, T]:
    """The entities called `prefix` and a name without slashes, by that name."""
    found = {}
    for name, data in entities.items():
        # `apis/echo-api/...` is a part of an API with an entity of its own.
        short = name.removeprefix(prefix)
        if name.startswith(prefix) and "/" not in short and bool(short) == prefix.endswith("/"):
            try:
                found[short] = msgspec.convert(data, type_)
            except msgspec.ValidationError as error:
                problems.append(f"{name}: {error}")
    return found


def _filled(api: ApiData, values: Mapping[str, str], problems: list[str]) -> ApiData:
    """The API with named values in its service URL filled in."""
    if "{{" not in (api.service_url or ""):
        return api
    try:
        return msgspec.structs.replace(api, service_url=fill(api.service_url or "", values))
    except KeyError as error:
        problems.append(f"apis/{api.name}: there is no named value {error.args[0]!r}")
        return msgspec.structs.replace(api, service_url=None)


def _plans(
    apis: Iterable[ApiData], everywhere: str, values: Mapping[str, str]
) -> tuple[dict[tuple[str, str], Plan], tuple[str, ...]]:
    """What happens to a request of each operation, and what of the policies does not act."""
    plans, skipped = {}, dict[str, None]()
    for api in apis:
        for operation in (None, *api.operations):
            scopes = [("global", everywhere), (f"api {api.name}", api.policy)]
            if operation is not None:
                scopes.append((f"operation {api.name}/{operation.name}", operation.policy))
            made, not_acting = plan(tuple(scope for scope in scopes if scope[1]), values)
            plans[api.name, operation.name if operation else ""] = made
            skipped |= dict.fromkeys(not_acting)
    return plans, tuple(skipped)
