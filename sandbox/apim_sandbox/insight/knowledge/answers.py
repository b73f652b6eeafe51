"""What people have when they have no code: a bare HTTP status, a word of TLS, a fallback's last message.

Looked at only where a text holds nothing more exact.
"""

from apim_sandbox.insight.knowledge.model import Code, because

_GATEWAY = "Azure/api-management-self-hosted-gateway"
_GUIDE = "Microsoft's guide to the self-hosted gateway in production"

ANSWERS: tuple[tuple[str, Code], ...] = (
    (
        r"StatusCode: Unauthorized|\b401\b|^Unauthorized$",
        Code(
            "Unauthorized",
            "the configuration API does not accept the token",
            8,
            "The token is no good, whatever it would be allowed: a gateway token that has ended or is "
            "misspelt, or an access token for another audience. A missing role would be 403.",
            (
                because("a gateway token is valid for at most 30 days, and this one has ended", 1, _GUIDE),
                because(
                    "GatewayKey and its blank are missing before the token, or a line break is behind it",
                    1,
                    "a blog's account of the gateway",
                ),
                because(
                    "the gateway's key was regenerated: all tokens of that key are void",
                    1,
                    "Microsoft's page on the gateway's authentication options",
                ),
                because("config.service.auth.tokenAudience is another cloud's", 0, "the settings reference"),
            ),
            (
                "With workload identity the gateway has an AADSTS code where Entra refused; a 401 of the "
                "configuration API has none.",
                "All gateways of one key at once: the key. One alone after weeks: its token.",
            ),
            "401",
        ),
    ),
    (
        r"(?<!pods is )\b403\b|^Forbidden$",
        Code(
            "Forbidden",
            "the configuration API refuses",
            8,
            "The token is good, but one of two roles is missing: the reader's on the gateway's service "
            "principal, or the validator's on the service's system-assigned identity. Outside, both look "
            "the same.",
            (
                because(
                    "the reader role is missing, at another scope, or on another id of the application",
                    2,
                    f"{_GATEWAY}, pull request 371",
                    f"{_GATEWAY}#269",
                ),
                because(
                    "the role was assigned less than 10 minutes ago",
                    1,
                    "Microsoft's RBAC troubleshooting page",
                ),
                because("the validator role is missing from the service's identity", 1),
            ),
            (
                "List both: az role assignment list --all --assignee <object id of the service principal>, "
                "and of the service's identity.",
                "A contributor role gives no data action, however strong it looks.",
            ),
            "403",
        ),
    ),
    (
        r"\b404\b|^Not ?Found$",
        Code(
            "NotFound",
            "the gateway has no such API, or the service no such gateway",
            9,
            "Answered by the gateway to a caller: the API is not among those assigned to this gateway, or "
            "its current revision went back to the managed one. Answered by the configuration API: no "
            "gateway of that name (which status Azure has for it is not public; 404 is assumed).",
            (
                because(
                    "the API is not assigned to the gateway, or its revision was switched back",
                    2,
                    f"{_GATEWAY}#328",
                    "azure-docs#108149",
                ),
                because("gateway.name holds the service's name, or begins with an equals sign", 1),
            ),
            (
                "apim-sandbox get apis, or the portal's list of the gateway's APIs: what is not there is "
                "not served.",
            ),
            "404",
        ),
    ),
    (
        r"\b429\b|Too ?Many ?Requests",
        Code(
            "TooManyRequests",
            "asked too often",
            4,
            "Entra's front door or the service asks the caller to wait as long as Retry-After says. "
            "Entra's is no JSON, and libraries remember it: a program's next call is answered without "
            "going out.",
            (because("a client in a loop, or many pods that start at once", 0, "MSAL .NET#2855"),),
            ("With AADSTS50196 it is a loop of this client's own: explain that code.",),
            "429",
        ),
    ),
    (
        r"certificate signed by unknown authority|CERTIFICATE_VERIFY_FAILED"
        r"|SSL connection could not be established|UntrustedRoot|PartialChain|unable to get local issuer",
        Code(
            "UntrustedCertificate",
            "the server's certificate is nobody's whom the client trusts",
            4,
            "A name was reached over TLS, and what answered shows a certificate of an authority that this "
            "process does not know.",
            (
                because(
                    "a private authority stands behind the host name, and the pod does not have it",
                    2,
                    "azure-docs#112146",
                    _GUIDE,
                ),
                because("a proxy in between that opens TLS", 0),
            ),
            (
                "The host in the message tells which: Entra's name is a proxy in between, the "
                "configuration API's a custom domain.",
                "Against this sandbox: the authority of `apim-sandbox ca path` is missing (SSL_CERT_FILE, "
                "REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS).",
            ),
        ),
    ),
    (
        r"ManagedIdentityCredential|\bIMDS\b|169\.254\.169\.254|DefaultAzureCredential failed",
        Code(
            "fell-back-to-managed-identity",
            "the credential chain went past workload identity",
            2,
            "DefaultAzureCredential and its like try workload identity only where AZURE_CLIENT_ID, "
            "AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE are set; without them they go on to the "
            "machine's managed identity, which outside Azure does not answer.",
            (because("the webhook did not give the pod its variables", 1, "agentgateway#2495"),),
            ("kubectl exec … env | grep AZURE_: empty, so label or webhook (hop 2).",),
        ),
    ),
    (
        r"ErrImageNeverPull|ErrImagePull|ImagePullBackOff",
        Code(
            "ImagePullBackOff",
            "the node can't get the container's image",
            3,
            "The pod was admitted and placed; its image is not on the node and could not be fetched.",
            (because("the image's name or tag, or a registry that the node can't reach", 0),),
            ("In kind: `kind load docker-image`, and imagePullPolicy IfNotPresent.",),
        ),
    ),
)
