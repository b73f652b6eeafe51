"""Every documented setting of the self-hosted gateway: name, type, default, and whether it acts here.

Source: Microsoft's settings reference for the self-hosted gateway (v2); what only the Helm chart or
the workload identity article names is included.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

SettingType = Literal["text", "boolean", "number", "timespan", "address", "choice", "list"]

DEFAULT_AUTHORITY = "https://login.microsoftonline.com"
DEFAULT_AUDIENCE = "https://azure-api.net/configuration"
DEFAULT_TIMEOUT = "00:01:40"


class Setting(Struct, frozen=True):
    """One documented setting. `default` is as the reference writes it, None where there is none.

    `acting` is False for a setting that this gateway knows and does nothing with.
    """

    name: str
    type: SettingType
    default: str | None = None
    acting: bool = False
    choices: tuple[str, ...] = ()


def _not_acting(type_: SettingType, *names: str, default: str | None = None) -> Iterator[Setting]:
    for name in names:
        yield Setting(name, type_, default)


_CONFIGURATION = (
    Setting("gateway.name", "text", acting=True),
    Setting("config.service.endpoint", "address", acting=True),
    Setting("config.service.auth", "text", acting=True),
    Setting("config.service.auth.key", "text", acting=True),  # the 2026 token article alone
    Setting("config.service.auth.azureAd.tenantId", "text", acting=True),
    Setting("config.service.auth.azureAd.clientId", "text", acting=True),
    Setting("config.service.auth.azureAd.clientSecret", "text", acting=True),
    Setting("config.service.auth.azureAd.certificatePath", "text", acting=True),
    Setting("config.service.auth.azureAd.authority", "address", DEFAULT_AUTHORITY, acting=True),
    Setting("config.service.auth.tokenAudience", "text", DEFAULT_AUDIENCE, acting=True),
    Setting("config.service.endpoint.disableCertificateValidation", "boolean", "false", acting=True),
    Setting("config.service.integration.timeout", "timespan", DEFAULT_TIMEOUT, acting=True),
)
_LOGS = (
    Setting("telemetry.logs.std", "choice", "text", True, ("text", "none", "json")),
    Setting(
        "telemetry.logs.std.level", "choice", "info", True, ("all", "debug", "info", "warn", "error", "fatal")
    ),
    Setting("telemetry.logs.std.color", "boolean", "true", acting=True),
    Setting(
        "telemetry.logs.local",
        "choice",
        "auto",
        choices=("none", "auto", "localsyslog", "rfc5424", "journal", "json"),
    ),
    *_not_acting(
        "text",
        "telemetry.logs.local.localsyslog.endpoint",
        "telemetry.logs.local.localsyslog.facility",
        "telemetry.logs.local.rfc5424.endpoint",
        "telemetry.logs.local.rfc5424.facility",
        "telemetry.logs.local.journal.endpoint",
        "logs.applicationinsights.endpoint",
    ),
    Setting("telemetry.logs.local.json.endpoint", "text", "127.0.0.1:8888"),
)
_METRICS = (
    Setting("telemetry.metrics.local", "choice", "none", choices=("none", "statsd")),
    Setting(
        "telemetry.metrics.local.statsd.tag-format",
        "choice",
        choices=("librato", "dogStatsD", "influxDB", "none"),
    ),
    *_not_acting(
        "text", "telemetry.metrics.local.statsd.endpoint", "observability.opentelemetry.collector.uri"
    ),
    Setting("telemetry.metrics.local.statsd.sampling", "number"),
    Setting("telemetry.metrics.cloud", "boolean", "true"),
    *_not_acting(
        "boolean",
        "observability.opentelemetry.enabled",
        "observability.opentelemetry.system-metrics.enabled",
        default="false",
    ),
    Setting(
        "observability.opentelemetry.histogram.buckets", "list", "5,10,25,50,100,250,500,1000,2500,5000,10000"
    ),
)
_BACKEND_PROTOCOLS = "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols"
_SECURITY = (
    Setting("certificates.local.ca.enabled", "boolean", "false", acting=True),
    Setting("net.server.tls.ciphers.allowed-suites", "list", acting=True),
    Setting("net.client.tls.ciphers.allowed-suites", "list", acting=True),
    Setting("security.certificate-revocation.validation.enabled", "boolean", "false"),
    Setting(f"{_BACKEND_PROTOCOLS}.Tls13", "boolean", "true", acting=True),
    Setting(f"{_BACKEND_PROTOCOLS}.Tls12", "boolean", "true", acting=True),
    Setting(f"{_BACKEND_PROTOCOLS}.Tls11", "boolean", "false", acting=True),
    Setting(f"{_BACKEND_PROTOCOLS}.Tls10", "boolean", "false", acting=True),
    Setting(f"{_BACKEND_PROTOCOLS}.Ssl30", "boolean", "false"),
)
_DEPLOYMENT = (
    Setting("neighborhood.host", "text"),
    Setting("neighborhood.heartbeat.port", "number", "4291"),
    Setting("policy.rate-limit.sync.port", "number", "4290"),
    Setting("net.server.http.forwarded.proto.enabled", "boolean", "false"),
    Setting("k8s.ingress.enabled", "boolean", "false"),
    Setting("k8s.ingress.namespace", "text", "default"),
    Setting("k8s.ingress.dns.suffix", "text", "svc.cluster.local"),
    Setting("k8s.ingress.config.path", "text"),
    *_not_acting(
        "text",
        "runtime.deployment.artifact.source",
        "runtime.deployment.artifact.version",
        "runtime.deployment.mechanism",
        "runtime.deployment.orchestrator.type",
    ),
    *_not_acting("boolean", "runtime.deployment.highAvailability.enabled", "runtime.deployment.dapr.enabled"),
)

SETTINGS: dict[str, Setting] = {
    setting.name: setting for setting in (*_CONFIGURATION, *_LOGS, *_METRICS, *_SECURITY, *_DEPLOYMENT)
}
