"""The proxy init container and sidecar that a pod gets on demand (pure)."""

from apim_emulators.webhook.model import MutationConfig, Object

SIDECAR = "azwi-proxy"
INIT = "azwi-proxy-init"


def with_init_container(containers: list[Object], config: MutationConfig, port: int) -> list[Object]:
    """`azwi-proxy-init` appended, unless there is one: it redirects 169.254.169.254:80 to the proxy."""
    if any(container.get("name") == INIT for container in containers):
        return containers
    return [
        *containers,
        {
            "name": INIT,
            "image": config.proxy_init_image,
            "env": [{"name": "PROXY_PORT", "value": str(port)}],
            "resources": {},
            "imagePullPolicy": "IfNotPresent",
            "securityContext": {
                "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
                "privileged": True,
                "runAsUser": 0,
                "runAsNonRoot": False,
            },
        },
    ]


def with_sidecar(
    containers: list[Object], config: MutationConfig, port: int, *, native: bool
) -> list[Object]:
    """`azwi-proxy` put first, unless there is one; `native`: as an init container that restarts always."""
    if any(container.get("name") == SIDECAR for container in containers):
        return containers
    arguments = [f"--proxy-port={port}", f"--log-level={config.log_level}"]
    probe = ["/proxy", arguments[0], "--probe", arguments[1]]
    sidecar = {
        "name": SIDECAR,
        "image": config.proxy_image,
        "args": arguments,
        "ports": [{"containerPort": port}],
        "resources": {},
        **({"restartPolicy": "Always"} if native else {}),
        "lifecycle": {"postStart": {"exec": {"command": probe}}},
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
        },
    }
    return [sidecar, *containers]
