"""What does somebody see who has the package, and not the extra of the part that they import?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from flowforge_graph.errors import ExtraMissing, needing

# What is imported, the extra it needs, and the module of it that is not there.
PARTS = {
    "from flowforge_graph.testing import triggers": ("flowforge_graph.testing.triggers", "test-kit", "hypothesis"),
    "from flowforge_graph.testing import TriggerEngineMachine": (
        "flowforge_graph.testing.TriggerEngineMachine",
        "test-kit",
        "hypothesis",
    ),
    "from flowforge_graph.testing import AlmostCycle": (
        "flowforge_graph.testing.AlmostCycle",
        "test-kit",
        "hypothesis",
    ),
    "import flowforge_graph.api": ("flowforge_graph.api", "api", "fastapi"),
    "from flowforge_graph.api import create_app": ("flowforge_graph.api", "api", "prometheus_client"),
    "from flowforge_graph.executors.prefect import PrefectServer; PrefectServer('http://h/api')": (
        "PrefectServer",
        "prefect",
        "prefect",
    ),
}


def ran_without(module: str, program: str) -> str:
    """What a program says where a module cannot be imported, the last line of it."""
    blocked = f"import sys; sys.modules[{module!r}] = None\n{program}"
    ran = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)
    return (ran.stdout + ran.stderr).splitlines()[-1]


@pytest.mark.parametrize("program", PARTS)
def test_one_sentence_says_what_to_install(program: str) -> None:
    """Whichever is asked for first."""
    part, extra, module = PARTS[program]
    assert ran_without(module, program) == (
        f"flowforge_graph.errors.ExtraMissing: {part} needs the extra '{extra}' (there is no module '{module}'):"
        f" pip install 'flowforge-graph[{extra}]'"
    )


def test_who_can_do_without_it_still_hears_that_it_is_missing() -> None:
    """The error names the missing module, as that of Python does, to those who try an import and go on."""
    program = """
try:
    from flowforge_graph.testing import triggers
except ModuleNotFoundError as error:
    print(error.name, type(error.__cause__).__name__)
"""
    assert ran_without("hypothesis", program) == "hypothesis ModuleNotFoundError"


def test_what_needs_no_hypothesis_is_there_without_it() -> None:
    """The clock, the executor, graphs, cascades, databases and the simulator."""
    names = "FixedClock, RecordingExecutor, MemoryDeployments, graph_of, assert_cascade, fresh_database, Simulation"
    assert ran_without("hypothesis", f"from flowforge_graph.testing import {names}\nprint('imported')") == "imported"


@pytest.mark.parametrize("name", ["flowforge_graph.not_there", None])
def test_a_module_of_ours_that_is_not_there_is_no_missing_extra(name: str | None) -> None:
    """It is a bug, and said as one."""
    with pytest.raises(ModuleNotFoundError) as caught, needing("api", "the API"):
        raise ModuleNotFoundError("no", name=name)
    assert not isinstance(caught.value, ExtraMissing)
