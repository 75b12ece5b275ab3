"""Finds ``module:function`` as a program started in the run folder would: that folder first on ``sys.path``.

Files in several folders may each bring a module of one name. Python knows one module per name, so when the folder
changes, modules of other run folders whose names this folder also has are put aside, and put back when theirs is used
again: neither folder sees the other's. Only an import *inside* a function that runs while another folder is in use can
still find that one's; import at the top. A module that this process had imported from elsewhere (its own, the
standard library's) is never put aside: a file of that name is refused. As everywhere in Python, a module is read once.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from flowforge_graph.errors import shown


class NotCallable(Exception):
    """One sentence: why there is nothing to call."""


def find_function(name: str, folder: str) -> Callable[..., Any]:
    """Return the function that ``module:function`` names, ``folder`` first; raise NotCallable."""
    module_name, _, path = name.partition(":")
    found: Any = _FOLDERS.module(module_name, folder)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise NotCallable(f"module '{module_name}' has no function {shown(path)}") from None
    if not callable(found):
        raise NotCallable(f"{shown(name)} is not a function, but {shown(found)}")
    function: Callable[..., Any] = found
    return function


class _RunFolders:
    """The run folders seen so far, and what each of them has imported."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._current: str | None = None
        self._known: dict[tuple[str, str], ModuleType] = {}
        self._aside: dict[str, dict[str, ModuleType]] = {}
        self._before: frozenset[str] = frozenset()

    def module(self, name: str, folder: str) -> ModuleType:
        """Import ``name`` with ``folder`` first on ``sys.path``; raise NotCallable."""
        known = self._known.get((folder, name))
        if known is not None and self._current == folder and sys.path[0] == folder:
            return known
        with self._lock:
            self._use(folder)
            if known is None:
                known = self._known[folder, name] = self._import(name, folder)
            return known

    def _use(self, folder: str) -> None:
        if sys.path[:1] != [folder]:
            # Not removed elsewhere first: other threads import meanwhile, and a second mention costs nothing.
            sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
        if self._current == folder:
            return
        if not self._aside:
            self._before = frozenset(sys.modules)
        self._aside.setdefault(folder, {})
        self._put_others_aside(folder)
        sys.modules.update(self._aside[folder])
        self._aside[folder].clear()
        self._current = folder

    def _put_others_aside(self, folder: str) -> None:
        others = [other for other in self._aside if other != folder]
        if not others:
            return
        importlib.invalidate_caches()
        for name in [name for name in tuple(sys.modules) if "." not in name and name not in self._before]:
            home = next((other for other in others if _lies_in(sys.modules.get(name), other)), None)
            if home is not None and _source_in(name, folder) is not None:
                self._put_aside(name, home)

    def _put_aside(self, top: str, home: str) -> None:
        for name in [name for name in tuple(sys.modules) if name == top or name.startswith(f"{top}.")]:
            self._aside[home][name] = sys.modules.pop(name)

    def _import(self, name: str, folder: str) -> ModuleType:
        importlib.invalidate_caches()
        self._refuse_shadowed(name.partition(".")[0], folder)
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{name}.".startswith(f"{error.name}."):
                raise NotCallable(f"there is no module '{name}' in {folder!r} or on the path") from None
            raise NotCallable(f"module '{name}' cannot be imported: {error}") from error
        except BaseException as error:
            raise NotCallable(f"module '{name}' cannot be imported: {type(error).__name__}: {error}") from error

    def _refuse_shadowed(self, top: str, folder: str) -> None:
        imported = sys.modules.get(top)
        source = _source_in(top, folder)
        if imported is None or source is None or top == "__main__" or _lies_in(imported, folder):
            return
        where = getattr(imported, "__file__", None) or "the interpreter"
        raise NotCallable(f"module '{top}' of {source!r} is hidden by one imported from {where!r}: rename it")


def _source_in(name: str, folder: str) -> str | None:
    """The file of the top-level module ``name`` in ``folder``; None for a bare folder, which imports nothing."""
    spec = PathFinder.find_spec(name, [folder])
    return spec.origin if spec is not None else None


def _lies_in(module: ModuleType | None, folder: str) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).resolve().is_relative_to(Path(folder).resolve())


_FOLDERS = _RunFolders()
