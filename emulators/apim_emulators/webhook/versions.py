"""Kubernetes versions, as far as the webhook compares them (pure)."""

import re

from apim_emulators.core.provenance import Behaviour

# "SidecarContainers" is beta since 1.29; with three versions of skew between API server and kubelet,
# 1.32 is the first with which every kubelet knows native sidecars.
NATIVE_SIDECARS = (1, 32)

NATIVE = Behaviour(
    "webhook.native-sidecar", "documented",
    "From Kubernetes 1.32 on the proxy is an init container that restarts always.",
    "Azure/azure-workload-identity pkg/webhook/webhook.go, NewPodMutator",
    "tests/emulators/webhook/test_app.py::test_the_api_servers_version_decides_where_the_proxy_goes",
)  # fmt: skip

_SEMANTIC = re.compile(r"v?(\d+)\.(\d+)\.(\d+)([-+].*)?")


def at_least(version: str, minimum: tuple[int, int]) -> bool:
    """Whether `version` (a `gitVersion`) is `minimum` (major, minor) or later.

    Raises `ValueError` for what is no semantic version. A pre-release comes before its release.
    """
    match = _SEMANTIC.fullmatch(version)
    if match is None:
        raise ValueError(f"could not parse {version!r} as version")
    major, minor, patch = (int(part) for part in match.groups()[:3])
    early = (match[4] or "").startswith("-")
    return (major, minor, patch, not early) >= (*minimum, 0, True)
