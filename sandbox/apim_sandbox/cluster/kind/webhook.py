"""The webhook in a real cluster: upstream's newest, upstream's earlier generation, or the emulated one."""

import json
from importlib.resources import files
from string import Template
from typing import Literal

from apim_sandbox.instance import InstanceError
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
    """Everything that the chart would install, as YAML."""
    cluster = world.clusters[0]
    hook = cluster.webhook
    emulated = variant == "emulated"
    selector = {"matchLabels": dict(hook.namespace_selector)} if hook.namespace_selector else {}
    path = {"path": "/healthz", "port": "healthz"}
    values = {
        "environment": hook.environment,
        "tenant": world.tenant(hook.tenant).id,
        "variant": variant,
        "image": image_of(variant, own),
        "command": json.dumps(["apim-sandbox", "serve-webhook"] if emulated else ["/manager"]),
        "args": json.dumps([] if emulated else ["--log-level=info"]),
        "readiness": json.dumps(
            {"tcpSocket": {"port": "webhook-server"}, "periodSeconds": 1}
            if emulated
            else {"httpGet": path, "periodSeconds": 1}
        ),
        "failure_policy": hook.failure_policy,
        "timeout": str(max(1, round(hook.timeout))),
        "namespace_selector": json.dumps(selector),
    }
    text = files(__package__).joinpath("manifests/webhook.yaml").read_text(encoding="utf-8")
    return Template(text).substitute(values)


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
