"""GW…: which image of the gateway the pods run."""

import re
from collections.abc import Iterator

from apim_sandbox.insight.doctor.identity_rules import config_maps
from apim_sandbox.insight.doctor.model import Hit, Objects, Rule, Workload, mapping

_AUTH = "config.service.auth"
_VERSION = "APIM_SANDBOX_GATEWAY_VERSION"  # which image the sandbox's own gateway behaves as
_IMAGE = re.compile(r"azure-api-management/gateway:v?(\d+)\.(\d+)")
_BACKUP = "/apim/config"


def old_image(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        federated = any(
            mapping(config.data.get("data")).get(_AUTH) == "workloadIdentity"
            for _, config in config_maps(objects, workload)
        )
        for path, container in workload.containers():
            image = str(container.get("image", ""))
            for _, config in config_maps(objects, workload):
                told = mapping(config.data.get("data")).get(_VERSION)
                old = re.match(r"(\d+)\.(\d+)", str(told)) if federated else None
                if old and (int(old[1]), int(old[2])) < (2, 11):
                    yield Hit(
                        config, ("data", _VERSION),
                        f"gateway {told} does not know workloadIdentity, which needs 2.11.0 or newer",
                        "remove the setting, or write 2.11.0 or newer",
                    )  # fmt: skip
            version = re.search(r"azure-api-management/gateway:v?(\d+)\.(\d+)", image)
            if federated and version and (int(version[1]), int(version[2])) < (2, 11):
                yield Hit(
                    workload.manifest,
                    (*path, "image"),
                    f"image {image} does not know workloadIdentity, which needs 2.11.0 or newer",
                    "use image tag 2.11.0 or newer",
                )


def regression(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        for path, container in workload.containers():
            version = _IMAGE.search(str(container.get("image", "")))
            known = _defect(workload, (int(version[1]), int(version[2]))) if version else None
            if known is not None:
                problem, fix = known
                yield Hit(workload.manifest, (*path, "image"), problem, fix)


def _defect(workload: Workload, version: tuple[int, int]) -> tuple[str, str] | None:
    if version == (2, 7):
        return "gateway 2.7 was seen not to start after an upgrade", "use image tag 2.8.0 or newer"
    if version == (2, 12) and _has_backup(workload):
        return (
            f"gateway 2.12 was seen unable to restore its backup from {_BACKUP}",
            "use the newest image tag of 2.11, or of a version after 2.12",
        )
    return None


def _has_backup(workload: Workload) -> bool:
    return any(
        mapping(mount).get("mountPath") == _BACKUP
        for _, container in workload.containers()
        for mount in container.get("volumeMounts") or ()
    )


RULES = (
    Rule(
        "GW002",
        "an image that is too old",
        "error",
        "No valid authentication was configured.",
        "Microsoft's workload identity article",
        old_image,
    ),
    Rule(
        "GW009",
        "an image with a reported defect",
        "warning",
        "2.7 stops at its start over a setting that it misspells itself; 2.12 does not get back what it had "
        "saved, answers 503 and is restarted for ever while the configuration API is away.",
        "Azure/api-management-self-hosted-gateway#316 and #418",
        regression,
    ),
)
