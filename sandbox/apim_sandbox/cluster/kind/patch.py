"""What has to differ from the user's manifest on a small real cluster: one patch, shown, never silent. Pure.

Only containers of the gateway's image are touched. The annotation `apim-sandbox/patch` of an object
names the parts that are wanted (`image requests ca control`, all of them by default, none for `""`).
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from msgspec import Struct

Raw = dict[str, Any]
GATEWAY_IMAGE = "mcr.microsoft.com/azure-api-management/gateway"
ANNOTATION = "apim-sandbox/patch"
PARTS = ("image", "requests", "ca", "control")

BUNDLE = "apim-sandbox-ca"  # ConfigMap with the CA bundle
CONTROL = "apim-sandbox-control"  # Secret with the control service's address and token
CA_DIRECTORY = "/etc/apim-sandbox/ca"
CA_FILE = f"{CA_DIRECTORY}/bundle.pem"
REQUESTS = {"cpu": "100m", "memory": "128Mi"}
_COMMAND = ["python", "-m", "apim_sandbox.gateway"]


class Change(Struct, frozen=True):
    """One difference: where, what stood there, what stands there now, and why."""

    path: str
    before: str
    after: str
    why: str


def patched(raw: Raw, image: str) -> tuple[Raw, tuple[Change, ...]]:
    """`raw` with its gateway containers made to run here, and every change made."""
    after = deepcopy(raw)
    template, path = _template(after)
    if template is None:
        return raw, ()
    wanted = _wanted(raw)
    spec = template["spec"]
    changes: list[Change] = []
    for index, container in enumerate(spec.get("containers") or []):
        if isinstance(container, dict) and _is_gateway(str(container.get("image", ""))):
            changes += _container(container, f"{path}.containers[{index}]", wanted, image)
            if "ca" in wanted:
                changes += _bundle(spec, container, path, index)
    return (after, tuple(changes)) if changes else (raw, ())


def _container(container: Raw, path: str, wanted: tuple[str, ...], image: str) -> Iterator[Change]:
    if "image" in wanted:
        yield Change(
            f"{path}.image", str(container["image"]), image,
            "the gateway's own image may be run only with an Azure subscription",
        )  # fmt: skip
        yield Change(f"{path}.command", "the image's", " ".join(_COMMAND), "this image holds all parts")
        container |= {"image": image, "command": list(_COMMAND), "imagePullPolicy": "IfNotPresent"}
        container.pop("args", None)
    requests = (container.get("resources") or {}).get("requests")
    if "requests" in wanted and requests:
        container["resources"] = {**container["resources"], "requests": dict(REQUESTS)}
        yield Change(
            f"{path}.resources.requests", _flat(requests), _flat(REQUESTS), "a small node has no more"
        )
    if "control" in wanted:
        _environment(
            container,
            {"name": "APIM_SANDBOX_CONTROL", "valueFrom": _secret("url")},
            {"name": "APIM_SANDBOX_CONTROL_TOKEN", "valueFrom": _secret("token")},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        )
        yield Change(
            f"{path}.env", "–", "APIM_SANDBOX_CONTROL, APIM_SANDBOX_CONTROL_TOKEN, POD_NAMESPACE, POD_IP",
            "the gateway tells the journal what it does",
        )  # fmt: skip


def _bundle(spec: Raw, container: Raw, path: str, index: int) -> Iterator[Change]:
    _environment(
        container,
        {"name": "SSL_CERT_FILE", "value": CA_FILE},
        {"name": "REQUESTS_CA_BUNDLE", "value": CA_FILE},
    )
    mount = {"name": BUNDLE, "mountPath": CA_DIRECTORY, "readOnly": True}
    container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]
    volumes = [one for one in spec.get("volumes") or [] if one.get("name") != BUNDLE]
    spec["volumes"] = [*volumes, {"name": BUNDLE, "configMap": {"name": BUNDLE}}]
    yield Change(
        f"{path}.containers[{index}].volumeMounts", "–", f"ConfigMap {BUNDLE} at {CA_DIRECTORY}",
        "the emulators' certificates are of the sandbox's CA",
    )  # fmt: skip
    yield Change(
        f"{path}.containers[{index}].env", "–", f"SSL_CERT_FILE, REQUESTS_CA_BUNDLE = {CA_FILE}",
        "clients trust that CA besides the usual ones",
    )  # fmt: skip


def _template(raw: Raw) -> tuple[Raw | None, str]:
    """The pod template of a workload, or the pod itself, with its spec's path."""
    match raw.get("kind"):
        case "Pod":
            return (raw, "spec") if isinstance(raw.get("spec"), dict) else (None, "")
        case "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job":
            template = (raw.get("spec") or {}).get("template")
            good = isinstance(template, dict) and isinstance(template.get("spec"), dict)
            return (template, "spec.template.spec") if good else (None, "")
        case _:
            return None, ""


def _wanted(raw: Raw) -> tuple[str, ...]:
    annotation = (raw["metadata"].get("annotations") or {}).get(ANNOTATION)
    return PARTS if annotation is None else tuple(part for part in PARTS if part in str(annotation).split())


def _is_gateway(image: str) -> bool:
    return image == GATEWAY_IMAGE or image.startswith((f"{GATEWAY_IMAGE}:", f"{GATEWAY_IMAGE}@"))


def _environment(container: Raw, *variables: Raw) -> None:
    """Add variables; one that the manifest sets itself stays."""
    known = {one.get("name") for one in container.get("env") or []}
    container["env"] = [
        *(container.get("env") or []),
        *(one for one in variables if one["name"] not in known),
    ]


def _secret(key: str) -> Raw:
    return {"secretKeyRef": {"name": CONTROL, "key": key}}


def _flat(resources: Raw) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in resources.items())
