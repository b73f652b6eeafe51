"""Lines that people paste: the gateway's event names, Kubernetes messages, errors of libraries."""

import re

from msgspec import Struct

from apim_sandbox.insight.knowledge.answers import ANSWERS
from apim_sandbox.insight.knowledge.cluster import CLUSTER
from apim_sandbox.insight.knowledge.events import EVENTS
from apim_sandbox.insight.knowledge.messages import MESSAGES
from apim_sandbox.insight.knowledge.model import Code, because


class Line(Struct, frozen=True):
    """`pattern` is looked for anywhere in the pasted text."""

    pattern: re.Pattern[str]
    code: Code


_GATEWAY = "Azure/api-management-self-hosted-gateway"
_AWI = "Azure/azure-workload-identity"


def _line(pattern: str, code: Code) -> Line:
    return Line(re.compile(pattern, re.IGNORECASE), code)


LINES: tuple[Line, ...] = (
    _line(
        r"StatusCode: Forbidden|ConfigurationApiV2NotAvailable.*(403|Forbidden)",
        next(code for _, code in ANSWERS if code.id == "Forbidden"),
    ),
    _line(
        r"No valid authentication was configured|\[GatewayStartup\]",
        Code(
            "GatewayStartup",
            "no authentication",
            7,
            "The gateway knows no such value of config.service.auth.",
            (
                because("a blank behind the value", 1, f"{_GATEWAY}#269"),
                because("an image older than 2.11, which does not know workloadIdentity", 1),
            ),
        ),
    ),
    _line(
        r"ConfigurationNotFoundException|snapshot\.lock\.json",
        Code(
            "ConfigurationNotFoundException",
            "no configuration at all",
            9,
            "The cloud can't be reached and there is no backup to start from.",
            (because("network or name resolution of the configuration endpoint", 1, f"{_GATEWAY}#164"),),
            ("Look further up for the first error of the configuration request: that is the reason.",),
        ),
    ),
    _line(
        r"ErrorResolvingHostname|Name or service not known",
        Code(
            "ErrorResolvingHostname",
            "a name does not resolve",
            7,
            "A host name has no address here.",
            (
                because(
                    "the first pod looks for its neighbours before the headless service has any: harmless",
                    1,
                    f"{_GATEWAY}#339",
                ),
                because(
                    "internal virtual network: the configuration endpoint has a private name",
                    1,
                    f"{_GATEWAY}#193",
                ),
                because("custom domain: the default host is gone", 1, f"{_GATEWAY}#164"),
            ),
            ("The name is neighborhood.host: harmless. It is the configuration endpoint: DNS.",),
        ),
    ),
    _line(
        r"L(oad|ocal)BackupLocationNotFound",
        Code(
            "LoadBackupLocationNotFound",
            "no backup volume",
            9,
            "There is no volume at /apim/config. A warning, nothing is broken.",
            (because("the article's manifest mounts none", 1, "azure-docs#58769"),),
            benign=True,
        ),
    ),
    _line(
        r"ConfigurationApiV2NotAvailable",
        Code(
            "ConfigurationApiV2NotAvailable",
            "the configuration request failed",
            7,
            "The gateway's word for every failed configuration request: sign-in, network, or "
            "refusal. The exception "
            "behind it tells which.",
            (
                because("AADSTS… in the exception: Entra refused the exchange", 2),
                because("StatusCode: Forbidden: a role is missing", 1, f"{_GATEWAY}, pull request 371"),
                because("a network error: the endpoint", 1),
            ),
            ("Paste the whole line, exception included.",),
        ),
    ),
    _line(
        r"AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE must be set"
        r"|WorkloadIdentityCredential.*(missing|not set|required|not fully configured)"
        r"|no (client|tenant) ID specified|no token file specified",
        Code(
            "identity-variables-missing",
            "no AZURE_* variables",
            2,
            "The webhook did not give this container its variables.",
            (
                because(
                    'the pod lacks the label azure.workload.identity/use: "true"',
                    6,
                    f"{_AWI}#601",
                    f"{_AWI}#720",
                ),
                because(
                    "client-id annotation missing, or on another object", 3, f"{_AWI}#1357", f"{_AWI}#1249"
                ),
                because("the webhook was down while its failure policy was Ignore", 3, f"{_AWI}#540"),
            ),
            (
                "kubectl get pod -o yaml: none of the four variables, so label or webhook; only "
                "AZURE_CLIENT_ID missing, "
                "so annotation.",
            ),
        ),
    ),
    _line(
        r"failed calling webhook",
        Code(
            "failed calling webhook",
            "the webhook can't be called",
            2,
            "The API server wanted to ask the webhook and could not; with failure policy Fail no "
            "pod is made.",
            (
                because(
                    "the webhook has no ready pod, or too little CPU and memory",
                    4,
                    "Azure/AKS#5686",
                    f"{_AWI}#599",
                ),
                because("a firewall between control plane and port 9443", 1, f"{_AWI}#863"),
                because("certificates emptied or managed by somebody else", 1, f"{_AWI}#814"),
            ),
        ),
    ),
    _line(
        r"cannot unmarshal bool .*labels",
        Code(
            "label-not-a-string",
            "a label that is a boolean",
            1,
            "Labels are strings; true without quotes is none.",
            (
                because(
                    "helm --set instead of --set-string, or missing quotes",
                    2,
                    "nginx/kubernetes-ingress#4729",
                ),
            ),
        ),
    ),
    _line(
        r"no such file or directory.*azure-identity-token|azure-identity-token.*no such file"
        r"|/var/run/secrets/azure/tokens",
        Code(
            "token-file-missing",
            "the token file is elsewhere",
            4,
            "Webhook 1.6.0 moved the file to /var/run/secrets/azure/wi/token; programs must take "
            "the path from "
            "AZURE_FEDERATED_TOKEN_FILE.",
            (because("a hard-coded path", 6, "prometheus#18972", "AKS#5541"),),
        ),
    ),
    _line(
        r"PrincipalNotFound",
        Code(
            "PrincipalNotFound",
            "the principal is not known yet",
            8,
            "A service principal that is seconds old, or an id that is no principal's.",
            (
                because(
                    "replication: give the principal type with the assignment",
                    1,
                    "Microsoft's RBAC troubleshooting page",
                ),
            ),
        ),
    ),
    *(_line(pattern, code) for pattern, code in (*CLUSTER, *MESSAGES)),
    *(_line(rf"\b{code.id}\b", code) for code in EVENTS),
)

# Only where a text holds nothing of the above.
FALLBACKS = tuple(_line(pattern, code) for pattern, code in ANSWERS)
