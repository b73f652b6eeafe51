"""client ──► TLS hello ──► target       client ◄── a stranger's certificate ✗"""

from dataclasses import dataclass

import httpx

from apim_emulators.core.faults.model import SERVERS, ConnectionFault
from apim_emulators.core.faults.registry import register


@register(
    "wrong-certificate",
    stage="tls",
    targets=SERVERS,
    label="observed",
    source="azure-docs#112146 (private CA); azure-workload-identity#814",
    witness="tests/emulators/core/faults/test_connection.py::test_what_a_client_meets_in_virtual_time",
)
@dataclass(frozen=True, slots=True)
class WrongCertificate(ConnectionFault):
    """The target shows a certificate of an authority that nobody trusts."""

    def failure(self) -> httpx.TransportError:
        return httpx.ConnectError(
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
            "unable to get local issuer certificate"
        )

    def effect(self) -> str:
        return "showed a stranger's certificate"
