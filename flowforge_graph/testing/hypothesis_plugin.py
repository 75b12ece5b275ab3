"""What Hypothesis calls when it is imported: our values become known to ``st.from_type``.

It is called in every process that imports Hypothesis where this package is installed. So it loads the values and
nothing else; their strategies are loaded when one of them is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

# Each type that st.from_type knows, with the module of its strategy, its function and the function's arguments.
STRATEGIES: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "ManualTrigger": ("triggers", "triggers", ("manual",)),
    "ScheduledTrigger": ("triggers", "triggers", ("scheduled",)),
    "DependencyTrigger": ("triggers", "triggers", ("dependency",)),
    "EventTrigger": ("triggers", "triggers", ("event",)),
    "Workflow": ("workflows", "workflows", ()),
    "CommandRun": ("workflows", "command_runs", ()),
    "PythonRun": ("workflows", "python_runs", ()),
    "PrefectRun": ("workflows", "prefect_runs", ()),
    "Execution": ("executions", "executions", ()),
    "Completion": ("executions", "completions", ()),
    "CompletionResult": ("executions", "completion_results", ()),
    "Verdict": ("executions", "verdicts", ()),
    "Claim": ("executions", "claims", ()),
}


def register() -> None:
    """Let ``st.from_type`` know the values of the model."""
    from hypothesis import strategies as st

    from flowforge_graph import model

    for name in STRATEGIES:
        st.register_type_strategy(getattr(model, name), _strategy_of)


def _strategy_of(kind: type[Any]) -> Any:
    module, function, arguments = STRATEGIES[kind.__name__]
    return getattr(import_module(f"flowforge_graph.testing.strategies.{module}"), function)(*arguments)
