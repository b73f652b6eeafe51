"""The directory's memory."""

from pathlib import Path

import pytest

from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore, SqliteStore
from apim_emulators.core.vocabulary import VocabularyError
from apim_emulators.entra.model import Application, FederatedIdentityCredential, ServicePrincipal, Tenant
from apim_emulators.entra.state import Directory

from .conftest import APP, APP_OBJECT, AUDIENCE, ISSUER, PRINCIPAL, SUBJECT, TENANT


def fill(directory: Directory) -> None:
    directory.put_tenant(Tenant(TENANT, "contoso.onmicrosoft.com"))
    directory.put_application(Application(APP_OBJECT, APP, TENANT, "apim-gateway"))
    directory.put_service_principal(ServicePrincipal(PRINCIPAL, APP, TENANT, "apim-gateway"))
    directory.put_federated_credential(
        FederatedIdentityCredential("id", "kubernetes", APP_OBJECT, ISSUER, SUBJECT, (AUDIENCE,))
    )
    directory.add_password(APP_OBJECT, "secret", key_id="key", salt="salt")


def contents(directory: Directory) -> object:
    return (
        directory.list_tenants(),
        directory.find_application(APP),
        directory.find_service_principal(TENANT, APP),
        directory.list_federated_credentials(APP_OBJECT),
        directory.list_passwords(APP_OBJECT),
        directory.signing_key.kid,
    )


def test_a_directory_in_a_file_comes_back_whole(tmp_path: Path) -> None:
    """Objects, credentials and Entra's own key: tokens issued before still verify."""
    store = SqliteStore(tmp_path / "entra.sqlite")
    directory = Directory(store, PooledKeys())
    fill(directory)
    before = contents(directory)
    store.close()
    again = SqliteStore(tmp_path / "entra.sqlite")
    assert contents(Directory(again, PooledKeys())) == before
    again.close()
    assert b"secret" not in (tmp_path / "entra.sqlite").read_bytes().replace(b"secrets", b"")


def test_a_snapshot_brings_everything_back() -> None:
    """Indexes too: what was deleted is found again, what was added is gone."""
    store = MemoryStore()
    directory = Directory(store, PooledKeys())
    fill(directory)
    before, snapshot = contents(directory), store.snapshot()
    directory.delete_application(APP_OBJECT)
    directory.delete_service_principal(PRINCIPAL)
    directory.rotate_signing_key(keep=False)
    assert directory.find_application(APP) is None
    store.restore(snapshot)
    assert contents(directory) == before


def test_a_tenant_id_is_a_guid() -> None:
    """The message holds the value."""
    with pytest.raises(VocabularyError, match="'contoso' is not a GUID"):
        Tenant("contoso", "contoso.onmicrosoft.com")  # type: ignore[arg-type]
