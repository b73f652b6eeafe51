"""Reading a world file into nouns."""

import pytest

from apim_sandbox.documents import Document, DocumentError
from apim_sandbox.world.default import DEFAULT_FILE, default_text, default_world
from apim_sandbox.world.load import from_document, loads
from apim_sandbox.world.model import Sku


def test_the_built_in_world_is_what_its_file_says() -> None:
    """No start reads it: `scripts/docs` has, as a user's own file is read."""
    assert default_world() == loads(default_text(), DEFAULT_FILE)


def test_what_a_file_leaves_out_is_what_the_noun_has_by_itself() -> None:
    """Nouns within nouns too."""
    service = {"name": "contoso-apim"}
    groups = [{"name": "g", "apiManagementServices": [service]}]
    world = {"tenants": [{"name": "t"}], "subscriptions": [{"name": "s", "resourceGroups": groups}]}

    found = from_document(Document("<world>", world))

    assert found.subscriptions[0].resource_groups[0].api_management_services[0].sku == Sku()


def test_what_a_noun_refuses_is_told_at_its_place() -> None:
    """A certificate that is none is the certificate's mistake, not the world's."""
    broken = {"name": "c", "certificate": "x", "privateKey": "y"}
    service = {"name": "contoso-apim", "certificates": [broken]}
    groups = [{"name": "g", "apiManagementServices": [service]}]
    world = {"tenants": [{"name": "t"}], "subscriptions": [{"name": "s", "resourceGroups": groups}]}

    with pytest.raises(DocumentError) as refused:
        from_document(Document("<world>", world))

    assert refused.value.message.startswith(
        "subscriptions[0].resourceGroups[0].apiManagementServices[0].certificates[0]: "
        "no certificate in PEM with its private key: "
    )
