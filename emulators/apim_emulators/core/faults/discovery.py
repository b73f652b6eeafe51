"""What faults make of a discovery document, Entra's or a cluster's."""

from collections.abc import Mapping
from typing import Any

from apim_emulators.core.faults.actor import Asks
from apim_emulators.core.faults.meaning.discovery_field_missing import DiscoveryFieldMissing
from apim_emulators.core.faults.meaning.wrong_issuer import WrongIssuer


def broken_discovery(faults: Asks, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with another issuer, and without a member, where faults say so."""
    changed = dict(document)
    wrong = faults.ask(WrongIssuer)
    if wrong is not None:
        changed["issuer"] = wrong.issuer
    lacking = faults.ask(DiscoveryFieldMissing, when=lambda one: one.member in changed)
    if lacking is not None:
        del changed[lacking.member]
    return changed
