"""A world becomes the directory that its objects presuppose."""

from apim_emulators.core.ids import SeededIds
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore
from apim_emulators.entra.state import Directory
from apim_sandbox.world.default import default_world
from apim_sandbox.world.seed import seed_entra


def test_a_services_identity_is_there_before_it_signs_in() -> None:
    """Azure makes its service principal with the service, so that roles can be assigned to it at once."""
    directory = Directory(MemoryStore(), PooledKeys())

    seed_entra(default_world(), directory, SeededIds("world"), 1_795_000_000.0, "secret")

    principal = directory.get_service_principal("99999999-9999-4999-8999-999999999999")
    assert principal is not None
    assert (principal.display_name, principal.type, principal.system_assigned) == (
        "contoso", "ManagedIdentity", True,
    )  # fmt: skip
    assert principal.alternative_names[0] == "isExplicit=False"
