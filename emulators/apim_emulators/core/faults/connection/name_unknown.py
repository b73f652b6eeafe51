"""client ──► name service ✗       the host is unknown; nobody is asked"""

from dataclasses import dataclass

import httpx

from apim_emulators.core.faults.model import SERVERS, ConnectionFault
from apim_emulators.core.faults.registry import register


@register(
    "name-unknown",
    stage="connection",
    targets=SERVERS,
    label="observed",
    source="self-hosted-gateway#164, #193; azure-workload-identity#650",
    witness="tests/emulators/core/faults/test_connection.py::test_what_a_client_meets_in_virtual_time",
)
@dataclass(frozen=True, slots=True)
class NameUnknown(ConnectionFault):
    """The target's host name can't be resolved."""

    def failure(self) -> httpx.TransportError:
        return httpx.ConnectError("[Errno -2] Name or service not known")

    def effect(self) -> str:
        return "did not resolve the name"
