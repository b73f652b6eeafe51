"""How each client is pointed at the sandbox by name: the variables it reads, and where that is not enough.

One table, read by `apim-sandbox env --for` and by docs/clients.md. Nothing here weakens verification:
a client that can't be told of the CA is named as such.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Platform = Literal["Linux", "macOS", "Windows"]

IDENTITY = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST")
PROXY = ("HTTPS_PROXY", "NO_PROXY")
# What betrays another identity or another way out, and must not be inherited.
FOREIGN_PREFIXES = ("AZURE_", "ARM_", "IDENTITY_", "MSI_")
FOREIGN_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_DIR")


class Limit(Struct, frozen=True):
    """Where variables are not enough, and what to do there."""

    platforms: tuple[Platform, ...]
    what: str
    instead: str


class Pointing(Struct, frozen=True):
    """One client: the variables that it reads, the credential that uses them, a command to try it with.

    `trust` names the variable by which it learns of the CA. `options` are variables of its own whose
    values are templates over `{proxy_host}`, `{proxy_port}` and `{truststore}`.
    """

    name: str
    title: str
    trust: str
    credential: str
    example: str
    source: str
    limits: tuple[Limit, ...] = ()
    options: Mapping[str, str] | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable that matters to it, in the order in which to show them."""
        more = ("NODE_USE_ENV_PROXY",) if self.name == "node" else ()
        trust = (self.trust,) if self.trust else ()
        return (*IDENTITY, *PROXY, *trust, *more, *(self.options or {}))


_SYSTEM_STORE = "add the certificate that `apim-sandbox ca path` names to a trust store of your own choice"

CLIENTS: tuple[Pointing, ...] = (
    Pointing(
        "az",
        "Azure CLI",
        trust="REQUESTS_CA_BUNDLE",
        credential="az login --service-principal --federated-token",
        example=(
            'az login --service-principal -u "$AZURE_CLIENT_ID" -t "$AZURE_TENANT_ID" '
            '--federated-token "$(cat "$AZURE_FEDERATED_TOKEN_FILE")" --allow-no-subscriptions'
        ),
        source="Microsoft: Work behind a proxy (Azure CLI); requests: SSL Cert Verification",
        limits=(
            Limit(
                ("Linux", "macOS", "Windows"),
                "az keeps its accounts in ~/.azure, beside your real ones",
                "set AZURE_CONFIG_DIR to an empty directory first",
            ),
        ),
    ),
    Pointing(
        "node",
        "Node.js",
        trust="NODE_EXTRA_CA_CERTS",
        credential="WorkloadIdentityCredential of @azure/identity",
        example="node app.mjs",
        source="Node.js documentation: NODE_EXTRA_CA_CERTS, NODE_USE_ENV_PROXY",
        limits=(
            Limit(
                ("Linux", "macOS", "Windows"),
                "before Node.js 24, fetch and https ignore HTTPS_PROXY; the Azure SDK reads it",
                "use Node.js 24 or newer, or a proxy agent, for requests of your own",
            ),
        ),
    ),
    Pointing(
        "go",
        "Go",
        trust="SSL_CERT_FILE",
        credential="azidentity.NewWorkloadIdentityCredential",
        example="go run .",
        source="Go: crypto/x509 root_unix.go, root_darwin.go, root_windows.go; net/http ProxyFromEnvironment",
        limits=(
            Limit(
                ("macOS", "Windows"),
                "Go asks the system's verifier there and does not read SSL_CERT_FILE",
                "load the CA into tls.Config.RootCAs, or run the program in a Linux container",
            ),
        ),
    ),
    Pointing(
        "dotnet",
        ".NET",
        trust="SSL_CERT_FILE",
        credential="WorkloadIdentityCredential of Azure.Identity",
        example="dotnet run",
        source=".NET: HttpClient.DefaultProxy; OpenSSL: SSL_CERT_FILE",
        limits=(
            Limit(
                ("macOS", "Windows"),
                ".NET asks the system's store there and does not read SSL_CERT_FILE",
                f"{_SYSTEM_STORE}, or run the program in a Linux container",
            ),
        ),
    ),
    Pointing(
        "java",
        "Java",
        trust="",
        credential="WorkloadIdentityCredentialBuilder of azure-identity",
        example="java -jar app.jar",
        source="Java: networking properties; JSSE reference guide, customizing the default trust store",
        options={
            "JAVA_TOOL_OPTIONS": (
                "-Djavax.net.ssl.trustStore={truststore} -Djavax.net.ssl.trustStoreType=PKCS12 "
                "-Djavax.net.ssl.trustStorePassword=changeit "
                "-Dhttps.proxyHost={proxy_host} -Dhttps.proxyPort={proxy_port}"
            ),
        },
        limits=(
            Limit(
                ("Linux", "macOS", "Windows"),
                "Java reads no PEM bundle and no HTTPS_PROXY of its own",
                "JAVA_TOOL_OPTIONS says both; a path with blanks can't stand in it",
            ),
        ),
    ),
    Pointing(
        "python",
        "Python",
        trust="SSL_CERT_FILE",
        credential="WorkloadIdentityCredential of azure-identity",
        example="python app.py",
        source="requests: SSL Cert Verification; Python: ssl.create_default_context",
        options={"REQUESTS_CA_BUNDLE": "{bundle}"},
        limits=(
            Limit(
                ("Linux", "macOS", "Windows"),
                "aiohttp reads HTTPS_PROXY only with trust_env=True",
                "ClientSession(trust_env=True); azure-identity's own transports do that already",
            ),
        ),
    ),
)

BY_NAME: Mapping[str, Pointing] = {client.name: client for client in CLIENTS}


def foreign(name: str) -> bool:
    """Whether an inherited variable would lead a client to another identity or another way out."""
    return name.upper().startswith(FOREIGN_PREFIXES) or name.upper() in FOREIGN_NAMES


def pointed(
    client: Pointing, environment: Mapping[str, str], *, truststore: str, bundle: str
) -> dict[str, str]:
    """The variables of a pod's `environment` that `client` reads, its own options filled in."""
    host, _, port = environment.get("HTTPS_PROXY", "").rpartition("://")[2].rstrip("/").partition(":")
    values = {"proxy_host": host, "proxy_port": port, "truststore": truststore, "bundle": bundle}
    own = {name: template.format(**values) for name, template in (client.options or {}).items()}
    return {name: own.get(name, environment.get(name, "")) for name in client.variables}
