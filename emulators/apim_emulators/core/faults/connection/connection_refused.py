"""client ──► host:443 ✗       connection refused"""

from dataclasses import dataclass

import httpx

from apim_emulators.core.faults.model import SERVERS, ConnectionFault
from apim_emulators.core.faults.registry import register


@register(
    "connection-refused",
    stage="connection",
    targets=SERVERS,
    label="observed",
    source="azure-workload-identity#863, AKS#5686: no endpoints available for service",
    witness="tests/emulators/core/faults/test_connection.py::test_what_a_client_meets_in_virtual_time",
)
@dataclass(frozen=True, slots=True)
class ConnectionRefused(ConnectionFault):
    """Nothing listens where the target should be."""

    def failure(self) -> httpx.TransportError:
        return httpx.ConnectError("[Errno 111] Connection refused")

    def effect(self) -> str:
        return "refused the connection"
