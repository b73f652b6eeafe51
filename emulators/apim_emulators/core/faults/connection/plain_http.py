"""client ──► TLS hello ──► [HTTP server]       client ◄── HTTP/1.1 400 ✗"""

from dataclasses import dataclass

import httpx

from apim_emulators.core.faults.model import SERVERS, ConnectionFault
from apim_emulators.core.faults.registry import register


@register(
    "plain-http",
    stage="connection",
    targets=SERVERS,
    label="observed",
    source="AKS#4139: http: server gave HTTP response to HTTPS client",
    witness="tests/emulators/core/faults/test_connection.py::test_what_a_client_meets_in_virtual_time",
)
@dataclass(frozen=True, slots=True)
class PlainHttp(ConnectionFault):
    """Something that speaks no TLS answers at the target's port."""

    def failure(self) -> httpx.TransportError:
        return httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number")

    def effect(self) -> str:
        return "answered the TLS hello in plain HTTP"
