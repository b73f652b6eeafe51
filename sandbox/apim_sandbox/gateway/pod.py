"""Which pod a gateway is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """The pod as its own process knows it; `ip` is empty where nobody says."""

    namespace: str
    name: str
    ip: str = ""
