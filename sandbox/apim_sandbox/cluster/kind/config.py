"""What kind is told: one node whose API server signs with our key, for our issuer. Pure."""

import json
from pathlib import Path

from apim_sandbox.world.model import Cluster

PKI = "/etc/kubernetes/pki"


def kind_config(cluster: Cluster, signing_key: Path, public_key: Path) -> str:
    """kind's configuration file.

    The kubeadm patch is in map form and names no apiVersion: kind converts it for every node version;
    with one, nodes from 1.36 on would drop the arguments without a word (kind, kubeadm_merge.go).
    The keys are where kubeadm looks for them, so that no argument has to name them.
    """
    arguments = {
        "service-account-issuer": cluster.issuer,
        "service-account-jwks-uri": f"{cluster.issuer.rstrip('/')}/openid/v1/jwks",
    }
    if cluster.max_token_expiration:
        arguments["service-account-max-token-expiration"] = f"{round(cluster.max_token_expiration)}s"
    patch = {"kind": "ClusterConfiguration", "apiServer": {"extraArgs": arguments}}
    mounts = [
        {"hostPath": str(signing_key), "containerPath": f"{PKI}/sa.key", "readOnly": True},
        {"hostPath": str(public_key), "containerPath": f"{PKI}/sa.pub", "readOnly": True},
    ]
    node = {"role": "control-plane", "extraMounts": mounts, "kubeadmConfigPatches": [json.dumps(patch)]}
    # JSON is YAML.
    return json.dumps({"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [node]}, indent=2)
