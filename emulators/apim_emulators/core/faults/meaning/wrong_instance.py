"""client ──► instance discovery       {preferred_network: another host}       clients follow it"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from apim_emulators.core.faults.model import MeaningFault
from apim_emulators.core.faults.registry import register, told


@register(
    "wrong-instance",
    stage="meaning",
    targets=("entra",),
    label="documented",
    source="MSAL .NET rewrites the token host to preferred_network; AADSTS50049",
    witness="tests/sandbox/faults/meaning/test_entra.py::test_instance_discovery_can_name_another_host",
)
@dataclass(frozen=True, slots=True)
class WrongInstance(MeaningFault):
    """Instance discovery sends clients to another host, or does not know the one they ask for."""

    host: str = field(
        default="", metadata=told("where clients are sent; without it the instance is unknown (AADSTS50049)")
    )

    def effect(self) -> str:
        return f"sent clients to {self.host}" if self.host else "did not know the instance"

    def changed(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The discovery answer with clients sent to `host`."""
        others = [
            {**entry, "preferred_network": self.host, "preferred_cache": self.host}
            for entry in document["metadata"]
        ]
        endpoint = urlsplit(document["tenant_discovery_endpoint"])
        moved = endpoint._replace(netloc=self.host).geturl()
        return {**document, "metadata": others, "tenant_discovery_endpoint": moved}
