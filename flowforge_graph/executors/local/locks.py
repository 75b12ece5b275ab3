"""One lock file for each running command: a later attempt on this machine waits until the earlier one is gone.

The lock (flock) belongs to the open file, which the engine, the supervisor and the command all inherit: it is free only
when the last of them has ended or closed it. The kernel frees it, so that no crash leaves a lock behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Self

from flowforge_graph.errors import DispatchError
from flowforge_graph.executors.local.inheritance import STARTING, close_private, keep_private


def default_state_folder() -> Path:
    """A folder of this user under the folder for temporary files.

    Not ``XDG_RUNTIME_DIR``: it differs between a login, cron and a service of one user, and all must meet here.
    """
    return Path(tempfile.gettempdir(), f"flowforge-graph-{os.getuid()}")


def private_folder(folder: Path) -> Path:
    """Make ``folder``, for this user alone, and return it; raise DispatchError if it is not ours."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise DispatchError(f"state_folder {str(folder)!r} cannot be made: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise DispatchError(f"state_folder {str(folder)!r} is not a folder that this user alone can write to")
    return folder


class ExecutionLock:
    """The lock of one execution, held from a successful :meth:`try_acquire` until :meth:`release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self.descriptor = descriptor

    @classmethod
    def try_acquire(cls, folder: Path, *, namespace: str, execution_id: str) -> Self | None:
        """Take the lock of an execution of one database; None while an earlier attempt holds it. Raises OSError."""
        name = hashlib.sha256(f"{namespace}\0{execution_id}".encode()).hexdigest()[:32]
        return cls._try_path(folder / f"{name}.lock")

    @classmethod
    def _try_path(cls, path: Path) -> Self | None:
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _is_still(path, descriptor):
                return cls(path, keep_private(descriptor))
            os.close(descriptor)

    def release(self) -> None:
        """Close our descriptor, and remove the file unless a process of the command still holds it.

        Removing it under such a process would give a later attempt a new file, and with it a lock of its own. So the
        file is removed only through the lock taken afresh.
        """
        close_private(self.descriptor)
        with STARTING:
            fresh = self._try_path(self._path)
        if fresh is not None:
            self._path.unlink(missing_ok=True)
            close_private(fresh.descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether ``path`` is the file we locked: its last holder may have removed it between our open and our lock."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
