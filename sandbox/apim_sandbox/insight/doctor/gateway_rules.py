"""GW…: the gateway's own settings."""

import re
from collections.abc import Iterator
from typing import Any

from apim_emulators.core.vocabulary import CONFIGURATION_DOMAIN
from apim_sandbox.insight.doctor.identity_rules import config_maps
from apim_sandbox.insight.doctor.model import Hit, Manifest, Objects, Path, Rule, mapping, name_of

_AUTH = "config.service.auth"
_ENDPOINT = "config.service.endpoint"
_NAME = "gateway.name"
_KINDS = ("workloadIdentity", "azureAdApp", "key")
_ISSUES = "Azure/api-management-self-hosted-gateway"


def settings(objects: Objects) -> Iterator[tuple[Manifest, dict[str, Any]]]:
    """The ConfigMaps that configure a gateway."""
    for manifest in objects.of_kind("ConfigMap"):
        data = mapping(manifest.data.get("data"))
        if any(str(key).startswith("config.service.") or key == _NAME for key in data):
            yield manifest, data


def auth(objects: Objects) -> Iterator[Hit]:
    for manifest, data in settings(objects):
        value = data.get(_AUTH)
        if value is None and _elsewhere(objects, manifest):
            continue
        if value is None:
            yield Hit(
                manifest,
                ("data",),
                f"{_AUTH} is missing: the gateway does not start",
                f"{_AUTH}: workloadIdentity",
            )
        elif value not in _KINDS and not str(value).startswith("GatewayKey ") and "&" not in str(value):
            meant = next((kind for kind in _KINDS if kind.lower() == str(value).strip().lower()), _KINDS[0])
            yield Hit(
                manifest,
                ("data", _AUTH),
                f'{_AUTH} is "{value}", which the gateway does not know: it does not start',
                f"{_AUTH}: {meant}",
            )


def _elsewhere(objects: Objects, config: Manifest) -> bool:
    """Whether a pod with these settings takes the authentication from a variable or from a Secret."""
    for workload in objects.workloads:
        if not any(found is config for _, found in config_maps(objects, workload)):
            continue
        for _, container in workload.containers():
            variables, sources = container.get("env"), container.get("envFrom")
            if any(mapping(one).get("name") == _AUTH for one in _listed(variables)):
                return True
            # The chart always names a Secret, which is empty under workload identity.
            names = [
                mapping(mapping(one).get("secretRef")).get("name")
                for one in _listed(sources)
                if mapping(one).get("secretRef")
            ]
            for name in names:
                secret = objects.find("Secret", str(name), workload.namespace)
                held = (
                    {**mapping(secret.data.get("data")), **mapping(secret.data.get("stringData"))}
                    if secret
                    else {}
                )
                if secret is None or _AUTH in held:
                    return True
    return False


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def name(objects: Objects) -> Iterator[Hit]:
    for manifest, data in settings(objects):
        value = data.get(_NAME)
        if value is None or value == "":
            yield Hit(
                manifest,
                ("data",),
                f"{_NAME} is missing; Entra authentication needs it",
                f"{_NAME}: <gateway name>",
            )
        elif str(value).startswith("="):
            yield Hit(
                manifest,
                ("data", _NAME),
                f'{_NAME} is "{value}": the two equals signs of the article\'s Helm line '
                "put one into the name",
                f"{_NAME}: {str(value).lstrip('=')}",
            )


def endpoint(objects: Objects) -> Iterator[Hit]:
    for manifest, data in settings(objects):
        value = str(data.get(_ENDPOINT, ""))
        host, _, path = value.removeprefix("https://").partition("/")
        where: Path = ("data", _ENDPOINT)
        if not value:
            yield Hit(
                manifest, ("data",), f"{_ENDPOINT} is missing",
                f"{_ENDPOINT}: https://<service name>.{CONFIGURATION_DOMAIN}",
            )  # fmt: skip
        elif value.startswith("http://"):
            yield Hit(
                manifest, where, f"{_ENDPOINT} is not https", f"https://{value.removeprefix('http://')}"
            )
        elif host.endswith(".azure-api.net") and not host.endswith("." + CONFIGURATION_DOMAIN):
            yield Hit(
                manifest,
                where,
                f"{_ENDPOINT} points at the gateway's host, not at the configuration API",
                f"https://{host.partition('.')[0]}.{CONFIGURATION_DOMAIN}",
            )
        elif host.endswith(CONFIGURATION_DOMAIN) and path.strip("/"):
            yield Hit(
                manifest,
                where,
                f"{_ENDPOINT} carries the path /{path}, which belongs to the retired v1 API",
                f"https://{host}",
            )


def placeholder(objects: Objects) -> Iterator[Hit]:
    for manifest, data in settings(objects):
        for key, value in data.items():
            found = re.search(r"<[a-z][a-z-]*>", value) if isinstance(value, str) else None
            if found:
                yield Hit(
                    manifest,
                    ("data", key),
                    f"{key} still holds the placeholder {found[0]}",
                    "put the real value there",
                )


def config_missing(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        for path, container in workload.containers():
            sources = container.get("envFrom")
            for index, source in enumerate(sources if isinstance(sources, list) else ()):
                reference = mapping(mapping(source).get("configMapRef"))
                wanted = reference.get("name")
                there = objects.of_kind("ConfigMap")
                if (
                    not wanted
                    or not there
                    or reference.get("optional") is True
                    or objects.find("ConfigMap", str(wanted), workload.namespace)
                ):
                    continue
                names = ", ".join(name_of(one) for one in there)
                yield Hit(
                    workload.manifest,
                    (*path, "envFrom", index, "configMapRef", "name"),
                    f"no ConfigMap {wanted} in namespace {workload.namespace} among these manifests "
                    f"(there is "
                    f"{names}): the container waits for it",
                    "name the ConfigMap that is there",
                )


RULES = (
    Rule(
        "GW001",
        "an authentication that the gateway does not know",
        "error",
        "No valid authentication was configured.",
        f"{_ISSUES}#269",
        auth,
    ),
    Rule(
        "GW003",
        "the ConfigMap is not among the manifests",
        "warning",
        "Unless it exists already, the pod stays in CreateContainerConfigError.",
        "Kubernetes",
        config_missing,
    ),
    Rule(
        "GW010",
        "gateway.name is missing or begins with an equals sign",
        "error",
        "The configuration API knows no such gateway.",
        "Microsoft's workload identity article, Helm tab",
        name,
    ),
    Rule(
        "GW011",
        "the endpoint is not the configuration API",
        "error",
        "No configuration arrives.",
        "Microsoft's migration guide to v2",
        endpoint,
    ),
    Rule(
        "GW012",
        "a setting is still a placeholder",
        "error",
        "Names that don't resolve, gateways unknown.",
        "Microsoft's workload identity article",
        placeholder,
    ),
)
