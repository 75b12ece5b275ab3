"""Where the graph of a page's diagram is read from: a trigger file, or an object of a Python module."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any, Final

import networkx as nx

from flowforge_graph.definitions import definitions_diagram, load_definitions
from flowforge_graph.errors import FlowforgeGraphError, InvalidDiagram, shown
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.rendering import Diagram, DiagramView, ImageLimits, diagram_of

# No trigger file is called so: a path has a folder or a suffix.
_OBJECT: Final = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<attribute>[^\W\d]\w*)")


def is_object(source: str) -> bool:
    """Whether ``source`` is written as ``module:attribute``."""
    return _OBJECT.fullmatch(source) is not None


def diagram_of_file(path: str | os.PathLike[str], view: DiagramView) -> Diagram:
    """The diagram of a trigger file.

    Raises InvalidDefinition, CycleError, InvalidDiagram or ImageError, whose sentence begins with the path, from the
    current folder where it lies below that.
    """
    file = _as_seen_from_here(Path(path))
    definitions = load_definitions(file)
    try:
        return definitions_diagram(definitions, view, limits=ImageLimits())
    except LookupError as error:
        raise InvalidDiagram(f"{file}: {error}") from error


def diagram_of_object(source: str, view: DiagramView) -> Diagram:
    """The diagram of ``module:attribute``: a TriggerGraph, any networkx DiGraph whose edges carry triggers, a
    TriggerEngine (with the status of each last execution), or a function that answers one of these.

    The module is imported as Python finds it. Raises InvalidDiagram, whose sentence begins with ``source``.
    """
    try:
        return _diagram(_object(source), view)
    except (FlowforgeGraphError, _NotDrawable) as error:
        raise InvalidDiagram(f"{source}: {error}") from error


class _NotDrawable(Exception):
    """One sentence: why there is nothing to draw."""


def _as_seen_from_here(path: Path) -> str:
    """Short in a message, and the same file."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _object(source: str) -> Any:
    found = _OBJECT.fullmatch(source)
    if found is None:
        raise _NotDrawable("it must be written as module:attribute")
    module = _module(found["module"])
    if not hasattr(module, found["attribute"]):
        raise _NotDrawable(f"the module has no {found['attribute']!r}")
    value = getattr(module, found["attribute"])
    return _called(value) if callable(value) else value


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _NotDrawable(f"the module cannot be imported: {type(error).__name__}: {error}") from error


def _called(function: Any) -> Any:
    try:
        return function()
    except FlowforgeGraphError:
        raise
    except Exception as error:
        raise _NotDrawable(f"calling it raised {type(error).__name__}: {error}") from error


def _diagram(found: Any, view: DiagramView) -> Diagram:
    from flowforge_graph.engine import TriggerEngine

    if isinstance(found, TriggerEngine):
        return found.graph.diagram(view, notes=found.workflow_notes(), limits=ImageLimits())
    if isinstance(found, TriggerGraph):
        return found.diagram(view, limits=ImageLimits())
    if isinstance(found, nx.DiGraph):
        return diagram_of(found, view, limits=ImageLimits())
    wanted = "a TriggerGraph, DiGraph or TriggerEngine, or a function that answers one"
    raise _NotDrawable(f"it must be {wanted}, not {shown(found)}")
