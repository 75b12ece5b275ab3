"""Workflows: what runs, and how the local executor or Prefect is to run it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from flowforge_graph.errors import InvalidWorkflow, shown
from flowforge_graph.model.ids import (
    RESERVED_WORKFLOW_IDS,
    checked_id,
    checked_name,
    checked_text,
    is_storable_text,
)
from flowforge_graph.model.values import Instant, Value, checked

MAX_TAGS: Final = 50
MAX_ARGUMENTS: Final = 1_000
_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_DEPLOYMENT = re.compile(r"[^/]+/[^/]+")


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_ARGUMENTS:
        raise ValueError(f"command must be a list of the program and its arguments, not {shown(value)}")
    for argument in value:
        if not isinstance(argument, str) or not is_storable_text(argument):
            raise ValueError(f"command must hold text only (quote numbers), not {shown(argument)}")
    if not value[0].strip():
        raise ValueError(f"command must begin with a program, not {shown(value[0])}")
    return tuple(value)


def _callable_name(value: object) -> str:
    if not isinstance(value, str) or not _CALLABLE.fullmatch(value):
        raise ValueError(f"python must be 'module:function', not {shown(value)}")
    return value


def _deployment_name(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or not _DEPLOYMENT.fullmatch(value):
        raise ValueError(f"prefect must be 'flow/deployment', not {shown(value)}")
    return value


def _timeout(value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"timeout_seconds must be a whole number of at least 1, not {shown(value)}")
    return value


class _Run(Value):
    refusal = InvalidWorkflow


class CommandRun(_Run):
    """A program and its arguments, run without a shell. ``timeout_seconds`` ends it as failed."""

    command: Annotated[tuple[str, ...], BeforeValidator(_command)]
    timeout_seconds: Annotated[int | None, BeforeValidator(_timeout)] = None


class PythonRun(_Run):
    """A Python callable ``module:function``, called as ``function(execution)`` in the engine's process."""

    python: Annotated[str, BeforeValidator(_callable_name)]


class PrefectRun(_Run):
    """A Prefect deployment ``flow/deployment``."""

    prefect: Annotated[str, BeforeValidator(_deployment_name)]


Run = CommandRun | PythonRun | PrefectRun
_RUN_KINDS: dict[str, type[CommandRun] | type[PythonRun] | type[PrefectRun]] = {
    "command": CommandRun,
    "python": PythonRun,
    "prefect": PrefectRun,
}


def parse_run(value: object) -> Run:
    """Build a run from a mapping with exactly one of ``command``, ``python``, ``prefect``; raise InvalidWorkflow."""
    if isinstance(value, CommandRun | PythonRun | PrefectRun):
        return value
    kinds = [kind for kind in _RUN_KINDS if isinstance(value, Mapping) and kind in value]
    if len(kinds) != 1 or not isinstance(value, Mapping):
        raise InvalidWorkflow(f"run must have exactly one of command, python or prefect, not {shown(value)}")
    return _RUN_KINDS[kinds[0]](**value)


def _run_or_none(value: object) -> Run | None:
    return None if value is None else parse_run(value)


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset) or len(value) > MAX_TAGS:
        raise ValueError(f"tags must be a list of at most {MAX_TAGS} names, not {shown(value)}")
    return tuple(sorted({checked_name(tag, field="tags") for tag in value}))


class Workflow(Value):
    """A workflow. ``run`` is absent where the host runs it; ``run_folder`` is where a command runs (the file's folder).

    ``source`` is the name of the file that defined it, None for those made over Python or REST.
    """

    refusal = InvalidWorkflow

    id: Annotated[str, checked(checked_id, "workflow id", reserved=RESERVED_WORKFLOW_IDS)]
    name: Annotated[str, checked(checked_name, "name")]
    description: Annotated[str, checked(checked_text, "description", limit=10_000)] | None = None
    run: Annotated[Run | None, BeforeValidator(_run_or_none)] = None
    run_folder: Annotated[str, checked(checked_text, "run_folder", limit=4_096)] | None = None
    tags: Annotated[tuple[str, ...], BeforeValidator(_tags)] = ()
    source: Annotated[str, checked(checked_name, "source")] | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None

    def __init__(self, /, **fields: Any) -> None:
        named = {name: value for name, value in fields.items() if name != "name" or value is not None}
        super().__init__(**({"name": fields.get("id")} | named))
