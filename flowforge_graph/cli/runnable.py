"""Which workflows ``run`` starts, and whether everything that they lead to can run on this machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from flowforge_graph.cli.exits import ExitCode, Refusal
from flowforge_graph.definitions import Definitions
from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions
from flowforge_graph.model import AnyTrigger, CommandRun, DependencyTrigger, PythonRun

_Row = TypeVar("_Row")


def chosen_workflows(definitions: Definitions, named: Sequence[str]) -> tuple[str, ...]:
    """The workflows to start: the named ones, each once, or else all of the file that have no dependency trigger.

    Raises Refusal where a name is not in the file (not found), or where there is nothing to start.
    """
    inside = [workflow.id for workflow in definitions.workflows]
    for workflow_id in named:
        if workflow_id not in inside:
            raise Refusal(f"there is no workflow '{workflow_id}' in {definitions.path}", ExitCode.NOT_FOUND)
    if named:
        return tuple(dict.fromkeys(named))
    dependent = {trigger.workflow_id for trigger in definitions.triggers if isinstance(trigger, DependencyTrigger)}
    chosen = tuple(workflow_id for workflow_id in inside if workflow_id not in dependent)
    if not chosen:
        missing = "every workflow depends on another; name one with --workflow" if inside else "there are no workflows"
        raise Refusal(f"nothing to start in {definitions.path}: {missing}")
    return chosen


def refuse_what_cannot_run(after: StoredDefinitions, started: Sequence[str]) -> None:
    """Raise Refusal for the first workflow that the started ones may lead to and that this machine cannot run.

    ``after`` is what is stored once the file is applied. Disabled triggers lead nowhere. Cost: linear in it.
    """
    for workflow_id in _reachable(after.triggers.values(), started):
        run = after.workflows[workflow_id].run
        if not isinstance(run, CommandRun | PythonRun):
            why = "runs with Prefect" if run else "has no run"
            raise Refusal(f"workflow '{workflow_id}' would be started but {why}; give it a command or python to run")


def stored_after(stored: StoredDefinitions, changes: DefinitionChanges) -> StoredDefinitions:
    """What is stored once ``changes`` are written."""
    workflows = _without(stored.workflows, changes.delete_workflow_ids)
    triggers = _without(stored.triggers, changes.delete_trigger_ids)
    return StoredDefinitions(
        workflows=workflows | {workflow.id: workflow for workflow in changes.put_workflows},
        triggers=triggers | {trigger.id: trigger for trigger in changes.put_triggers},
    )


def _without(rows: Mapping[str, _Row], deleted: Iterable[str]) -> dict[str, _Row]:
    gone = frozenset(deleted)
    return {row_id: row for row_id, row in rows.items() if row_id not in gone}


def _reachable(triggers: Iterable[AnyTrigger], started: Sequence[str]) -> list[str]:
    downstream: dict[str, list[str]] = {}
    for trigger in triggers:
        if isinstance(trigger, DependencyTrigger) and trigger.enabled:
            downstream.setdefault(trigger.depends_on_workflow_id, []).append(trigger.workflow_id)
    reached = dict.fromkeys(started)
    frontier = list(reached)
    while frontier:
        found = [each for workflow_id in frontier for each in downstream.get(workflow_id, ())]
        frontier = [each for each in dict.fromkeys(found) if each not in reached]
        reached.update(dict.fromkeys(frontier))
    return list(reached)
