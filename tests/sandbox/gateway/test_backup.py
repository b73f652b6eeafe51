"""The copy on disk."""

from pathlib import Path

import anyio
import pytest
from starlette.responses import JSONResponse
from tests.sandbox.gateway.conftest import Scene
from tests.sandbox.gateway.fakes import ECHO_API

from apim_emulators.core.events import GatewayLogged
from apim_emulators.core.vocabulary import Revision
from apim_sandbox.gateway.backup import Backup, BackupNotFoundError, BackupRefusedError
from apim_sandbox.gateway.state import Configuration

HOST = "contoso.configuration.azure-api.net"


def configuration(revision: int = 1) -> Configuration:
    return Configuration(Revision(revision), "contoso", "on-prem", {"apis/echo-api": ECHO_API})


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """The second save replaces the first and leaves nothing of it."""
    backup = Backup(str(tmp_path), HOST, "on-prem")
    backup.save(configuration(1))
    backup.save(configuration(2))
    assert backup.load() == configuration(2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "snapshot-00000002.json",
        "snapshot.lock.json",
    ]


def test_an_empty_directory_has_no_backup(tmp_path: Path) -> None:
    """Missing is not refused."""
    with pytest.raises(BackupNotFoundError, match=r"snapshot\.lock\.json"):
        Backup(str(tmp_path), HOST, "on-prem").load()


def test_a_corrupt_backup_is_refused(tmp_path: Path) -> None:
    """One changed byte is seen; so is a lock that is no JSON."""
    backup = Backup(str(tmp_path), HOST, "on-prem")
    backup.save(configuration())
    file = tmp_path / "snapshot-00000001.json"
    file.write_bytes(file.read_bytes().replace(b"echo.sandbox", b"evil.sandbox"))
    with pytest.raises(BackupRefusedError, match="checksums differ"):
        backup.load()
    (tmp_path / "snapshot.lock.json").write_text("{")
    with pytest.raises(BackupRefusedError, match="can't be read"):
        backup.load()


@pytest.mark.parametrize("backup", [("other.configuration.azure-api.net", "on-prem"), (HOST, "other")])
def test_a_foreign_backup_is_refused(tmp_path: Path, backup: tuple[str, str]) -> None:
    """A volume of another gateway must not make this one serve its APIs."""
    Backup(str(tmp_path), HOST, "on-prem").save(configuration())
    with pytest.raises(BackupRefusedError, match="belongs to gateway 'on-prem'"):
        Backup(str(tmp_path), *backup).load()


@pytest.mark.anyio
async def test_a_gateway_starts_from_its_backup_while_the_cloud_is_away(scene: Scene, tmp_path: Path) -> None:
    """It serves from the copy, asks for events after the copy's revision, and recovers by itself."""
    Backup(str(tmp_path), HOST, "on-prem").save(configuration(1))
    scene.api.put("apis/orders", {"name": "orders", "path": "orders"})
    scene.api.trouble = lambda _: JSONResponse({}, 503)
    gateway = scene.start(APIM_SANDBOX_BACKUP_DIRECTORY=str(tmp_path))
    await anyio.sleep(5)
    assert (gateway.state, gateway.configuration) == ("serving-from-memory", configuration(1))

    scene.api.trouble = lambda _: None
    await anyio.sleep(10)
    assert gateway.state == "ready"
    assert gateway.configuration is not None
    assert gateway.configuration.revision == Revision(2)
    assert len(scene.api.times("snapshot")) == 1
    assert Backup(str(tmp_path), HOST, "on-prem").load() == gateway.configuration


@pytest.mark.anyio
async def test_a_refused_backup_is_logged_and_the_cloud_tried_again(scene: Scene, tmp_path: Path) -> None:
    """A foreign copy does not make the gateway start, and does not keep it from starting."""
    Backup(str(tmp_path), HOST, "other").save(configuration())
    scene.api.trouble = lambda _: JSONResponse({}, 503)
    gateway = scene.start(APIM_SANDBOX_BACKUP_DIRECTORY=str(tmp_path))
    await anyio.sleep(5)
    (failed,) = [e for e in scene.events(GatewayLogged) if e.event_type == "ConfigInitialSyncFailed"]
    assert "belongs to gateway 'other'" in failed.exception
    assert gateway.configuration is None

    scene.api.trouble = lambda _: None
    await anyio.sleep(10)
    assert gateway.state == "ready"


@pytest.mark.anyio
async def test_a_backup_that_cannot_be_written_is_said_and_survived(scene: Scene, tmp_path: Path) -> None:
    """A file where the snapshot's directory entry must go stands for a volume of another owner."""
    (tmp_path / "snapshot-00000001.json").mkdir()
    gateway = scene.start(APIM_SANDBOX_BACKUP_DIRECTORY=str(tmp_path))
    await anyio.sleep(5)
    assert gateway.state == "ready"
    assert "SaveBackupFailed" in scene.event_types()
