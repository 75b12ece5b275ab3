"""Triggers as code: load a file, check it, plan what it would change, apply that, and export what is stored."""

from flowforge_graph.definitions.checking import check_definitions, unchecked_graph
from flowforge_graph.definitions.drawing import definitions_diagram
from flowforge_graph.definitions.exporting import definitions_text, export_definitions
from flowforge_graph.definitions.loading import Definitions, load_definitions, parse_definitions
from flowforge_graph.definitions.planning import (
    DefinitionStore,
    Plan,
    PlannedChange,
    apply_definitions,
    decide,
    plan_definitions,
)

__all__ = [
    "DefinitionStore",
    "Definitions",
    "Plan",
    "PlannedChange",
    "apply_definitions",
    "check_definitions",
    "decide",
    "definitions_diagram",
    "definitions_text",
    "export_definitions",
    "load_definitions",
    "parse_definitions",
    "plan_definitions",
    "unchecked_graph",
]
