"""The issuer's nouns: a cluster, its keys, and the Kubernetes objects that identity needs."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct
from msgspec.structs import force_setattr

from apim_emulators.core.records import Redacted
from apim_emulators.core.vocabulary import (
    IDENTITY_BINDING_HOST,
    TOKEN_PROXY_DOMAIN,
    Subject,
    VocabularyError,
)

WELL_KNOWN = "/.well-known/openid-configuration"
JWKS_PATH = "/openid/v1/jwks"

Resource = Literal["serviceaccounts", "pods", "secrets", "nodes", "clusterroles", "clusterrolebindings"]
KINDS: Mapping[Resource, str] = {
    "serviceaccounts": "ServiceAccount", "pods": "Pod", "secrets": "Secret", "nodes": "Node",
    "clusterroles": "ClusterRole", "clusterrolebindings": "ClusterRoleBinding",
}  # fmt: skip
RBAC_API = "rbac.authorization.k8s.io/v1"


class Cluster(Struct, frozen=True):
    """What the API server's flags say about service-account tokens.

    `issuer` is `--service-account-issuer` byte for byte, `jwks_uri` is `--service-account-jwks-uri`
    (by default under the issuer), `api_audiences` is `--api-audiences` (by default the issuer),
    `max_token_expiration` is in seconds, 0 for no limit; `version` is the server's `gitVersion`.
    """

    name: str
    issuer: str
    jwks_uri: str = ""
    api_audiences: tuple[str, ...] = ()
    max_token_expiration: int = 0
    extend_token_expiration: bool = True
    version: str = "v1.36.1"

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise VocabularyError(f"cluster name {self.name!r} is empty or holds a slash")
        for flag, url in (("issuer", self.issuer), ("jwks-uri", self.jwks_uri or self.issuer)):
            if not url.startswith("https://") or len(url) == len("https://"):
                raise VocabularyError(f"service-account-{flag} requires https scheme, parsed as: {url}")
            if "?" in url or "#" in url:
                raise VocabularyError(f"service-account-{flag} {url!r} has a query or fragment")
        if not self.jwks_uri:
            force_setattr(self, "jwks_uri", self.issuer.rstrip("/") + JWKS_PATH)
        if not self.api_audiences:
            force_setattr(self, "api_audiences", (self.issuer,))

    @property
    def discovery_url(self) -> str:
        """Where OpenID Connect Discovery 1.0 section 4 looks: one slash, whatever the issuer ends in."""
        return self.issuer.rstrip("/") + WELL_KNOWN


class IdentityBinding(Struct, frozen=True):
    """Lets pods of a cluster sign in as a user-assigned identity, whose issuer all its bindings share."""

    cluster: str
    name: str
    client_id: str
    tenant_id: str

    @property
    def issuer(self) -> str:
        return f"https://{IDENTITY_BINDING_HOST}/{self.tenant_id}/{self.client_id}"

    @property
    def issuer_name(self) -> str:
        """Under which the issuer's keys are kept."""
        return f"identity-binding-{self.client_id}"


def token_proxy_host(cluster: str) -> str:
    """The server name under which a cluster's token proxy answers; real ones are a name of AKS' choosing."""
    return f"{cluster.lower()}.{TOKEN_PROXY_DOMAIN}"


class ClusterKey(Redacted, frozen=True):
    """A key pair of a cluster's issuer. `signs`: new tokens use it; `published`: JWKS shows it."""

    redacted: ClassVar = ("pem",)

    cluster: str
    kid: str
    pem: str
    number: int
    signs: bool
    published: bool


class ApiObject(Struct, frozen=True):
    """A Kubernetes object as it was put, with the metadata that the API server gives it."""

    resource: Resource
    namespace: str  # empty for nodes
    name: str
    uid: str
    manifest: Mapping[str, Any]


class ServiceAccount(Struct, frozen=True):
    """Whom a token speaks for."""

    namespace: str
    name: str
    uid: str

    @property
    def subject(self) -> Subject:
        return Subject(f"system:serviceaccount:{self.namespace}:{self.name}")


class Bound(Struct, frozen=True):
    """The object whose end ends the token."""

    kind: Literal["Pod", "Secret", "Node"]
    name: str
    uid: str


class BoundNode(Struct, frozen=True):
    """The node of a bound pod; `uid` is empty when no such node object exists."""

    name: str
    uid: str = ""
