"""The field's words as types. The same noun here, in YAML, in REST, on the command line and in docs."""

from typing import Literal, NewType

from msgspec import Struct

TenantId = NewType("TenantId", str)  # a GUID
ClientId = NewType("ClientId", str)  # an application's appId, a GUID
ObjectId = NewType("ObjectId", str)  # a directory object's id, a GUID
Issuer = NewType("Issuer", str)  # an OIDC issuer URL, compared byte for byte
Subject = NewType("Subject", str)
Audience = NewType("Audience", str)
KeyId = NewType("KeyId", str)

Actor = Literal["you", "cluster", "oidc", "webhook", "entra", "graph", "arm", "apim", "gateway", "control"]
ACTORS: tuple[Actor, ...] = (
    "you", "cluster", "oidc", "webhook", "entra", "graph", "arm", "apim", "gateway", "control",
)  # fmt: skip

TOKEN_EXCHANGE_AUDIENCE = Audience("api://AzureADTokenExchange")
IDENTITY_BINDING_AUDIENCE = Audience("api://AKSIdentityBinding")
CONFIGURATION_AUDIENCE = Audience("https://azure-api.net/configuration")
CONFIGURATION_AUDIENCES = (str(CONFIGURATION_AUDIENCE), f"{CONFIGURATION_AUDIENCE}/")
ARM_RESOURCE = "https://management.azure.com"
GRAPH_RESOURCE = "https://graph.microsoft.com"
GET_CONFIGURATION = "Microsoft.ApiManagement/service/gateways/getConfiguration/action"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

LOGIN_HOST = "login.microsoftonline.com"
ARM_HOST = "management.azure.com"
GRAPH_HOST = "graph.microsoft.com"
CONFIGURATION_DOMAIN = "configuration.azure-api.net"
LEGACY_CONFIGURATION_DOMAIN = "management.azure-api.net"  # version 1, retired 2023-10-01
KUBERNETES_HOST = "kubernetes.default.svc"
IDENTITY_BINDING_HOST = "ib.oic.prod-aks.azure.com"  # issuer of all identities with identity bindings
TOKEN_PROXY_DOMAIN = "ests.sandbox.test"  # ours: server names under which clusters' token proxies answer
WEBHOOK_HOST = "azure-wi-webhook-webhook-service.azure-workload-identity-system.svc"
APIM_PROVIDER_HOST = "apim.resource-provider.sandbox.test"  # ours: where ARM hands requests on
ECHO_HOST = "echo.sandbox.test"  # ours: the default world's back end


class VocabularyError(ValueError):
    """A value that its noun does not allow; the message names the value and the rule."""


class ServiceAccountName(Struct, frozen=True, order=True):
    """A Kubernetes service account as `namespace/name`."""

    namespace: str
    name: str

    def __post_init__(self) -> None:
        for part, value in (("namespace", self.namespace), ("name", self.name)):
            if not value or "/" in value or ":" in value:
                raise VocabularyError(f"service account {part} {value!r} is not a Kubernetes name")

    @classmethod
    def parse(cls, text: str) -> "ServiceAccountName":
        """From `NAMESPACE/NAME`, as the command line takes it."""
        namespace, slash, name = text.partition("/")
        if not slash:
            raise VocabularyError(f"service account {text!r} is not of the form NAMESPACE/NAME")
        return cls(namespace, name)

    @property
    def subject(self) -> Subject:
        return Subject(f"system:serviceaccount:{self.namespace}:{self.name}")

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Revision(Struct, frozen=True, order=True):
    """A configuration revision; travels as 8 lower-case hex digits, as public gateway logs show it."""

    number: int

    def __post_init__(self) -> None:
        if not 0 <= self.number <= 0xFFFF_FFFF:
            raise VocabularyError(f"revision {self.number} does not fit in 8 hex digits")

    @classmethod
    def parse(cls, text: str) -> "Revision":
        if len(text) != 8 or not set(text) <= set("0123456789abcdef"):
            raise VocabularyError(f"revision {text!r} is not 8 lower-case hex digits")
        return cls(int(text, 16))

    def __str__(self) -> str:
        return f"{self.number:08x}"
