"""What this Entra remembers: tenants, applications, principals, credentials, groups, and its own keys.

Everything durable is in one `core.store` Store. Reads take `at`, the moment as of which they look: a
write with a later `visible_at` is not there yet. What is volatile (issuers' keys, counted requests)
is in `Volatile`, which `forget()` empties.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from apim_emulators.core.faults import Asks, PropagationDelay
from apim_emulators.core.ids import derived_uuid
from apim_emulators.core.jose import SigningKey
from apim_emulators.core.keys import KeySource
from apim_emulators.core.records import Redacted
from apim_emulators.core.store import ALWAYS, Collection, MemoryStore
from apim_emulators.core.vocabulary import ObjectId, TenantId
from apim_emulators.entra.attempt import IssuerKeys
from apim_emulators.entra.certificates import read_certificate, self_signed, x5c
from apim_emulators.entra.credential_checks import digest
from apim_emulators.entra.model import (
    GRAPH_APP_ID,
    MICROSOFT_RESOURCES,
    Application,
    ConditionalAccessPolicy,
    FederatedIdentityCredential,
    Group,
    KeyCredential,
    PasswordCredential,
    Resource,
    ServicePrincipal,
    Tenant,
    User,
)
from apim_emulators.entra.settings import ObjectKind, Settings


class Federated(Struct, frozen=True):
    """All federated credentials of one owner."""

    items: tuple[FederatedIdentityCredential, ...]


class Passwords(Struct, frozen=True):
    """All client secrets of one owner."""

    items: tuple[PasswordCredential, ...]


class Keys(Struct, frozen=True):
    """All certificates of one owner."""

    items: tuple[KeyCredential, ...]


class Ref(Struct, frozen=True):
    """Where an index points."""

    object_id: ObjectId


class EntraKey(Redacted, frozen=True):
    """One of Entra's own signing keys with its certificate; `kid` is the certificate's x5t."""

    redacted: ClassVar = ("pem",)

    kid: str
    pem: str
    certificate: str
    x5c: str
    number: int


class Volatile(Struct):
    """What a restart forgets."""

    issuers: dict[str, IssuerKeys] = msgspec.field(default_factory=dict)
    assertions: dict[str, float] = msgspec.field(default_factory=dict)  # replay protection: jti to expiry
    calls: dict[str, list[float]] = msgspec.field(default_factory=dict)


_RESOURCES: dict[str, Resource] = {
    name.lower(): resource
    for resource in MICROSOFT_RESOURCES
    for name in (resource.app_id, *resource.identifier_uris)
}


class Directory:
    """The directory of all tenants."""

    def __init__(self, store: MemoryStore, keys: KeySource, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.store = store
        self.volatile = Volatile()
        self._keys = keys
        self._tenants = store.collection("entra.tenants", Tenant)
        self._applications = store.collection("entra.applications", Application)
        self._by_app_id = store.collection("entra.applications.by-app-id", Ref)
        self._principals = store.collection("entra.service-principals", ServicePrincipal)
        self._by_tenant = store.collection("entra.service-principals.by-app-id", Ref)
        self._users = store.collection("entra.users", User)
        self._groups = store.collection("entra.groups", Group)
        self._federated = store.collection("entra.federated-credentials", Federated)
        self._passwords = store.collection("entra.passwords", Passwords)
        self._certificates = store.collection("entra.certificates", Keys)
        self._policies = store.collection("entra.policies", ConditionalAccessPolicy)
        self._signing = store.collection("entra.signing-keys", EntraKey)
        self._loaded: dict[str, SigningKey] = {}
        if next(self._signing.values(), None) is None:
            self.rotate_signing_key()
        _ = self.signing_key  # parsed before the first request

    def visible_at(self, kind: ObjectKind, now: float, faults: Asks) -> float:
        """When a write made through Graph at `now` is seen by the token endpoint; 0 means at once."""
        delay = self.settings.propagation.get(kind, 0.0)
        late = faults.ask(PropagationDelay, when=lambda one: one.object in ("any", kind))
        if late is not None:
            delay = late.seconds
        return now + delay if delay > 0 else 0.0

    def forget(self) -> None:
        """Drop what a restart would lose: cached issuer keys, counted requests."""
        self.volatile = Volatile()

    # --- Entra's own keys

    @property
    def signing_key(self) -> SigningKey:
        """What access tokens are signed with: the newest key."""
        return self._load(self.signing_keys()[-1])

    def signing_keys(self) -> list[EntraKey]:
        """All published keys, oldest first."""
        return list(self._signing.values())

    def rotate_signing_key(self, *, keep: bool = True) -> str:
        """Sign with a new key from now on; without `keep` the old ones are withdrawn. Returns its kid."""
        existing = self.signing_keys()
        number = max((key.number for key in existing), default=0) + 1
        private = self._keys.rsa(f"entra/{number}")
        certificate = self_signed(private, "apim-sandbox Entra")
        kid = read_certificate(certificate).thumbprint
        key = SigningKey(kid, private)
        self._loaded[kid] = key
        if not keep:
            for old in existing:
                self._signing.delete(old.kid)
        self._signing.put(kid, EntraKey(kid, key.pem().decode(), certificate, x5c(certificate), number))
        return kid

    def loaded_key(self, kid: str) -> SigningKey | None:
        """One of Entra's published keys."""
        record = self._signing.get(kid)
        return self._load(record) if record is not None else None

    def _load(self, record: EntraKey) -> SigningKey:
        key = self._loaded.get(record.kid)
        if key is None:
            key = self._loaded[record.kid] = SigningKey(record.kid, self._keys.load(record.pem))
        return key

    # --- tenants

    def put_tenant(self, tenant: Tenant) -> None:
        self._tenants.put(tenant.id, tenant)

    def find_tenant(self, name: str) -> Tenant | None:
        """By GUID or verified domain, in any letter case."""
        tenant = self._tenants.get(name)
        if tenant is not None:
            return tenant
        lowered = name.lower()
        return next(
            (each for each in self._tenants.values() if lowered in (each.id.lower(), each.name.lower())), None
        )

    def names_of(self, name: str) -> tuple[str, ...]:
        """`name` and every other name of the tenant that it names."""
        tenant = self.find_tenant(name)
        return (name,) if tenant is None else (name, tenant.id, tenant.name)

    def list_tenants(self) -> list[Tenant]:
        return list(self._tenants.values())

    # --- applications

    def put_application(self, application: Application, *, visible_at: float = 0.0) -> None:
        self._applications.put(application.object_id, application, visible_at=visible_at)
        self._by_app_id.put(application.app_id.lower(), Ref(application.object_id), visible_at=visible_at)

    def get_application(self, object_id: str, *, at: float = ALWAYS) -> Application | None:
        return self._applications.get(object_id, at=at)

    def find_application(self, app_id: str, *, at: float = ALWAYS) -> Application | None:
        """By client id, in whichever tenant it is registered."""
        ref = self._by_app_id.get(app_id.lower(), at=at)
        return self._applications.get(ref.object_id, at=at) if ref is not None else None

    def list_applications(self, tenant: str = "") -> list[Application]:
        return _of_tenant(self._applications, tenant)

    def delete_application(self, object_id: str, *, visible_at: float = 0.0) -> bool:
        """Delete an application with its credentials; service principals stay, as Graph leaves them."""
        application = self._applications.get(object_id)
        if application is None:
            return False
        self._by_app_id.delete(application.app_id.lower(), visible_at=visible_at)
        self._delete_credentials(object_id, visible_at)
        return self._applications.delete(object_id, visible_at=visible_at)

    # --- service principals, users, groups

    def put_service_principal(self, principal: ServicePrincipal, *, visible_at: float = 0.0) -> None:
        self._principals.put(principal.object_id, principal, visible_at=visible_at)
        key = _tenant_key(principal.tenant, principal.app_id)
        self._by_tenant.put(key, Ref(principal.object_id), visible_at=visible_at)

    def get_service_principal(self, object_id: str, *, at: float = ALWAYS) -> ServicePrincipal | None:
        return self._principals.get(object_id, at=at)

    def find_service_principal(
        self, tenant: str, app_id: str, *, at: float = ALWAYS
    ) -> ServicePrincipal | None:
        """The one with this client id in this tenant."""
        ref = self._by_tenant.get(_tenant_key(tenant, app_id), at=at)
        return self._principals.get(ref.object_id, at=at) if ref is not None else None

    def list_service_principals(self, tenant: str = "") -> list[ServicePrincipal]:
        return _of_tenant(self._principals, tenant)

    def delete_service_principal(self, object_id: str, *, visible_at: float = 0.0) -> bool:
        principal = self._principals.get(object_id)
        if principal is None:
            return False
        self._by_tenant.delete(_tenant_key(principal.tenant, principal.app_id), visible_at=visible_at)
        self._delete_credentials(object_id, visible_at)
        for group in list(self._groups.values()):
            if object_id in group.members:
                members = tuple(member for member in group.members if member != object_id)
                self._groups.put(group.object_id, replace(group, members=members))
        return self._principals.delete(object_id, visible_at=visible_at)

    def graph_principal(self, tenant: Tenant) -> ServicePrincipal:
        """Microsoft Graph's own presence in `tenant`, which every tenant has without having made it."""
        object_id = ObjectId(derived_uuid(tenant.id, GRAPH_APP_ID))
        return ServicePrincipal(object_id, GRAPH_APP_ID, tenant.id, "Microsoft Graph")

    def put_user(self, user: User) -> None:
        self._users.put(user.object_id, user)

    def get_user(self, object_id: str) -> User | None:
        return self._users.get(object_id)

    def list_users(self, tenant: str = "") -> list[User]:
        return _of_tenant(self._users, tenant)

    def put_group(self, group: Group, *, visible_at: float = 0.0) -> None:
        self._groups.put(group.object_id, group, visible_at=visible_at)

    def get_group(self, object_id: str, *, at: float = ALWAYS) -> Group | None:
        return self._groups.get(object_id, at=at)

    def list_groups(self, tenant: str = "") -> list[Group]:
        return _of_tenant(self._groups, tenant)

    def delete_group(self, object_id: str, *, visible_at: float = 0.0) -> bool:
        return self._groups.delete(object_id, visible_at=visible_at)

    def groups_of(self, object_id: str, *, at: float = ALWAYS) -> list[ObjectId]:
        """Ids of all groups that `object_id` is in, directly or through groups; nearest first."""
        groups = list(self._groups.values(at=at))
        found: dict[ObjectId, None] = {}
        wanted = [object_id]
        while wanted:
            member = wanted.pop(0)
            for group in groups:
                if member in group.members and group.object_id not in found and group.object_id != object_id:
                    found[group.object_id] = None
                    wanted.append(group.object_id)
        return list(found)

    # --- credentials; `owner` is an application's object id, or a managed identity's

    def put_federated_credential(
        self, credential: FederatedIdentityCredential, *, visible_at: float = 0.0
    ) -> None:
        """Add the credential, or replace the one with its id; no rule is checked here."""
        items = self.list_federated_credentials(credential.owner)
        self._federated.put(
            credential.owner, Federated(_put(items, credential, lambda each: each.id)), visible_at=visible_at
        )

    def list_federated_credentials(
        self, owner: str, *, at: float = ALWAYS
    ) -> tuple[FederatedIdentityCredential, ...]:
        found = self._federated.get(owner, at=at)
        return found.items if found is not None else ()

    def get_federated_credential(self, owner: str, name_or_id: str) -> FederatedIdentityCredential | None:
        items = self.list_federated_credentials(owner)
        return next((each for each in items if name_or_id in (each.id, each.name)), None)

    def delete_federated_credential(self, owner: str, name_or_id: str, *, visible_at: float = 0.0) -> bool:
        items = self.list_federated_credentials(owner)
        kept = tuple(each for each in items if name_or_id not in (each.id, each.name))
        if len(kept) < len(items):
            self._federated.put(owner, Federated(kept), visible_at=visible_at)
        return len(kept) < len(items)

    def add_password(
        self,
        owner: ObjectId,
        secret: str,
        *,
        key_id: str,
        salt: str,
        display_name: str = "",
        start: float = 0.0,
        end: float = 4_102_444_800.0,
        visible_at: float = 0.0,
    ) -> PasswordCredential:
        """Let `owner` sign in with `secret`, of which only a salted hash is kept."""
        credential = PasswordCredential(
            key_id, owner, display_name, secret[:3], salt, digest(salt, secret), start, end
        )
        items = _put(self.list_passwords(owner), credential, lambda each: each.key_id)
        self._passwords.put(owner, Passwords(items), visible_at=visible_at)
        return credential

    def list_passwords(self, owner: str, *, at: float = ALWAYS) -> tuple[PasswordCredential, ...]:
        found = self._passwords.get(owner, at=at)
        return found.items if found is not None else ()

    def delete_password(self, owner: str, key_id: str, *, visible_at: float = 0.0) -> bool:
        items = self.list_passwords(owner)
        kept = tuple(each for each in items if each.key_id != key_id)
        if len(kept) < len(items):
            self._passwords.put(owner, Passwords(kept), visible_at=visible_at)
        return len(kept) < len(items)

    def add_certificate(
        self, owner: ObjectId, pem: str, *, key_id: str, display_name: str = "", visible_at: float = 0.0
    ) -> KeyCredential:
        """Let `owner` sign in with the private key of `pem`. Raises `JoseError` for no certificate."""
        facts = read_certificate(pem)
        credential = KeyCredential(
            key_id, owner, display_name or facts.subject, pem, facts.thumbprint, facts.thumbprint_sha256,
            facts.start, facts.end,
        )  # fmt: skip
        items = _put(self.list_certificates(owner), credential, lambda each: each.key_id)
        self._certificates.put(owner, Keys(items), visible_at=visible_at)
        return credential

    def put_certificates(
        self, owner: ObjectId, items: tuple[KeyCredential, ...], *, visible_at: float = 0.0
    ) -> None:
        """Replace all certificates of `owner`, as a PATCH of `keyCredentials` does."""
        self._certificates.put(owner, Keys(items), visible_at=visible_at)

    def list_certificates(self, owner: str, *, at: float = ALWAYS) -> tuple[KeyCredential, ...]:
        found = self._certificates.get(owner, at=at)
        return found.items if found is not None else ()

    def _delete_credentials(self, owner: str, visible_at: float) -> None:
        collections: Iterable[Collection[Federated] | Collection[Passwords] | Collection[Keys]] = (
            self._federated, self._passwords, self._certificates,
        )  # fmt: skip
        for collection in collections:
            collection.delete(owner, visible_at=visible_at)

    # --- policies and resources

    def put_policy(self, policy: ConditionalAccessPolicy) -> None:
        self._policies.put(policy.id, policy)

    def delete_policy(self, policy_id: str) -> bool:
        return self._policies.delete(policy_id)

    def blocking_policy(self, principal: ServicePrincipal) -> ConditionalAccessPolicy | None:
        """The first policy that blocks `principal`. Managed identities are beyond conditional access."""
        if principal.type == "ManagedIdentity":
            return None
        for policy in self._policies.values():
            named = "*" in policy.principals or principal.object_id in policy.principals
            if policy.enabled and policy.tenant == principal.tenant and named:
                return policy
        return None

    def find_resource(self, tenant: Tenant, wanted: str, *, at: float = ALWAYS) -> Resource | None:
        """The API called `wanted`: one of Microsoft's, or an application with a principal in `tenant`."""
        lowered = wanted.lower()
        known = _RESOURCES.get(lowered)
        if known is not None:
            return known
        application = self.find_application(wanted, at=at) or next(
            (
                each
                for each in self._applications.values(at=at)
                if any(lowered == uri.lower() for uri in each.identifier_uris)
            ),
            None,
        )
        if application is None:
            return None
        principal = self.find_service_principal(tenant.id, application.app_id, at=at)
        if principal is None:
            return None
        return Resource(
            application.app_id,
            application.identifier_uris,
            application.display_name,
            application.access_token_version,
            principal.enabled,
            principal.assignment_required,
        )


def _tenant_key(tenant: str, app_id: str) -> str:
    return f"{tenant}/{app_id.lower()}"


class _Tenanted(Protocol):
    @property
    def tenant(self) -> TenantId: ...


_T = TypeVar("_T", bound=_Tenanted)
_I = TypeVar("_I")


def _of_tenant(collection: Collection[_T], tenant: str) -> list[_T]:
    return [each for each in collection.values() if not tenant or each.tenant == tenant]


def _put(items: tuple[_I, ...], item: _I, key: Callable[[_I], str]) -> tuple[_I, ...]:
    """`items` with `item` in the place of the one with its key, or at the end."""
    if any(key(each) == key(item) for each in items):
        return tuple(item if key(each) == key(item) else each for each in items)
    return (*items, item)
