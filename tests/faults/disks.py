"""Disks that fail for real: full, limited, or not to be written by this process."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults import actions
from tests.faults.workers import Worker

_CAPABILITIES_VERSION_3 = 0x20080522
_OVERRIDES_FILE_MODES = 0b110


class Disk(ABC):
    """A folder for databases whose disk can be made to fail, and mended."""

    words: str  # what SQLite calls it

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self, worker: Worker) -> None:
        """Called before the process opens its engine; most disks need nothing of it."""
        del worker

    @abstractmethod
    def fail(self, process: int) -> None:
        """From now on no file of the folder can grow, for this process at least."""

    @abstractmethod
    def mend(self, process: int) -> None:
        """All is as before."""


class FullDisk(Disk):
    """A small file system of its own, filled to the last byte by a file that is none of ours."""

    words = "database or disk is full"

    def fail(self, process: int) -> None:
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12):
                while _writes(filler.fileno(), size):
                    pass

    def mend(self, process: int) -> None:
        (self.folder / "filler").unlink()


class FullFile(Disk):
    """SQLite's own limit of a file, for those who may not mount: it answers as if the disk were full."""

    words = FullDisk.words

    @property
    def _flag(self) -> Path:
        return self.folder.with_suffix(".full")

    def prepare(self, worker: Worker) -> None:
        worker.call(actions.limit_pages_while, str(self._flag))

    def fail(self, process: int) -> None:
        self._flag.touch()

    def mend(self, process: int) -> None:
        self._flag.unlink()


class LimitedFiles(Disk):
    """The kernel refuses writes beyond the present sizes (EFBIG), which SQLite takes for an I/O error."""

    words = "disk I/O error"

    def fail(self, process: int) -> None:
        largest = max(path.stat().st_size for path in self.folder.iterdir())
        resource.prlimit(process, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def mend(self, process: int) -> None:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a file system of a few megabytes on ``folder``; False where this account must not."""
    folder.mkdir(exist_ok=True)
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True)
    try:
        yield mount.returncode == 0
    finally:
        if mount.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)


def obey_file_modes() -> None:
    """Let root, too, be refused what the mode of a file or folder forbids its owner; for this thread, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    for call in (libc.capget, libc.capset):
        if call(header, sets) != 0:
            raise OSError(ctypes.get_errno(), "the capabilities of this process cannot be changed")
        sets[0] &= ~_OVERRIDES_FILE_MODES


def _writes(descriptor: int, size: int) -> bool:
    try:
        return os.write(descriptor, bytes(size)) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
