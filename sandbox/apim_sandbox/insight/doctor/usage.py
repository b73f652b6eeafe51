"""Who uses what among the manifests: pods their identity, gateways their service."""

from collections.abc import Iterator

from msgspec import Struct

from apim_emulators.core.vocabulary import CONFIGURATION_DOMAIN
from apim_sandbox.insight.doctor.cloud import Identity, Service
from apim_sandbox.insight.doctor.gateway_rules import settings
from apim_sandbox.insight.doctor.identity_rules import CLIENT_ID, config_maps, wants_identity
from apim_sandbox.insight.doctor.model import (
    Manifest,
    Objects,
    Path,
    Workload,
    annotations,
    mapping,
    metadata_of,
)

ANNOTATION: Path = ("metadata", "annotations", CLIENT_ID)


class Use(Struct, frozen=True):
    """A workload whose pods sign in with `client_id`, by the annotation of `account`."""

    workload: Workload
    account: Manifest
    client_id: str

    @property
    def subject(self) -> str:
        return f"system:serviceaccount:{self.workload.namespace}:{self.workload.account or 'default'}"


class Target(Struct, frozen=True):
    """A gateway's settings and what they point at in the cloud, None where that is not there."""

    config: Manifest
    gateway: str
    host: str
    service: Service | None


def uses(objects: Objects) -> Iterator[Use]:
    for workload in objects.workloads:
        account = objects.find("ServiceAccount", workload.account or "default", workload.namespace)
        if account is None or not wants_identity(objects, workload):
            continue
        client = annotations(metadata_of(account)).get(CLIENT_ID)
        if isinstance(client, str) and client and not client.startswith("<"):
            yield Use(workload, account, client)


def known_uses(objects: Objects) -> Iterator[tuple[Use, Identity]]:
    """Uses whose client id the cloud knows."""
    for use in uses(objects):
        identity = objects.cloud.identity(use.client_id)
        if identity is not None:
            yield use, identity


def targets(objects: Objects) -> Iterator[Target]:
    for config, data in settings(objects):
        host = str(data.get("config.service.endpoint", "")).removeprefix("https://").partition("/")[0]
        name = host.removesuffix("." + CONFIGURATION_DOMAIN) if host.endswith(CONFIGURATION_DOMAIN) else ""
        gateway = data.get("gateway.name")
        if name and isinstance(gateway, str):
            yield Target(config, gateway, host, objects.cloud.service(name))


def identities_of(objects: Objects, config: Manifest) -> Iterator[tuple[Use, Identity]]:
    """The identities of the pods that take their environment from a ConfigMap, by workload identity."""
    if mapping(config.data.get("data")).get("config.service.auth") != "workloadIdentity":
        return
    for use, identity in known_uses(objects):
        if any(found is config for _, found in config_maps(objects, use.workload)):
            yield use, identity
