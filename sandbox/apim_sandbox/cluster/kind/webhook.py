"""The webhook in a real cluster: upstream's newest, upstream's earlier generation, or the emulated one."""

import json
from importlib.resources import files
from string import Template
from typing import Any, Literal

import yaml

from apim_sandbox.instance import InstanceError
from apim_sandbox.world import resolve
from apim_sandbox.world.model import World

Variant = Literal["upstream", "upstream-previous", "emulated"]
VARIANTS: tuple[Variant, ...] = ("upstream", "upstream-previous", "emulated")
_REGISTRY = "mcr.microsoft.com/oss/azure/workload-identity/webhook"
UPSTREAM = {"upstream": f"{_REGISTRY}:v1.6.0", "upstream-previous": f"{_REGISTRY}:v1.3.0"}
NAMESPACE = "azure-workload-identity-system"
DEPLOYMENT = "deployment/azure-wi-webhook-controller-manager"


def variant(text: str) -> Variant:
    """A variant by its name. Raises `InstanceError`."""
    for known in VARIANTS:
        if text == known:
            return known
    raise InstanceError(
        f"no webhook is called {text!r}", f"apim-sandbox kind up --webhook {'|'.join(VARIANTS)}"
    )


def image_of(variant: Variant, own: str) -> str:
    """The image of a variant; `own` is the sandbox's."""
    return UPSTREAM.get(variant, own)


def manifests(world: World, variant: Variant, own: str) -> str:
    """Everything that the chart would install, as a YAML stream; each variant makes its own certificates."""
    cluster = world.clusters[0]
    hook = cluster.webhook
    path = {"path": "/healthz", "port": "healthz"}
    values = {
        "environment": hook.environment,
        "tenant": resolve.tenant(world, hook.tenant).id,
        "variant": variant,
        "image": image_of(variant, own),
        "command": json.dumps(["/manager"]),
        "args": json.dumps(["--log-level=info", f"--audience={hook.audience}"]),
        "readiness": json.dumps({"httpGet": path, "periodSeconds": 1}),
        "failure_policy": hook.failure_policy,
        "timeout": str(max(1, round(hook.timeout))),
        "namespace_selector": json.dumps(
            {"matchLabels": dict(hook.namespace_selector)} if hook.namespace_selector else {}
        ),
    }
    text = files(__package__).joinpath("manifests/webhook.yaml").read_text(encoding="utf-8")
    objects = [one for one in yaml.safe_load_all(Template(text).substitute(values)) if one]
    if variant == "emulated":
        _emulated({one["kind"]: one for one in objects}, hook.profile)
    return yaml.safe_dump_all(objects, sort_keys=False)


def _emulated(by_kind: dict[str, Any], profile: str) -> None:
    """Turn upstream's objects into the emulated webhook's: same names, same selectors, our process."""
    spec = by_kind["Deployment"]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    container["command"] = ["python", "-m", "apim_sandbox.cluster.kind.webhook_pod"]
    container["env"].append({"name": "APIM_SANDBOX_WEBHOOK_PROFILE", "value": profile})
    container["readinessProbe"] = {
        "httpGet": {"path": "/healthz", "port": "webhook-server", "scheme": "HTTPS"}, "periodSeconds": 1,
    }  # fmt: skip
    container["resources"] = {"requests": {"cpu": "50m", "memory": "64Mi"}}
    # The root file system is read-only, and Python loads certificates from files alone.
    spec["volumes"].append({"name": "tmp", "emptyDir": {"medium": "Memory"}})
    container["volumeMounts"].append({"name": "tmp", "mountPath": "/tmp"})  # noqa: S108


def probe_pod() -> str:
    """A labelled pod for a dry run: it comes back mutated once the webhook really admits."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "apim-sandbox-probe",
            "namespace": "default",
            "labels": {"azure.workload.identity/use": "true"},
        },
        "spec": {"containers": [{"name": "probe", "image": "none:0"}]},
    }
    return json.dumps(pod)
