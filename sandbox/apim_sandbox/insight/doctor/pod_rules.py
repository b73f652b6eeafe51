"""WI013…, GW004…: what a pod spec or a setting gets wrong by itself, beside label and annotation."""

import re
from collections.abc import Iterator

from apim_emulators.core.vocabulary import CONFIGURATION_AUDIENCE, TOKEN_EXCHANGE_AUDIENCE
from apim_sandbox.insight.doctor.gateway_rules import settings
from apim_sandbox.insight.doctor.identity_rules import CLIENT_ID, PREFIX, TENANT_ID, USE, config_maps
from apim_sandbox.insight.doctor.model import (
    Hit,
    Objects,
    Path,
    Rule,
    Workload,
    annotations,
    at,
    labels,
    mapping,
    metadata_of,
)

_PORT = PREFIX + "proxy-sidecar-port"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)
_TOKEN = re.compile(r"[^\s&]+&\d{12}&\S+")
_AUDIENCES = (
    CONFIGURATION_AUDIENCE,
    "https://azure-api.cn/configuration",
    "https://azure-api.us/configuration",
)
_AUTH = "config.service.auth"


def projected_audience(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        volumes = workload.spec.get("volumes")
        for index, volume in enumerate(volumes if isinstance(volumes, list) else ()):
            sources = mapping(mapping(volume).get("projected")).get("sources")
            for number, source in enumerate(sources if isinstance(sources, list) else ()):
                token = mapping(mapping(source).get("serviceAccountToken"))
                name = str(mapping(volume).get("name", ""))
                if not token or not ("azure" in name or "azure" in str(token.get("path", ""))):
                    continue
                if token.get("audience") == TOKEN_EXCHANGE_AUDIENCE:
                    continue
                path: Path = (
                    *workload.template, "spec", "volumes", index, "projected", "sources", number,
                    "serviceAccountToken",
                )  # fmt: skip
                yield Hit(
                    workload.manifest,
                    (*path, "audience") if "audience" in token else path,
                    "the token that is projected by hand is for "
                    f"{token.get('audience') or 'the API server'}: AADSTS700212",
                    f"audience: {TOKEN_EXCHANGE_AUDIENCE}",
                )


def proxy_port(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        value = annotations(workload.metadata).get(_PORT)
        if value is not None and not (
            isinstance(value, str) and value.isdecimal() and 0 < int(value[:6]) < 65536
        ):
            yield Hit(
                workload.manifest,
                (*workload.template, "metadata", "annotations", _PORT),
                f"{_PORT} is {value!r}, which is no port: the webhook refuses the pod",
                f'{_PORT}: "8000"',
            )


def selector(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        if workload.kind not in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
            continue
        wanted = mapping(at(workload.manifest.data, ("spec", "selector", "matchLabels")))
        own = labels(workload.metadata)
        for key, value in wanted.items():
            where: Path = ("spec", "selector", "matchLabels", key)
            if own.get(key) != value:
                yield Hit(
                    workload.manifest,
                    where,
                    f"the selector wants {key}={value}, the pod template does not carry it: the API server "
                    "refuses the " + workload.kind,
                    f"add {key}: {value} to spec.template.metadata.labels",
                )
            elif key == USE:
                yield Hit(
                    workload.manifest,
                    where,
                    f"{USE} is in the selector, which can't be changed once the {workload.kind} exists",
                    "remove it from the selector, leave it on the pod template",
                )


def no_guid(objects: Objects) -> Iterator[Hit]:
    for account in objects.of_kind("ServiceAccount"):
        own = annotations(metadata_of(account))
        client, tenant = own.get(CLIENT_ID), own.get(TENANT_ID)
        if isinstance(client, str) and client and not client.startswith("<"):
            nil = client.replace("-", "").strip("0") == ""
            if nil or not _GUID.fullmatch(client):
                yield Hit(
                    account,
                    ("metadata", "annotations", CLIENT_ID),
                    f'client id "{client}" is {"the nil GUID" if nil else "no GUID"}: Entra knows no such '
                    "application",
                    f'{CLIENT_ID}: "<application (client) id>"',
                )
        if isinstance(tenant, str) and not tenant.startswith("<") and not _tenant(tenant):
            what = "empty" if not tenant else f'"{tenant}", neither a GUID nor a domain'
            yield Hit(
                account,
                ("metadata", "annotations", TENANT_ID),
                f"the tenant id is {what}: AADSTS900023, or no AZURE_TENANT_ID at all",
                "remove the annotation (the webhook knows the tenant), or write the tenant's id",
            )


def _tenant(text: str) -> bool:
    return _GUID.fullmatch(text) is not None or _DOMAIN.fullmatch(text) is not None


def underscores(objects: Objects) -> Iterator[Hit]:
    for manifest in objects.of_kind("ConfigMap"):
        for key in mapping(manifest.data.get("data")):
            if str(key).startswith(("config_service_", "gateway_name", "telemetry_")):
                yield Hit(
                    manifest,
                    ("data", key),
                    f"{key} is written with underscores: the gateway does not read it and says nothing",
                    f"write {str(key).replace('_', '.')}",
                )


def token(objects: Objects) -> Iterator[Hit]:
    for manifest, data in settings(objects):
        value = data.get(_AUTH)
        if not isinstance(value, str):
            continue
        where: Path = ("data", _AUTH)
        if _TOKEN.fullmatch(value.strip()):
            yield Hit(
                manifest, where, f"{_AUTH} holds a gateway token without its scheme",
                f'{_AUTH}: "GatewayKey <token>"',
            )  # fmt: skip
        elif value.startswith("GatewayKey") and not _TOKEN.fullmatch(value.removeprefix("GatewayKey ")):
            key = re.fullmatch(r"GatewayKey [A-Za-z0-9+/=_-]+", value)
            what = (
                "the gateway's key, which is no token (a token has a name, an expiry and a signature)"
                if key
                else "no gateway token behind GatewayKey and one blank"
            )
            yield Hit(
                manifest, where, f"{_AUTH} holds {what}",
                'az rest --method post --url "GATEWAY_ID/generateToken?api-version=2022-08-01" --body …',
            )  # fmt: skip


def token_audience(objects: Objects) -> Iterator[Hit]:
    for manifest, data in settings(objects):
        key = f"{_AUTH}.tokenAudience"
        value = data.get(key)
        if isinstance(value, str) and value.rstrip("/") not in _AUDIENCES:
            yield Hit(
                manifest,
                ("data", key),
                f"tokenAudience is {value}, a resource that no tenant has: AADSTS500011",
                f"remove it, or write {CONFIGURATION_AUDIENCE}",
            )


def startup_probe(objects: Objects) -> Iterator[Hit]:
    for workload in _gateways(objects):
        for path, container in workload.containers():
            probe = mapping(container.get("startupProbe"))
            threshold, period = probe.get("failureThreshold"), probe.get("periodSeconds", 10)
            # Without a threshold the chart's own probe is meant, which its users can't change.
            if not isinstance(threshold, int) or not isinstance(period, int):
                continue
            if threshold * period < 60:
                yield Hit(
                    workload.manifest,
                    (*path, "startupProbe"),
                    f"the startup probe ends the container after {threshold * period} s; a first "
                    "synchronization over a slow network takes longer",
                    "failureThreshold: 30",
                )


def file_system(objects: Objects) -> Iterator[Hit]:
    for workload in _gateways(objects):
        for path, container in workload.containers():
            context = {
                **mapping(workload.spec.get("securityContext")),
                **mapping(container.get("securityContext")),
            }
            where: Path = (*path, "securityContext") if container.get("securityContext") else path
            if context.get("readOnlyRootFilesystem") is True:
                yield Hit(
                    workload.manifest,
                    where,
                    "the gateway writes a bundle of CA certificates below /etc/ssl/certs when it starts, "
                    "which readOnlyRootFilesystem forbids",
                    "readOnlyRootFilesystem: false, or an emptyDir at /etc/ssl/certs",
                )
            user = context.get("runAsUser")
            if isinstance(user, int) and user not in (0, 1001):
                yield Hit(
                    workload.manifest,
                    where,
                    f"the gateway's files belong to user 1001, the container runs as {user}",
                    "runAsUser: 1001",
                )


def _gateways(objects: Objects) -> Iterator[Workload]:
    """Workloads that are gateways: by their settings, or by their image."""
    configs = [manifest for manifest, _ in settings(objects)]
    for workload in objects.workloads:
        by_image = any(
            "azure-api-management/gateway" in str(one.get("image", "")) for _, one in workload.containers()
        )
        if by_image or any(found is one for _, found in config_maps(objects, workload) for one in configs):
            yield workload


_AWI = "Azure/azure-workload-identity"
_GW = "Azure/api-management-self-hosted-gateway"
RULES = (
    Rule(
        "WI013", "a token projected by hand is for somebody else", "error",
        "Entra takes tokens that were made for it: the audience must be the credential's.",
        f"{_AWI}, self-managed clusters' guide", projected_audience,
    ),
    Rule(
        "WI014", "the proxy sidecar's port is no number", "error", "The webhook refuses the pod.",
        f"{_AWI}#177", proxy_port,
    ),
    Rule(
        "WI015", "the selector and the pod template disagree, or share the label", "error",
        "The API server refuses the object, or every later change of the label: field is immutable.",
        f"{_AWI}#1025", selector,
    ),
    Rule(
        "WI016", "an id is no id", "error",
        "Entra answers AADSTS700016 to a client id and AADSTS900023 to a tenant id that are none.",
        "Microsoft's Entra error code reference", no_guid,
    ),
    Rule(
        "GW004", "a setting is written with underscores", "error",
        "The gateway knows its settings by their dotted names and passes over all others.",
        "Microsoft's settings reference for the self-hosted gateway", underscores,
    ),
    Rule(
        "GW005", "what should be a gateway token is none", "error",
        "The configuration API answers 401 Unauthorized.",
        "Microsoft's gateway token page for the self-hosted gateway", token,
    ),
    Rule(
        "GW006", "the token audience is nobody's", "error", "Entra answers AADSTS500011.",
        "Microsoft's settings reference for the self-hosted gateway", token_audience,
    ),
    Rule(
        "GW007", "the startup probe is too short", "warning",
        "Kubernetes ends the container before its first synchronization is through, again and again.",
        f"{_GW}, pull request 325", startup_probe,
    ),
    Rule(
        "GW008", "the gateway may not write what it must", "warning",
        "It stops with: Failed to open temporary file /etc/ssl/certs/bundle… for ca bundle.",
        f"{_GW}#82", file_system,
    ),
)  # fmt: skip
