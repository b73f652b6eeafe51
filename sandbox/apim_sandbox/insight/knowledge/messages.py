"""Messages without a name of their own: of Helm and kubectl, and of the gateway before it logs events."""

from apim_sandbox.insight.knowledge.model import Code, because

_GATEWAY = "Azure/api-management-self-hosted-gateway"
_AWI = "Azure/azure-workload-identity"
_RBAC = "Microsoft's RBAC troubleshooting page"

MESSAGES: tuple[tuple[str, Code], ...] = (
    (
        r"error looking up service account|serviceaccounts? \"[^\"]+\" not found",
        Code(
            "service-account-missing",
            "the pod's service account does not exist",
            2,
            "The API server looks for it before any webhook is asked, in the pod's own namespace.",
            (because("misspelt, in another namespace, or made after the pod", 0, "Kubernetes, admission"),),
            ("A Deployment tries again by itself; a pod that stands alone must be made again.",),
        ),
    ),
    (
        r"spec\.selector.*field is immutable",
        Code(
            "selector-immutable",
            "a Deployment's selector can't be changed",
            1,
            "The label belongs to the pod template's metadata alone.",
            (because("the label was added to spec.selector.matchLabels as well", 1, f"{_AWI}#1025"),),
            ("Put the selector back as it was, or delete the Deployment first.",),
        ),
    ),
    (
        r"secret is not well-formed, missing (ca|tls)\.(crt|key)",
        Code(
            "webhook-secret-empty",
            "the webhook's certificate Secret is empty",
            2,
            "The webhook fills it at its start and is not ready before; somebody empties it again.",
            (because("GitOps puts the chart's empty Secret back", 1, f"{_AWI}#814"),),
        ),
    ),
    (
        r"cannot update resource \"mutatingwebhookconfigurations\"",
        Code(
            "webhook-may-not-write",
            "the webhook may not renew its own caBundle",
            2,
            "Without it the API server does not trust the webhook's new certificate.",
            (because("two installations, Helm's and the AKS add-on's", 2, f"{_AWI}#856", f"{_AWI}#1023"),),
        ),
    ),
    (
        r"dial tcp \S*:9443: |server gave HTTP response to HTTPS client",
        Code(
            "webhook-unreachable",
            "nothing answers at the webhook's port, or somebody else",
            2,
            "The API server calls the webhook's pod at port 9443, over TLS.",
            (
                because("a firewall between control plane and nodes leaves 9443 out", 1, f"{_AWI}#863"),
                because("a proxy or another process at that port", 1, "Azure/AKS#4139"),
            ),
        ),
    ),
    (
        r"open\s*: no such file or directory",
        Code(
            "token-file-unset",
            "the path of the token file is empty",
            4,
            "The program opened a file without a name: AZURE_FEDERATED_TOKEN_FILE is empty.",
            (because("the webhook did not give the container its variables", 1, f"{_AWI}#488"),),
        ),
    ),
    (
        r"unable to resolve an endpoint",
        Code(
            "login-host-unreachable",
            "the login host can't be reached",
            4,
            "The client looks the tenant up at the login host before it asks for a token.",
            (
                because(
                    "egress rules or DNS leave the login host out",
                    2,
                    f"{_AWI}#650",
                    "azure-service-operator#3259",
                ),
            ),
        ),
    ),
    (
        r"unknown flag: --name\b",
        Code(
            "helm-2-syntax",
            "the command is written for Helm 2",
            1,
            "Since Helm 3 the release's name is the first argument.",
            (because("`helm install --name` in an older guide", 0, "helm's source"),),
        ),
    ),
    (
        r"No Azure AD application secret was specified",
        Code(
            "helm-secret-value",
            "the chart has no such value",
            1,
            "The chart reads gateway.auth.azureAd.app.secret; config.service.auth.azureAd.clientSecret is "
            "the gateway's setting, not the chart's value.",
            (because("the setting's name after --set", 0, "Microsoft's guide, the chart's render"),),
        ),
    ),
    (
        r"Failed to open temporary file /etc/ssl/certs/bundle",
        Code(
            "certificates-not-writable",
            "the gateway can't write its bundle of authorities",
            9,
            "At its start it writes one below /etc/ssl/certs.",
            (because("a read-only root file system, or a user other than 1001", 1, f"{_GATEWAY}#82"),),
        ),
    ),
    (
        r"policy\.qouta\.sync\.table\.connection",
        Code(
            "quota-connection-missing",
            "a setting of another version is missed",
            9,
            "Images 2.7 and 2.8.0 ask for it at their start (the name is spelt so).",
            (because("a defect of those images", 2, f"{_GATEWAY}#316", f"{_GATEWAY}#345"),),
            ("Another image.",),
        ),
    ),
    (
        r"Configuration endpoint not reachable",
        Code(
            "endpoint-spelling",
            "the configuration endpoint is not reached",
            7,
            "config.service.endpoint is <service>.configuration.azure-api.net.",
            (because("how it is spelt: a slash at its end, or its scheme", 1, "a blog's account"),),
        ),
    ),
    (
        r"400 \(Bad Request\)",
        Code(
            "version-1",
            "an old gateway asks in the old way",
            7,
            "Gateways of version 1 ask another API, at another address.",
            (because("the image is of version 1", 1, f"{_GATEWAY}#37"),),
        ),
    ),
    (
        r"AuthorizationFailed|does not have authorization to perform action",
        Code(
            "AuthorizationFailed",
            "Azure Resource Manager refuses the action",
            8,
            "No role assignment at the scope, or above it, gives the caller this action. The message names "
            "caller, action and scope; the gateway itself never sees it, its configuration API says 403.",
            (
                because("the role was assigned a moment ago: it takes up to 10 minutes", 1, _RBAC),
                because("the role is missing, or assigned at another scope", 0, _RBAC),
                because("a group's new member: its tokens show the group late", 0, _RBAC),
            ),
            (
                "az role assignment list --assignee <object id> --scope <scope> --include-inherited "
                "--include-groups shows what the caller holds.",
            ),
        ),
    ),
    (
        r"MethodNotAllowedInPricingTier",
        Code(
            "tier-without-gateways",
            "the service's tier has no self-hosted gateways",
            8,
            "Self-hosted gateways are for the Developer and Premium tiers.",
            (because("a v2, Basic or Standard tier", 1, "a blog's account"),),
        ),
    ),
)
