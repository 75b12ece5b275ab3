"""Where in a file something is said, so that every complaint begins with the file, the line and the key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from flowforge_graph.errors import InvalidDefinition, shown

_PLAIN_KEY: Final = re.compile(r"[\w-]{1,80}")


@dataclass(frozen=True, slots=True)
class Place:
    """A line (from 1) of a file and the keys and list positions (from 0) that lead to a value there."""

    path: str
    line: int = 1
    keys: tuple[str | int, ...] = ()

    def at(self, key: str | int, line: int) -> Place:
        """The place of what ``key`` holds, which stands on ``line``."""
        return Place(self.path, line, (*self.keys, key))

    @property
    def source(self) -> str:
        """``path:line``."""
        return f"{shown_path(self.path)}:{self.line}"

    def __str__(self) -> str:
        return f"{self.source}: {self._key_path()}: " if self.keys else f"{self.source}: "

    def _key_path(self) -> str:
        return "".join(_step(key) for key in self.keys).removeprefix(".")

    def refuse(self, sentence: str) -> InvalidDefinition:
        """The error that says ``sentence`` of this place."""
        return InvalidDefinition(f"{self}{sentence}")


def _step(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key if _PLAIN_KEY.fullmatch(key) else shown(key)}"


def shown_path(path: str) -> str:
    """A path as it stands, or escaped where a terminal or a log could not show it."""
    return path if path.isprintable() else ascii(path)
