"""Deployments to pods: template hash, names, rolling update. Pure."""

import json
import math
from collections.abc import Sequence
from copy import deepcopy
from hashlib import sha256
from typing import Any

from msgspec import Struct

from apim_sandbox.cluster.embedded.objects import Raw, mapping

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
HASH_LABEL = "pod-template-hash"


class PodState(Struct, frozen=True):
    """A pod of a Deployment as the rollout sees it."""

    name: str
    template_hash: str
    ready: bool


class Plan(Struct, frozen=True):
    """What to do next: how many pods of the new template to make, which pods to delete."""

    create: int
    delete: tuple[str, ...]


def template_hash(deployment: Raw) -> str:
    """A pod template's hash as it looks in Kubernetes: a 32-bit number in the alphabet of safe names."""
    template = mapping(mapping(deployment.get("spec")).get("template"))
    digest = sha256(json.dumps(template, sort_keys=True, default=str).encode()).digest()
    number = str(int.from_bytes(digest[:4], "big"))
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in number)


def pod_template(deployment: Raw, name: str, namespace: str, uid: str, hash_: str) -> Raw:
    """The pod object that the ReplicaSet controller would send: with generateName, without a name."""
    template = deepcopy(mapping(mapping(deployment.get("spec")).get("template")))
    metadata = mapping(template.get("metadata"))
    owner = f"{name}-{hash_}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **{key: metadata[key] for key in ("annotations",) if metadata.get(key)},
            "generateName": f"{owner}-",
            "namespace": namespace,
            "labels": {**mapping(metadata.get("labels")), HASH_LABEL: hash_},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": owner,
                    "uid": uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": mapping(template.get("spec")),
    }


def replicas(deployment: Raw) -> int:
    """The wanted number of pods, 1 when it is not said."""
    value = mapping(deployment.get("spec")).get("replicas", 1)
    return value if isinstance(value, int) and value >= 0 else 1


def plan(deployment: Raw, pods: Sequence[PodState], hash_: str) -> Plan:
    """The next step of a rollout (apps/v1 RollingUpdate or Recreate). `pods`: oldest first, none ending."""
    wanted = replicas(deployment)
    strategy = mapping(mapping(deployment.get("spec")).get("strategy"))
    new = [pod for pod in pods if pod.template_hash == hash_]
    old = [pod for pod in pods if pod.template_hash != hash_]
    if strategy.get("type") == "Recreate" and old:
        return Plan(0, tuple(pod.name for pod in old))
    rolling = mapping(strategy.get("rollingUpdate"))
    surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil) if old else 0
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
    if not surge and not unavailable:
        unavailable = 1
    create = max(0, min(wanted - len(new), wanted + surge - len(pods)))
    # Too many of the new template: the unready go first, then the youngest.
    surplus = sorted(new, key=lambda pod: (pod.ready, -new.index(pod)))[: max(0, len(new) - wanted)]
    keep_ready = wanted - unavailable
    ready = sum(pod.ready for pod in pods)
    ending = list(surplus)
    for pod in sorted(old, key=lambda pod: pod.ready):
        if not pod.ready:
            ending.append(pod)
        elif ready > keep_ready:
            ending.append(pod)
            ready -= 1
    return Plan(create, tuple(pod.name for pod in ending))


def _share(value: Any, wanted: int, rounded: Any) -> int:
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdecimal():
        return int(rounded(wanted * int(value[:-1]) / 100))
    return value if isinstance(value, int) else 0
