"""What applying a file would change: decided purely from the file and from what is stored.

A file changes and removes only rows of its own source, with these rules of taking over and of refusing:

- A workflow made over Python or the API (source None) is adopted by a file that defines its id; one of another file
  is refused.
- A trigger keeps its row, and with it its id, for as long as its natural key or its derived id is found among the rows
  of its source: keys first, so that what was applied is found again and a second time changes nothing.
- Where the database could not hold both, a trigger of source None is adopted: an equal dependency (workflow, upstream,
  condition), an equal schedule (workflow, name, cron, zone). One of another file is refused.
- Triggers that vanished from the file go at once. Workflows that vanished go only when pruned, and not while a trigger
  of another source, which would go with them, hangs on them.
- A left-out ``enabled`` keeps what is stored; any other left-out key means its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from flowforge_graph.definitions.checking import add_in_file_order, refuse_unknown_upstreams
from flowforge_graph.definitions.loading import Definitions
from flowforge_graph.definitions.trigger_ids import described, free_id, full_key
from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions, workflows_of
from flowforge_graph.errors import DuplicateTrigger, WorkflowConflict, shown
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.graph.duplicates import unique_key
from flowforge_graph.model import AnyTrigger, DependencyTrigger, Workflow
from flowforge_graph.model.values import Value

_WORKFLOW_FIELDS: Final = ("name", "description", "run", "run_folder", "tags", "source")
_TRIGGER_FIELDS: Final = ("workflow_id", "trigger_name", "enabled", "source")
_SIGNS: Final = {"add": "+", "change": "~", "remove": "-"}


class DefinitionStore(Protocol):
    """What planning and applying need of an engine."""

    def stored_definitions(self) -> StoredDefinitions:
        """All that is stored now."""

    def change_definitions(self, decide: Callable[[StoredDefinitions], DefinitionChanges]) -> DefinitionChanges:
        """Run ``decide`` and write what it answers, in one transaction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedChange:
    """One workflow or trigger that applying would add, change or remove.

    ``description`` says which it is and, of a change, what becomes what. ``before`` and ``after`` hold the differing
    fields as JSON values; ``before`` is empty for what is added, ``after`` for what is removed. ``adopted`` says that
    the row was made over Python or the API and becomes the file's.
    """

    kind: Literal["add", "change", "remove"]
    what: Literal["workflow", "trigger"]
    id: str
    workflow_id: str
    description: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    adopted: bool = False

    def __str__(self) -> str:
        return f"{_SIGNS[self.kind]} {self.description}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What applying a file would do. ``to_write`` is the same for the engine.

    ``kept_workflow_ids`` are those that vanished from the file and stay, because only pruning removes them.
    """

    source: str
    changes: tuple[PlannedChange, ...] = ()
    kept_workflow_ids: tuple[str, ...] = ()
    to_write: DefinitionChanges = field(default_factory=DefinitionChanges, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether applying would change nothing."""
        return not self.changes

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes))


def plan_definitions(engine: DefinitionStore, definitions: Definitions, *, prune: bool = False) -> Plan:
    """What :func:`apply_definitions` would change now, without changing it. Raises the same errors."""
    return decide(definitions, engine.stored_definitions(), prune=prune)


def apply_definitions(engine: DefinitionStore, definitions: Definitions, *, prune: bool = False) -> Plan:
    """Make the database hold what the file defines, in one transaction; a second time changes nothing.

    Args:
        engine: the engine whose database is changed.
        definitions: the loaded file.
        prune: remove also the workflows of this source that vanished from the file.

    Returns:
        What was changed.

    Raises:
        InvalidDefinition: a trigger depends on a workflow that is neither in the file nor stored, or that is pruned.
        CycleError: a trigger would close a cycle; ``source`` is its path and line.
        DuplicateTrigger: an equal trigger belongs to another file.
        WorkflowConflict: a workflow belongs to another file, or what is pruned would take another source's triggers.
    """
    plans: list[Plan] = []

    def decide_on(stored: StoredDefinitions) -> DefinitionChanges:
        plans.append(decide(definitions, stored, prune=prune))
        return plans[-1].to_write

    engine.change_definitions(decide_on)
    return plans[-1]


def decide(definitions: Definitions, stored: StoredDefinitions, *, prune: bool = False) -> Plan:
    """The plan for a file, given all that is stored. Pure; linear in both. Raises as :func:`apply_definitions`."""
    _refuse_workflows_of_other_files(definitions, stored)
    vanished = _vanished_workflows(definitions, stored)
    pruned = frozenset(vanished if prune else ())
    rows = _Rows(definitions, stored).find()
    removed = _removed_triggers(definitions, stored, rows)
    _refuse_to_prune_under_others(definitions, stored, pruned)
    wanted = [_wanted(trigger, rows.get(trigger.id), definitions, stored) for trigger in definitions.triggers]
    _check_graph(definitions, stored, pruned, _untouched(stored, rows, removed), wanted)
    changes = _Changes(definitions, stored)
    changes.put(wanted, rows)
    changes.remove(removed, [stored.workflows[workflow_id] for workflow_id in vanished if prune])
    return changes.plan(kept=() if prune else tuple(vanished))


def _refuse_workflows_of_other_files(definitions: Definitions, stored: StoredDefinitions) -> None:
    for workflow in definitions.workflows:
        row = stored.workflows.get(workflow.id)
        if row and row.source not in (None, definitions.name):
            raise WorkflowConflict(
                f"{definitions.workflow_places[workflow.id]}workflow '{workflow.id}' belongs to source "
                f"'{row.source}', not to '{definitions.name}'; choose another id, or name the file '{row.source}'"
            )


def _vanished_workflows(definitions: Definitions, stored: StoredDefinitions) -> list[str]:
    inside = {workflow.id for workflow in definitions.workflows}
    rows = stored.workflows.values()
    return [row.id for row in rows if row.source == definitions.name and row.id not in inside]


class _Rows:
    """Finds the stored row of each trigger of the file: by file id in, stored trigger out; a new one has none.

    Rows that are not the file's to remove come first, then natural keys, then ids: so a row that was adopted under an
    id of its own is found again, and a row that was edited over the API is edited back. A changed row never waits for
    the unique key of another one, because whoever had that key would have been found by it.
    """

    def __init__(self, definitions: Definitions, stored: StoredDefinitions) -> None:
        self._definitions = definitions
        self._stored = stored
        own = definitions.name
        self._own = {full_key(row): row for row in stored.triggers.values() if row.source == own}
        self._unique = {key: row for row in stored.triggers.values() if row.source != own and (key := unique_key(row))}
        self._found: dict[str, AnyTrigger] = {}
        self._taken: set[str] = set()

    def find(self) -> dict[str, AnyTrigger]:
        for find_row in (self._row_of_another, self._row_of_same_key, self._row_of_same_id):
            for trigger in self._definitions.triggers:
                row = None if trigger.id in self._found else find_row(trigger)
                if row and row.id not in self._taken:
                    self._found[trigger.id] = row
                    self._taken.add(row.id)
        return self._found

    def _row_of_another(self, trigger: AnyTrigger) -> AnyTrigger | None:
        return self._usable(self._unique.get(unique_key(trigger)), trigger)

    def _row_of_same_id(self, trigger: AnyTrigger) -> AnyTrigger | None:
        return self._usable(self._stored.triggers.get(trigger.id), trigger)

    def _row_of_same_key(self, trigger: AnyTrigger) -> AnyTrigger | None:
        key = full_key(trigger)
        own = self._stored.triggers.get(trigger.id)
        # Events and manual triggers may stand twice, where the API edited one into what another says.
        return self._usable(own, trigger) if own and full_key(own) == key else self._own.get(key)

    def _usable(self, row: AnyTrigger | None, trigger: AnyTrigger) -> AnyTrigger | None:
        if row and row.source not in (None, self._definitions.name):
            place = self._definitions.trigger_places[trigger.id]
            raise DuplicateTrigger(f"{place}the {described(row)} belongs to source '{row.source}' already", row.id)
        return row


def _removed_triggers(
    definitions: Definitions, stored: StoredDefinitions, rows: Mapping[str, AnyTrigger]
) -> list[AnyTrigger]:
    kept = {row.id for row in rows.values()}
    return [row for row in stored.triggers.values() if row.source == definitions.name and row.id not in kept]


def _refuse_to_prune_under_others(definitions: Definitions, stored: StoredDefinitions, pruned: frozenset[str]) -> None:
    for row in stored.triggers.values() if pruned else ():
        hangs_on = pruned.intersection(workflows_of(row))
        if hangs_on and row.source != definitions.name:
            owner = f"source '{row.source}'" if row.source else "the API"
            raise WorkflowConflict(
                f"workflow '{min(hangs_on)}' cannot be pruned, because the {described(row)} was made by {owner} "
                f"and would go with it; delete trigger '{row.id}' first"
            )


def _wanted(
    trigger: AnyTrigger, row: AnyTrigger | None, definitions: Definitions, stored: StoredDefinitions
) -> AnyTrigger:
    """What the row shall become: the file's fields in the stored row, whose other fields are the engine's.

    The id of a new one may be taken, by a row that was edited over the API into what another trigger of the file says.
    """
    if row is None:
        return trigger.model_copy(update={"id": free_id(trigger.id, taken=stored.triggers)})
    changes = {name: getattr(trigger, name) for name in _file_fields(trigger)}
    if trigger.id not in definitions.stated_enabled:
        changes["enabled"] = row.enabled
    # Both values were checked when they were made.
    return row.model_copy(update=changes)


def _file_fields(trigger: AnyTrigger) -> tuple[str, ...]:
    return (*_TRIGGER_FIELDS, *sorted(trigger.OWN_FIELDS))


def _untouched(
    stored: StoredDefinitions, rows: Mapping[str, AnyTrigger], removed: Iterable[AnyTrigger]
) -> Iterator[AnyTrigger]:
    touched = {row.id for row in (*rows.values(), *removed)}
    return (row for row in stored.triggers.values() if row.id not in touched)


def _check_graph(
    definitions: Definitions,
    stored: StoredDefinitions,
    pruned: frozenset[str],
    untouched: Iterable[AnyTrigger],
    wanted: Iterable[AnyTrigger],
) -> None:
    """Refuse what the graph as it would become cannot hold: the file's triggers are added as if they were new."""
    known = stored.workflows.keys() - pruned | {workflow.id for workflow in definitions.workflows}
    refuse_unknown_upstreams(definitions, known, whereabouts="in this file or in the database")
    graph = TriggerGraph()
    graph.add_all(row for row in untouched if isinstance(row, DependencyTrigger))
    add_in_file_order(graph, [row for row in wanted if isinstance(row, DependencyTrigger)], definitions)


class _Changes:
    """Collects the changes in the order of the file, once for people and once for the engine."""

    def __init__(self, definitions: Definitions, stored: StoredDefinitions) -> None:
        self._definitions = definitions
        self._stored = stored
        self._planned: list[PlannedChange] = []
        self._workflows: list[Workflow] = []
        self._triggers: list[AnyTrigger] = []
        self._deleted_triggers: list[str] = []
        self._deleted_workflows: list[str] = []

    def put(self, wanted: Iterable[AnyTrigger], rows: Mapping[str, AnyTrigger]) -> None:
        for workflow in self._definitions.workflows:
            self._put_workflow(workflow, self._stored.workflows.get(workflow.id))
        for trigger, value in zip(self._definitions.triggers, wanted, strict=True):
            self._put_trigger(value, rows.get(trigger.id))

    def _put_workflow(self, workflow: Workflow, row: Workflow | None) -> None:
        changed = _differing(row, workflow, _WORKFLOW_FIELDS)
        if changed:
            wanted = {name: getattr(workflow, name) for name in changed}
            self._workflows.append(row.model_copy(update=wanted) if row else workflow)
            self._planned.append(_put("workflow", row, workflow, changed, f"workflow '{workflow.id}'"))

    def _put_trigger(self, wanted: AnyTrigger, row: AnyTrigger | None) -> None:
        changed = _differing(row, wanted, _file_fields(wanted))
        if changed:
            self._triggers.append(wanted)
            self._planned.append(_put("trigger", row, wanted, changed, described(row or wanted)))

    def remove(self, triggers: Iterable[AnyTrigger], workflows: Iterable[Workflow]) -> None:
        pruned = {workflow.id for workflow in workflows}
        for trigger in triggers:
            self._planned.append(_removal("trigger", trigger, _file_fields(trigger), described(trigger)))
            if pruned.isdisjoint(workflows_of(trigger)):
                self._deleted_triggers.append(trigger.id)
        for workflow in workflows:
            self._planned.append(_removal("workflow", workflow, _WORKFLOW_FIELDS, f"workflow '{workflow.id}'"))
            self._deleted_workflows.append(workflow.id)

    def plan(self, *, kept: tuple[str, ...]) -> Plan:
        to_write = DefinitionChanges(
            delete_workflow_ids=tuple(self._deleted_workflows),
            delete_trigger_ids=tuple(self._deleted_triggers),
            put_workflows=tuple(self._workflows),
            put_triggers=tuple(self._triggers),
        )
        name = self._definitions.name
        return Plan(source=name, changes=tuple(self._planned), kept_workflow_ids=kept, to_write=to_write)


def _differing(row: Value | None, wanted: Value, names: Iterable[str]) -> list[str]:
    if row is None:
        return [name for name in names if getattr(wanted, name) not in (None, ())]
    return [name for name in names if getattr(row, name) != getattr(wanted, name)]


def _put(
    what: Literal["workflow", "trigger"],
    row: Workflow | AnyTrigger | None,
    wanted: Workflow | AnyTrigger,
    names: Sequence[str],
    description: str,
) -> PlannedChange:
    before = {name: _plain(getattr(row, name)) for name in names} if row else {}
    after = {name: _plain(getattr(wanted, name)) for name in names}
    steps = ", ".join(f"{name} {_word(before[name])} → {_word(after[name])}" for name in before)
    return PlannedChange(
        kind="change" if row else "add",
        what=what,
        id=wanted.id,
        workflow_id=_workflow_id(wanted),
        description=f"{description}: {steps}" if steps else description,
        before=before,
        after=after,
        adopted=bool(row and row.source is None),
    )


def _removal(
    what: Literal["workflow", "trigger"], row: Workflow | AnyTrigger, names: Iterable[str], description: str
) -> PlannedChange:
    before = {name: _plain(getattr(row, name)) for name in names if getattr(row, name) not in (None, ())}
    workflow_id = _workflow_id(row)
    return PlannedChange(
        kind="remove", what=what, id=row.id, workflow_id=workflow_id, description=description, before=before
    )


def _workflow_id(value: Workflow | AnyTrigger) -> str:
    return value.id if isinstance(value, Workflow) else value.workflow_id


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        return {name: _plain(part) for name, part in value if part is not None}
    return list(value) if isinstance(value, tuple) else value


def _word(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 80 else shown(value)
