"""What does a suite see that has the package, and not Hypothesis?"""

from __future__ import annotations

import subprocess
import sys

import pytest

NEEDS_HYPOTHESIS = ["triggers", "trigger_graphs", "AlmostCycle", "TriggerEngineMachine"]
SENTENCE = (
    "flowforge_graph.testing.{name} needs the extra 'test-kit' (there is no module 'hypothesis'):"
    " pip install 'flowforge-graph[test-kit]'"
)


def ran_without_hypothesis(program: str) -> str:
    """What a program says where no Hypothesis can be imported, the last line of it."""
    blocked = f"import sys; sys.modules['hypothesis'] = None\n{program}"
    ran = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)
    return (ran.stdout + ran.stderr).splitlines()[-1]


@pytest.mark.parametrize("name", NEEDS_HYPOTHESIS)
def test_one_sentence_says_what_to_install(name: str) -> None:
    """Whichever of the names is asked for first."""
    said = ran_without_hypothesis(f"from flowforge_graph.testing import {name}")
    assert said == f"ModuleNotFoundError: {SENTENCE.format(name=name)}"


def test_who_can_do_without_hypothesis_still_hears_that_it_is_missing() -> None:
    """The error names the missing module, as that of Python does, to those who try an import and go on."""
    program = """
try:
    from flowforge_graph.testing import triggers
except ModuleNotFoundError as error:
    print(error.name, type(error.__cause__).__name__)
"""
    assert ran_without_hypothesis(program) == "hypothesis ModuleNotFoundError"


def test_what_needs_no_hypothesis_is_there_without_it() -> None:
    """The clock, the executor, graphs, cascades, databases and the simulator."""
    names = "FixedClock, RecordingExecutor, MemoryDeployments, graph_of, assert_cascade, fresh_database, Simulation"
    assert ran_without_hypothesis(f"from flowforge_graph.testing import {names}\nprint('imported')") == "imported"
