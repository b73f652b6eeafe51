"""The configuration's copy on disk, from which a gateway starts while the cloud is away.

Two files in the backup directory: `snapshot-{revision}.json`, and `snapshot.lock.json`, which names it
with its checksum and its owner. The lock is replaced last, so that a killed gateway leaves the old
copy or the new one, never half of one.
"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct, field

from apim_emulators.core.faults import Asks, CorruptBackup, NoFaults, UnwritableBackup
from apim_emulators.core.provenance import Behaviour
from apim_emulators.core.vocabulary import VocabularyError
from apim_sandbox.gateway.configuration import Snapshot
from apim_sandbox.gateway.state import Configuration

LOCK = "snapshot.lock.json"
MOUNTED = "/apim/config"  # the directory as the pod knows it, and as every message names it

FORMAT = Behaviour(
    id="gateway.backup.format",
    label="assumed",
    statement="the backup is snapshot.lock.json with name, SHA-256 and owner of a snapshot file beside it",
    source="self-hosted-gateway#164 shows the lock file's name in /apim/config; its content is not public",
    witness="tests/sandbox/gateway/test_backup.py::test_what_was_saved_is_loaded",
)


class BackupNotFoundError(Exception):
    """There is no backup; the message is the path that was looked for."""


class BackupRefusedError(Exception):
    """There is a backup that must not be used; the message says why."""


class Lock(msgspec.Struct, frozen=True, rename="camel"):
    """What `snapshot.lock.json` holds. `endpoint` is the host that the copy came from."""

    file: str
    sha256: str
    revision: str
    endpoint: str
    gateway_id: str


class Backup(Struct, frozen=True):
    """One gateway's backup directory; the directory is never made: a volume is mounted there or not.

    `directory` is where it is on this machine.
    """

    directory: str
    endpoint: str
    gateway_id: str
    faults: Asks = field(default_factory=NoFaults)

    @property
    def lock_path(self) -> str:
        """For messages."""
        return f"{MOUNTED}/{LOCK}"

    @property
    def exists(self) -> bool:
        return Path(self.directory).is_dir()

    def save(self, configuration: Configuration) -> None:
        """Replace the copy. Raises `OSError`, as for a directory that belongs to another group."""
        unwritable = self.faults.ask(UnwritableBackup, gateway=self.gateway_id)
        if unwritable is not None:
            raise unwritable.failure()
        directory = Path(self.directory)
        content = msgspec.json.encode(configuration.snapshot())
        name = f"snapshot-{configuration.revision}.json"
        _replace(directory / name, content)
        lock = Lock(
            name, sha256(content).hexdigest(), str(configuration.revision), self.endpoint, self.gateway_id
        )
        _replace(directory / LOCK, msgspec.json.encode(lock))
        for old in directory.glob("snapshot-????????.json"):
            if old.name != name:
                with suppress(FileNotFoundError):  # another replica was quicker
                    old.unlink()

    def load(self) -> Configuration:
        """The copy. Raises `BackupNotFoundError` or `BackupRefusedError`."""
        try:
            lock = msgspec.json.decode((Path(self.directory) / LOCK).read_bytes(), type=Lock)
            content = (Path(self.directory) / Path(lock.file).name).read_bytes()
        except FileNotFoundError as error:
            raise BackupNotFoundError(f"{MOUNTED}/{Path(error.filename).name}") from None
        except OSError as error:
            raise BackupRefusedError(f"{self.lock_path} can't be read: {error.strerror}") from None
        except msgspec.DecodeError as error:
            raise BackupRefusedError(f"{self.lock_path} can't be read: {error}") from None
        corrupt = self.faults.ask(CorruptBackup, gateway=self.gateway_id)
        if corrupt is not None:
            content = corrupt.changed(content)
        if (lock.endpoint, lock.gateway_id) != (self.endpoint, self.gateway_id):
            raise BackupRefusedError(
                f"{self.lock_path} belongs to gateway '{lock.gateway_id}' of {lock.endpoint}, "
                f"this is gateway '{self.gateway_id}' of {self.endpoint}"
            )
        if sha256(content).hexdigest() != lock.sha256:
            raise BackupRefusedError(f"{lock.file} is not what {self.lock_path} describes: checksums differ")
        try:
            return Configuration.restore(msgspec.json.decode(content, type=Snapshot))
        except (msgspec.DecodeError, VocabularyError) as error:
            raise BackupRefusedError(f"{lock.file} holds no configuration: {error}") from None


def _replace(path: Path, content: bytes) -> None:
    """Write beside and move over: readers see the old content or the new."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.touch(mode=0o600)
    beside.write_bytes(content)
    beside.replace(path)
