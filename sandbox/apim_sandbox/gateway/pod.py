"""Which pod a gateway is."""

from msgspec import Struct


class PodIdentity(Struct, frozen=True):
    """The pod as its own process knows it; `ip` is empty where nobody says."""

    namespace: str
    name: str
    ip: str = ""
