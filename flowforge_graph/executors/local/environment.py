"""What a command finds in its environment (section 7 of the contract)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from flowforge_graph.model import Execution

_PREFIX: Final = "FLOWFORGE_"
_OF_AN_EXECUTION: Final = frozenset(
    _PREFIX + name
    for name in (
        "EXECUTION_ID",
        "WORKFLOW_ID",
        "TRIGGER_TYPE",
        "ATTEMPT",
        "ROOT_EXECUTION_ID",
        "PARAMETERS",
        "UPSTREAM_EXECUTION_ID",
        "FIRE_TIME",
    )
)


def variables_of(execution: Execution) -> dict[str, str]:
    """The variables that tell a command which execution it is; a fire time is in Unix seconds."""
    variables = {
        "EXECUTION_ID": execution.id,
        "WORKFLOW_ID": execution.workflow_id,
        "TRIGGER_TYPE": execution.trigger_type,
        "ATTEMPT": str(execution.attempt),
        "ROOT_EXECUTION_ID": execution.root_execution_id,
        "PARAMETERS": json.dumps(execution.parameters),
    }
    if execution.upstream_execution_id is not None:
        variables["UPSTREAM_EXECUTION_ID"] = execution.upstream_execution_id
    if execution.fire_time is not None:
        variables["FIRE_TIME"] = str(int(execution.fire_time.timestamp()))
    return {_PREFIX + name: value for name, value in variables.items()}


def environment_of(execution: Execution, inherited: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The whole environment of a command.

    ``inherited`` without what it says of an execution (the engine itself may run inside of one), with the running
    interpreter's folder first on the PATH, so that ``python`` is the Python that runs the engine. Bytes, because the
    locale's encoding may know less than UTF-8.
    """
    environment = {name: value for name, value in inherited.items() if os.fsdecode(name) not in _OF_AN_EXECUTION}
    path = environment.get(b"PATH") or os.defpath.encode()
    # Else a Python command's stdout comes after its stderr, and what is kept of both is out of order.
    environment.setdefault(b"PYTHONUNBUFFERED", b"1")
    environment[b"PATH"] = os.fsencode(interpreter_folder()) + b":" + path
    return environment | {name.encode(): value.encode() for name, value in variables_of(execution).items()}


def interpreter_folder() -> Path:
    """The folder of the running interpreter; a virtual environment's own, not the one its links lead to."""
    return Path(sys.executable).parent


def with_our_python(command: tuple[str, ...]) -> tuple[str, ...]:
    """``command`` with the running interpreter for ``python``, where its folder has no program of that name."""
    if command[0] == "python" and not (interpreter_folder() / "python").exists():
        return (sys.executable, *command[1:])
    return command
