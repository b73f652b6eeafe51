"""A wrong and a right example of every rule, as changes of the article's manifest and the default world.

`docs/rules/` shows them, `doctor --rule` prints them, and a test holds each pair to its promise: with
the wrong text the rule finds something, with the right one no rule does.
"""

from typing import Literal

from msgspec import Struct


class Example(Struct, frozen=True):
    """`base` is the text of the manifest or the world that `right` or `wrong` stands in for.

    `given` are changes that both need beside it, in the manifest and in the world.
    """

    wrong: str
    right: str
    base: str
    of: Literal["manifest", "world"] = "manifest"
    given: tuple[tuple[str, str], ...] = ()


def _manifest(wrong: str, right: str, base: str | None = None) -> Example:
    return Example(wrong, right, right if base is None else base)


def _world(wrong: str, right: str, base: str | None = None) -> Example:
    return Example(wrong, right, right if base is None else base, "world")


_POD = """    metadata:
      labels:
        app: apim-gateway
        azure.workload.identity/use: "true"
"""
_DEPLOYMENT = """kind: Deployment
metadata:
  name: apim-gateway
  namespace: apim-gateway-wi
spec:
  replicas: 1
  selector:
    matchLabels:
      app: apim-gateway
  template:
    metadata:
      labels:
        app: apim-gateway
"""
_USE = '        azure.workload.identity/use: "true"\n'
_ANNOTATIONS = """  annotations:
    azure.workload.identity/client-id: "33333333-3333-4333-8333-333333333333"
"""
_ACCOUNT = "      serviceAccountName: apim-gateway-workload-identity\n"
_IMAGE = "        image: mcr.microsoft.com/azure-api-management/gateway:v2\n"
_BACKUP = "        volumeMounts: [{name: backup, mountPath: /apim/config}]\n"
_AUTH = "  config.service.auth: workloadIdentity\n"
_APP = """  config.service.auth: azureAdApp
  config.service.auth.azureAd.tenantId: 11111111-1111-4111-8111-111111111111
  config.service.auth.azureAd.clientId: 33333333-3333-4333-8333-333333333333
"""
_ENDPOINT = "  config.service.endpoint: https://contoso.configuration.azure-api.net\n"
_PROXY = "      annotations:\n        azure.workload.identity/"
_CREDENTIAL = """          - name: apim-gateway-federated-credential
            issuer: https://oidc.sandbox.test/contoso
            subject: system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity
            audiences: [api://AzureADTokenExchange]
"""
_READER = """      - role: API Management Gateway Configuration Reader Role
        principal: apim-gateway
        scope: resourceGroup:contoso-rg
"""
_VALIDATOR = """      - role: API Management Configuration API Access Validator Service Role
        principal: service:contoso
        scope: resourceGroup:contoso-rg
"""
_SERVICE = """            identity:
              type: SystemAssigned
              principalId: 99999999-9999-4999-8999-999999999999
              clientId: aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa
"""
_WEBHOOK = "    webhook:\n      profile: 1.6.0\n"
_MOUNT = """      - name: azure-token
        projected:
          sources:
          - serviceAccountToken: {path: azure-identity-token, %s}
"""


def _secret(life: str) -> Example:
    """A client secret in the world, and a gateway that signs in with it; the right one lives half a year."""
    before = "        federatedIdentityCredentials:\n" + _CREDENTIAL
    secret = "        clientSecrets: [{name: gateway, value: not-a-real-secret, expiresIn: %s}]\n"
    signs_in = _APP + "  config.service.auth.azureAd.clientSecret: not-a-real-secret\n"
    return Example(secret % life + before, secret % "180d" + before, before, "world", ((_AUTH, signs_in),))


EXAMPLES: dict[str, Example] = {
    "WI001": _manifest("    metadata:\n      labels:\n        app: apim-gateway\n", _POD),
    "WI002": _manifest("        azure.workload.identity/use: true\n", _USE),
    "WI003": _manifest("", _ANNOTATIONS),
    "WI004": _manifest(
        _DEPLOYMENT.replace(
            "metadata:\n  name", 'metadata:\n  labels:\n    azure.workload.identity/use: "true"\n  name', 1
        ),
        _DEPLOYMENT + _USE,
    ),
    "WI005": _manifest(
        _POD.replace(
            "    metadata:\n",
            "    metadata:\n      annotations:\n"
            '        azure.workload.identity/client-id: "33333333-3333-4333-8333-333333333333"\n',
        ),
        _POD,
    ),
    "WI006": _manifest("      serviceAccountName: apim-gateway\n", _ACCOUNT),
    "WI007": _manifest("", _ACCOUNT),
    "WI008": _manifest(
        '  annotations:\n    azure.workload.identity/client-id: "<client-id>"\n', _ANNOTATIONS
    ),
    "WI009": _manifest(
        _ANNOTATIONS + '    azure.workload.identity/service-account-token-expiration: "600"\n',
        _ANNOTATIONS + '    azure.workload.identity/service-account-token-expiration: "7200"\n',
        _ANNOTATIONS,
    ),
    "WI010": _manifest(_USE + '        azure.workload-identity/use: "true"\n', _USE),
    "WI011": _manifest(
        _POD + _PROXY + 'inject-proxy-sidecar: "true"\n    spec:\n      hostNetwork: true\n',
        _POD + _PROXY + 'inject-proxy-sidecar: "true"\n    spec:\n',
        _POD + "    spec:\n",
    ),
    "WI012": _manifest(
        _IMAGE + "        env:\n        - name: AZURE_FEDERATED_TOKEN_FILE\n"
        "          value: /var/run/secrets/azure/tokens/azure-identity-token\n",
        _IMAGE,
    ),
    "WI013": _manifest(
        "      volumes:\n" + _MOUNT % "audience: https://kubernetes.default.svc" + _ACCOUNT,
        "      volumes:\n" + _MOUNT % "audience: 'api://AzureADTokenExchange'" + _ACCOUNT,
        _ACCOUNT,
    ),
    "WI017": _manifest(
        _POD + _PROXY + "skip-containers: apim-gateway\n",
        _POD + _PROXY + "skip-containers: a-sidecar\n",
        _POD,
    ),
    "WI014": _manifest(
        _POD + _PROXY + 'proxy-sidecar-port: "http"\n',
        _POD + _PROXY + 'proxy-sidecar-port: "8000"\n',
        _POD,
    ),
    "WI015": _manifest(
        "    matchLabels:\n      app: apim-gateway\n" + '      azure.workload.identity/use: "true"\n',
        "    matchLabels:\n      app: apim-gateway\n",
    ),
    "WI016": _manifest(
        '  annotations:\n    azure.workload.identity/client-id: "apim-gateway"\n', _ANNOTATIONS
    ),
    "GW001": _manifest("  config.service.auth: workload-identity\n", _AUTH),
    "GW002": _manifest(
        "        image: mcr.microsoft.com/azure-api-management/gateway:2.10.3\n",
        "        image: mcr.microsoft.com/azure-api-management/gateway:2.11.1\n",
        _IMAGE,
    ),
    "GW003": _manifest(
        "            name: apim-gateway-environment\n", "            name: apim-gateway-env\n"
    ),
    "GW004": _manifest(_AUTH + "  telemetry_logs_std: text\n", _AUTH + "  telemetry.logs.std: text\n", _AUTH),
    "GW005": _manifest(
        '  config.service.auth: "on-prem&202712312359&c2lnbmF0dXJl"\n',
        '  config.service.auth: "GatewayKey on-prem&202712312359&c2lnbmF0dXJl"\n',
        _AUTH,
    ),
    "GW006": _manifest(
        _AUTH + "  config.service.auth.tokenAudience: https://azure-api.net/configurations\n",
        _AUTH + "  config.service.auth.tokenAudience: https://azure-api.net/configuration\n",
        _AUTH,
    ),
    "GW007": _manifest(
        _IMAGE + "        startupProbe: {periodSeconds: 10, failureThreshold: 3}\n",
        _IMAGE + "        startupProbe: {periodSeconds: 10, failureThreshold: 30}\n",
        _IMAGE,
    ),
    "GW008": _manifest(
        _IMAGE + "        securityContext: {readOnlyRootFilesystem: true, runAsUser: 1001}\n",
        _IMAGE + "        securityContext: {readOnlyRootFilesystem: false, runAsUser: 1001}\n",
        _IMAGE,
    ),
    "GW009": Example(
        "        image: mcr.microsoft.com/azure-api-management/gateway:2.12.0\n" + _BACKUP,
        "        image: mcr.microsoft.com/azure-api-management/gateway:2.11.1\n" + _BACKUP,
        _IMAGE,
        given=((_ACCOUNT, _ACCOUNT + "      volumes: [{name: backup, emptyDir: {}}]\n"),),
    ),
    "GW013": _manifest(
        _APP + "  config.service.auth.azureAd.clientSecret: 5d2c1f0e-0000-4000-8000-000000000000\n",
        _APP + "  config.service.auth.azureAd.clientSecret: not-a-real-secret\n",
        _AUTH,
    ),
    "CL007": _manifest("      serviceAcountName: apim-gateway-workload-identity\n", _ACCOUNT),
    "GW014": _manifest(
        '  config.service.auth: "GatewayKey on-prem&202612312359&c2lnbmF0dXJl"\n',
        '  config.service.auth: "GatewayKey on-prem&202701302359&c2lnbmF0dXJl"\n',
        _AUTH,
    ),
    "GW015": _manifest(
        '  config.service.auth: "GatewayKey on-prem&202701060000&c2lnbmF0dXJl"\n',
        '  config.service.auth: "GatewayKey on-prem&202701302359&c2lnbmF0dXJl"\n',
        _AUTH,
    ),
    "GW016": _secret("0s"),
    "GW017": _secret("14d"),
    "GW010": _manifest('  gateway.name: "=on-prem"\n', "  gateway.name: on-prem\n"),
    "GW011": _manifest("  config.service.endpoint: https://contoso.azure-api.net\n", _ENDPOINT),
    "GW012": _manifest("  gateway.name: <gateway-name>\n", "  gateway.name: on-prem\n"),
    "FC001": _manifest(
        '  annotations:\n    azure.workload.identity/client-id: "44444444-4444-4444-8444-444444444444"\n',
        _ANNOTATIONS,
    ),
    "FC002": _manifest(
        _ANNOTATIONS + '    azure.workload.identity/tenant-id: "22222222-2222-4222-8222-222222222222"\n',
        _ANNOTATIONS + '    azure.workload.identity/tenant-id: "11111111-1111-4111-8111-111111111111"\n',
        _ANNOTATIONS,
    ),
    "FC003": _world(
        "          objectId: 55555555-5555-4555-8555-555555555555\n          enabled: false\n",
        "          objectId: 55555555-5555-4555-8555-555555555555\n",
    ),
    "FC004": _world("          []\n", _CREDENTIAL),
    "FC005": _world(
        _CREDENTIAL.replace("sandbox.test/contoso", "sandbox.test/contoso/"),
        _CREDENTIAL,
    ),
    "FC006": _world(
        _CREDENTIAL.replace("apim-gateway-workload-identity", "azure-api-management-gateway"), _CREDENTIAL
    ),
    "FC007": _world(_CREDENTIAL.replace("Exchange]", "ExchangeUSGov]"), _CREDENTIAL),
    "FC008": _world(
        _CREDENTIAL
        + "".join(
            f"          - {{name: tenant-{number}, issuer: 'https://oidc.sandbox.test/contoso', "
            f"subject: 'system:serviceaccount:tenant-{number}:app'}}\n"
            for number in range(1, 20)
        ),
        _CREDENTIAL,
    ),
    "AZ001": _manifest(
        "  config.service.endpoint: https://contosso.configuration.azure-api.net\n", _ENDPOINT
    ),
    "AZ002": _world(
        "            sku: {name: Standard, capacity: 1}\n",
        "            sku: {name: Developer, capacity: 1}\n",
    ),
    "AZ003": _manifest("  gateway.name: contoso\n", "  gateway.name: on-prem\n"),
    "AZ004": _world("                apis: []\n", "                apis: [echo-api]\n"),
    "AZ005": _world(_READER.replace(": apim-gateway", ": 44444444-4444-4444-8444-444444444444"), _READER),
    "AZ006": Example(
        "            identity: {type: None}\n",
        _SERVICE,
        _SERVICE,
        "world",
        given=(("principal: service:contoso", "principal: 99999999-9999-4999-8999-999999999999"),),
    ),
    "AZ007": _world(_VALIDATOR.replace("service:contoso", "apim-gateway"), _VALIDATOR),
    "CL001": _world(
        _WEBHOOK + '    node: {cpu: "1", memory: 4Gi}\n',
        _WEBHOOK + '    node: {cpu: "4", memory: 16Gi}\n',
        _WEBHOOK,
    ),
    "CL002": _world(_WEBHOOK + "      enabled: false\n", _WEBHOOK),
    "CL003": _world(
        _WEBHOOK + "      namespaceSelector: {workload-identity: enabled}\n",
        _WEBHOOK + "      namespaceSelector: {kubernetes.io/metadata.name: apim-gateway-wi}\n",
        _WEBHOOK,
    ),
    "CL004": _world(
        _WEBHOOK + "      failurePolicy: Ignore\n", _WEBHOOK + "      failurePolicy: Fail\n", _WEBHOOK
    ),
    "CL005": _world(
        _WEBHOOK + "      environment: AzureChinaCloud\n",
        _WEBHOOK + "      environment: AzurePublicCloud\n",
        _WEBHOOK,
    ),
    "CL006": _world(
        "    issuer: https://kubernetes.default.svc.cluster.local\n    webhook:\n",
        "    issuer: https://oidc.sandbox.test/contoso\n    webhook:\n",
    ),
}
