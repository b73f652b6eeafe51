"""Kubernetes quantities and whether a pod fits a node. Pure."""

import re
from collections.abc import Iterable
from fractions import Fraction

from msgspec import Struct

from apim_sandbox.cluster.embedded.objects import Pod

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_UNITS = {
    None: Fraction(1), "m": Fraction(1, 1000),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12),
    "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40),
}  # fmt: skip


def quantity(text: str) -> Fraction:
    """`500m`, `2`, `1.5Gi` as a number. Raises `ValueError`."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 500m, 2 or 1.5Gi")
    return Fraction(match[1]) * _UNITS[match[2]]


class NodeSize(Struct, frozen=True):
    """A node's allocatable resources."""

    name: str = "contoso-node"
    cpu: str = "8"
    memory: str = "16Gi"

    def lacks(self, pod: Pod, others: Iterable[Pod]) -> list[str]:
        """Which of `cpu`, `memory` do not suffice for `pod` beside `others`."""
        there = list(others)
        return [
            name
            for name, size in (("cpu", self.cpu), ("memory", self.memory))
            if sum((requested(one, name) for one in (pod, *there)), Fraction(0)) > quantity(size)
        ]


def requested(pod: Pod, resource: str) -> Fraction:
    """What a pod asks for: its containers together, or its greediest init container if that is more."""
    running = sum((quantity(one.requests.get(resource, "0")) for one in pod.containers), Fraction(0))
    first = max(
        (quantity(one.requests.get(resource, "0")) for one in pod.init_containers), default=Fraction(0)
    )
    return max(running, first)
