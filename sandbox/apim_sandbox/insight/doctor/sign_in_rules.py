"""WI… and GW…: containers that the webhook is told to skip, secrets that are none."""

import re
from collections.abc import Iterator

from apim_emulators.webhook.model import SKIP_CONTAINERS
from apim_sandbox.insight.doctor.model import Hit, Objects, Rule, annotations, mapping

_SECRET = "config.service.auth.azureAd.clientSecret"
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_GATEWAY = "azure-api-management/gateway"


def skipped(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        told = annotations(workload.metadata).get(SKIP_CONTAINERS)
        names = {name.strip() for name in told.split(";")} if isinstance(told, str) else set()
        for _, container in workload.containers():
            if container.get("name") in names and _GATEWAY in str(container.get("image", "")):
                yield Hit(
                    workload.manifest,
                    (*workload.template, "metadata", "annotations", SKIP_CONTAINERS),
                    f"the webhook is told to skip {container['name']}: the gateway gets no AZURE_* variables",
                    f"take {container['name']} out of {SKIP_CONTAINERS}",
                )


def secret_id(objects: Objects) -> Iterator[Hit]:
    for kind, part in (("ConfigMap", "data"), ("Secret", "stringData")):
        for manifest in objects.of_kind(kind):
            value = mapping(manifest.data.get(part)).get(_SECRET)
            if isinstance(value, str) and _GUID.fullmatch(value.strip()):
                yield Hit(
                    manifest,
                    (part, _SECRET),
                    f"{_SECRET} is a GUID: that is the secret's id, not its value",
                    "copy the column Value, which the portal shows once; "
                    "or make another: az ad app credential reset",
                )


RULES = (
    Rule(
        "WI017",
        "the webhook is told to skip the gateway's container",
        "error",
        "The container starts without the variables and the token file, and has nothing to sign in with.",
        "azure-workload-identity, annotations of the pod",
        skipped,
    ),
    Rule(
        "GW013",
        "the client secret is a secret's id",
        "error",
        "Entra answers AADSTS7000215: Invalid client secret provided.",
        "Microsoft's Entra error code reference, AADSTS7000215",
        secret_id,
    ),
)
