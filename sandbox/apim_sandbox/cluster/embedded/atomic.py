"""The kubelet's atomic writer: all files of a volume change at once.

k8s.io pkg/volume/util/atomic_writer.go.

Files live in a timestamped directory; `..data` links to it and is swapped by a rename; the visible
names link through `..data`. So an update gives a file a new inode: who keeps it open reads the past.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from apim_emulators.core.clock import utc
from apim_emulators.core.ids import Ids

DATA = "..data"


class File(Struct, frozen=True):
    """A file's content and mode."""

    content: bytes
    mode: int = 0o644


class AtomicWriter:
    """Writes one volume's files into `directory`."""

    def __init__(self, directory: Path, ids: Ids) -> None:
        self._directory = directory
        self._ids = ids

    def write(self, files: Mapping[str, File], now: float) -> bool:
        """Publish `files` (relative path to file); False when they are what is there already."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        data = self._directory / DATA
        old = data.resolve() if data.is_symlink() else None
        if old is not None and _same(old, files):
            return False
        stamp = utc(now).strftime("..%Y_%m_%d_%H_%M_%S.") + str(int(self._ids.uniform(0, 1e9)))
        new = self._directory / stamp
        for name, file in files.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(file.content)
            path.chmod(file.mode)
        new.mkdir(exist_ok=True)
        link = self._directory / "..data_tmp"
        link.unlink(missing_ok=True)
        link.symlink_to(stamp)
        os.replace(link, data)
        self._publish_names(files)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
        return True

    def _publish_names(self, files: Mapping[str, File]) -> None:
        wanted = {Path(name).parts[0] for name in files}
        for name in sorted(wanted):
            visible = self._directory / name
            if not visible.is_symlink():
                visible.symlink_to(Path(DATA) / name)
        for visible in self._directory.iterdir():
            if visible.is_symlink() and visible.name != DATA and visible.name not in wanted:
                visible.unlink()


def _same(directory: Path, files: Mapping[str, File]) -> bool:
    there = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    return there == set(files) and all(
        (directory / name).read_bytes() == file.content for name, file in files.items()
    )
