"""Files that several processes write to, and that survive each of them."""

from __future__ import annotations

import os
from pathlib import Path


def append_line(path: str | Path, *words: object) -> None:
    """Append one line to a file and have it on the disk before anything else happens."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    os.fsync(descriptor)
    os.close(descriptor)


def lines_of(path: str | Path) -> list[list[str]]:
    """The words of each line so far; none where the file is not there yet."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [line.split() for line in text.splitlines()]
