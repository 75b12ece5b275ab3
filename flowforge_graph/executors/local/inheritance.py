"""Descriptors that no fork of this process may hold.

A supervisor learns of the engine's death by the end of a pipe, and a lock is free when its last holder closed it: a
stray copy would hide both. Ours are closed on exec (but those handed to a supervisor), yet a host that forks without
exec (multiprocessing's ``fork``) copies them: the copy closes them.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

_PRIVATE: set[int] = set()

# A process being started has, for a moment, a copy of everything. Whoever asks whether a lock is free must not meet it.
STARTING = threading.Lock()


def keep_private(descriptor: int) -> int:
    """Have forks of this process close ``descriptor``; return it."""
    _PRIVATE.add(descriptor)
    return descriptor


def close_private(descriptor: int) -> None:
    """Close a descriptor that was kept private. Forgotten first: its number may be another's right after."""
    _PRIVATE.discard(descriptor)
    os.close(descriptor)


def _close_copies() -> None:
    for descriptor in list(_PRIVATE):
        with suppress(OSError):
            os.close(descriptor)
    _PRIVATE.clear()


os.register_at_fork(after_in_child=_close_copies)
