"""client ──► [dropped] …       a firewall that says nothing"""

from dataclasses import dataclass

import httpx

from apim_emulators.core.faults.model import SERVERS, ConnectionFault
from apim_emulators.core.faults.registry import register


@register(
    "unreachable",
    stage="connection",
    targets=SERVERS,
    label="observed",
    source="azure-workload-identity#863: dial tcp …:9443: i/o timeout; #611: a NetworkPolicy",
    witness="tests/emulators/core/faults/test_connection.py::test_what_a_client_meets_in_virtual_time",
)
@dataclass(frozen=True, slots=True)
class Unreachable(ConnectionFault):
    """Packets to the target are dropped: the client waits for its connect time-out."""

    def failure(self) -> httpx.TransportError:
        return httpx.ConnectTimeout("timed out")

    def effect(self) -> str:
        return "let the connection attempt run into its time-out"
