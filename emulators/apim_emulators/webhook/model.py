"""The webhook's nouns: what it is configured with, and its refusal."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct

from apim_emulators.core.records import Redacted
from apim_emulators.core.vocabulary import KUBERNETES_HOST, TOKEN_EXCHANGE_AUDIENCE
from apim_emulators.webhook.profiles import V1_6_0, Profile

Object = dict[str, Any]  # a Kubernetes object as JSON

LogLevel = Literal["", "info", "debug", "trace", "all"]
IMAGES = "mcr.microsoft.com/oss/azure/workload-identity"

USE_LABEL = "azure.workload.identity/use"
CLIENT_ID = "azure.workload.identity/client-id"
TENANT_ID = "azure.workload.identity/tenant-id"
EXPIRATION = "azure.workload.identity/service-account-token-expiration"
SKIP_CONTAINERS = "azure.workload.identity/skip-containers"
INJECT_PROXY = "azure.workload.identity/inject-proxy-sidecar"
PROXY_PORT = "azure.workload.identity/proxy-sidecar-port"


class Denial(Struct, frozen=True):
    """Why a pod is refused: the HTTP status code inside the response, and the message."""

    message: str
    code: int = 400


class CustomTokenEndpoint(Struct, frozen=True):
    """ "Identity binding" (v1.6.0): pods with `annotation` exchange their token at a proxy in the cluster.

    At most one of `ca_data`, `ca_config_map` and `ca_signer` is set. `ca_selector` is a LabelSelector.
    """

    annotation: str
    audience: str
    token_proxy: str = ""
    sni_name: str = ""
    ca_data: str = ""
    ca_config_map: str = ""
    ca_signer: str = ""
    ca_selector: Mapping[str, Any] | None = None


class MutationConfig(Struct, frozen=True):
    """What the mutation depends on besides the pod and its service account."""

    tenant_id: str
    authority_host: str = "https://login.microsoftonline.com/"
    profile: Profile = V1_6_0
    audience: str = TOKEN_EXCHANGE_AUDIENCE
    proxy_image: str = f"{IMAGES}/proxy:v1.6.0"
    proxy_init_image: str = f"{IMAGES}/proxy-init:v1.6.0"
    log_level: LogLevel = "info"
    custom: CustomTokenEndpoint | None = None


class Settings(Redacted, frozen=True):
    """The webhook as a process: how it mutates, and whom it asks for service accounts."""

    redacted: ClassVar = ("admin_token",)

    mutation: MutationConfig
    admin_token: str
    kubernetes_url: str = f"https://{KUBERNETES_HOST}"
    namespace: str = "azure-workload-identity-system"
    cert_dir: str = "/certs"  # --webhook-cert-dir: where tls.crt and tls.key are
    rotates: bool = True  # False with --disable-cert-rotation: others keep the certificates
