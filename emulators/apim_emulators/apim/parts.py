"""What hangs below a service besides APIs and gateways: policies, values, certificates, keys, host names.

Every such part says its own ARM id, its noun, and what a gateway is told of it; secrets do not show
in its `repr`, and so never reach the journal.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from msgspec import Struct, to_builtins

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.records import Redacted
from apim_emulators.core.store import Collection, Store


class Policy(Struct, frozen=True):
    """The policy document of a service, an API or an operation; `scope_id` is the owner's ARM id."""

    noun: ClassVar[str] = "policy"
    scope_id: str
    xml: str

    @property
    def id(self) -> str:
        return f"{self.scope_id}/policies/policy"


class NamedValue(Redacted, frozen=True):
    """A value that policies name as `{{display name}}`."""

    redacted: ClassVar = ("value",)

    noun: ClassVar[str] = "namedValue"
    service_id: str
    name: str
    display_name: str
    value: str
    secret: bool = False
    tags: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.service_id}/namedValues/{self.name}"


class Certificate(Redacted, frozen=True):
    """A certificate with its private key, both PEM. `expires_at` in epoch seconds."""

    redacted: ClassVar = ("private_key",)

    noun: ClassVar[str] = "certificate"
    service_id: str
    name: str
    subject: str
    thumbprint: str
    expires_at: float
    certificate: str
    private_key: str

    @property
    def id(self) -> str:
        return f"{self.service_id}/certificates/{self.name}"


class Product(Struct, frozen=True):
    """APIs that are subscribed to together."""

    noun: ClassVar[str] = "product"
    service_id: str
    name: str
    display_name: str = ""
    apis: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.service_id}/products/{self.name}"


class Subscription(Redacted, frozen=True):
    """Two keys for what `scope` names: an ARM id ending in `/apis`, `/apis/{name}` or `/products/{name}`."""

    redacted: ClassVar = ("primary_key", "secondary_key")

    noun: ClassVar[str] = "subscription"
    service_id: str
    name: str
    scope: str
    primary_key: str
    secondary_key: str
    state: str = "active"
    display_name: str = ""

    @property
    def id(self) -> str:
        return f"{self.service_id}/subscriptions/{self.name}"


class HostnameConfiguration(Struct, frozen=True):
    """A host name of a gateway; `certificate_id` is the ARM id of a certificate of the service."""

    noun: ClassVar[str] = "hostnameConfiguration"
    gateway_id: str
    name: str
    hostname: str
    certificate_id: str = ""
    negotiate_client_certificate: bool = False
    tls10_enabled: bool = False
    tls11_enabled: bool = False
    http2_enabled: bool = True

    @property
    def id(self) -> str:
        return f"{self.gateway_id}/hostnameConfigurations/{self.name}"


class CertificateAuthority(Struct, frozen=True):
    """A certificate of the service, by its name, that signs for a gateway's back ends.

    `trusted` for a root; an intermediate is none.
    """

    noun: ClassVar[str] = "certificateAuthority"
    gateway_id: str
    name: str
    trusted: bool = False

    @property
    def id(self) -> str:
        return f"{self.gateway_id}/certificateAuthorities/{self.name}"


Part = (
    Policy | NamedValue | Certificate | Product | Subscription | HostnameConfiguration | CertificateAuthority
)
P = TypeVar("P", bound=Part)
KINDS: tuple[type[Part], ...] = (
    Policy, NamedValue, Certificate, Product, Subscription, HostnameConfiguration, CertificateAuthority,
)  # fmt: skip


class Parts:
    """The parts of every service, a collection a kind; keys are ARM ids in lower case."""

    def __init__(self, store: Store) -> None:
        self._kept: dict[type[Any], Collection[Any]] = {
            kind: store.collection(f"apim/{kind.noun}", kind) for kind in KINDS
        }

    def put(self, part: Part) -> None:
        self._kept[type(part)].put(part.id.lower(), part)

    def get(self, kind: type[P], part_id: str) -> P | None:
        found: P | None = self._kept[kind].get(part_id.lower())
        return found

    def delete(self, part: Part) -> None:
        self._kept[type(part)].delete(part.id.lower())

    def revision_of(self, part: Part) -> int:
        return self._kept[type(part)].revision_of(part.id.lower())

    def below(self, kind: type[P], owner_id: str) -> list[P]:
        """All of a kind whose id begins with `owner_id`, in the order in which they were first made."""
        prefix = f"{owner_id.lower()}/"
        return [part for key, part in self._kept[kind].items() if key.startswith(prefix)]

    def everything_below(self, owner_id: str) -> Iterator[Part]:
        for kind in KINDS:
            yield from self.below(kind, owner_id)


def service_of(resource_id: str) -> str:
    """The id of the service that a resource belongs to: the first eight segments of its id."""
    return "/".join(resource_id.split("/")[:9])


def shown(part: Any) -> dict[str, Any]:
    """A noun's members as the journal may tell them: without those that its `repr` hides."""
    hidden = part.redacted if isinstance(part, Redacted) else ()
    return {name: value for name, value in to_builtins(part).items() if name not in hidden}


# --- what a gateway is told


def named_value_json(value: NamedValue) -> dict[str, Any]:
    return {"displayName": value.display_name, "value": value.value, "secret": value.secret}


def certificate_json(certificate: Certificate) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "thumbprint": certificate.thumbprint,
        "expirationDate": rfc3339(certificate.expires_at),
        "certificate": certificate.certificate,
        "privateKey": certificate.private_key,
    }


def authority_json(authority: CertificateAuthority, certificate: Certificate) -> dict[str, Any]:
    return {
        "thumbprint": certificate.thumbprint,
        "certificate": certificate.certificate,
        "isTrusted": authority.trusted,
    }


def hostname_json(host: HostnameConfiguration) -> dict[str, Any]:
    """`certificate` is the name of an entity `certificates/{name}`, empty for none."""
    return {
        "hostname": host.hostname,
        "certificate": host.certificate_id.rpartition("/")[2],
        "negotiateClientCertificate": host.negotiate_client_certificate,
        "tls10Enabled": host.tls10_enabled,
        "tls11Enabled": host.tls11_enabled,
        "http2Enabled": host.http2_enabled,
    }


def subscription_json(subscription: Subscription, apis: list[str]) -> dict[str, Any]:
    return {
        "primaryKey": subscription.primary_key,
        "secondaryKey": subscription.secondary_key,
        "scope": subscription.scope,
        "state": subscription.state,
        "apis": apis,
    }
