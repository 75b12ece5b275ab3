"""What happens next: steps chosen by a seed, with an eye on what is stored, so that most of them meet something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from flowforge_graph.testing.simulation.executor import FAILURES, ScriptedHost
from flowforge_graph.testing.simulation.reference import RHYTHMS
from flowforge_graph.testing.simulation.rows import ExecutionRow, TriggerRow
from flowforge_graph.testing.simulation.steps import PLACES_FOR_OTHERS, Step, step
from flowforge_graph.testing.simulation.world import NODES, World

_WORKFLOWS: Final = ("a", "b", "c", "d", "e")
_CONDITIONS: Final = ("on_success", "on_failure", "on_completion")
_EVENTS: Final = ("arrived", "arrived", "left")
_WAITS: Final = (1, 6, 16, 16, 61, 300, 1_800, 7_300)
_JUMPS: Final = (-90_000, -3_600, -61, 61, 3_600, 20_000)
_CRASHES: Final = ("before write 1", "before write 2", "before write 3", "before commit 1", "before commit 2")
_CRASHES_AFTER: Final = ("after commit 1", "after commit 1", "after commit 2", "before start 1", "after start 1")
_WRITES_ONCE: Final = frozenset(
    {"start", "complete", "complete_many", "cancel", "emit", "tick", "dispatch", "claim_due", "delete_workflow"}
)
_TOLD_TWICE: Final = frozenset({"start", "complete", "complete_many", "cancel", "emit"})


class Choices:
    """One seed's world and what happens in it. Two of one seed choose the same where the same is stored."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._numbers = {"execution": 0, "trigger": 0}
        self._planned: list[Step] = []

    def beginning(self) -> Step:
        """The workflows and triggers that are there at first."""
        count = self._random.randint(2, len(_WORKFLOWS))
        workflows = list(_WORKFLOWS[:count])
        edges = [
            self._dependency(*sorted(self._random.sample(workflows, 2))) for _ in range(self._random.randint(1, 7))
        ]
        others = [self._other(self._random.choice(workflows)) for _ in range(self._random.randint(0, 3))]
        distinct = {_what_it_says(fields): fields for fields in [*edges, *others]}
        return step("define", workflows=workflows, triggers=list(distinct.values()))

    def next_step(self, world: World) -> Step:
        """What happens next, where this is stored."""
        if self._planned and self._random.random() < 0.7:
            return self._met_by_a_holder(self._planned.pop(0), world)
        chosen = self._some_step(world)
        if chosen.action in _WRITES_ONCE:
            chosen = self._disturbed(chosen, world)
        if chosen.crash_at is not None:
            self._planned.insert(0, self._from_anywhere(chosen.undisturbed()))
        elif chosen.action in _TOLD_TWICE and self._random.random() < 0.12:
            self._planned.append(self._from_anywhere(chosen.undisturbed()))
        return chosen

    # Disturbances

    def _disturbed(self, chosen: Step, world: World) -> Step:
        fate = self._random.random()
        if fate < 0.12:
            return replace(chosen, crash_at=self._random.choice(_CRASHES_AFTER if fate < 0.07 else _CRASHES))
        if fate < 0.24:
            other = replace(self._some_step(world), node=1 - chosen.node)
            if other.action not in {"wait", "set_clock"}:
                where = f"{self._random.choice(PLACES_FOR_OTHERS)} {self._random.choice((1, 1, 2))}"
                return replace(chosen, meanwhile=other, meanwhile_at=where)
        return chosen

    def _met_by_a_holder(self, chosen: Step, world: World) -> Step:
        """Who was thought lost gives a sign of life just when another node has looked and not yet written."""
        if chosen.action not in {"dispatch", "claim_due"} or self._random.random() < 0.7:
            return chosen
        holder = self._use_claim(world) if self._random.random() < 0.7 else self._complete_held(world)
        if holder is None:
            return chosen
        return replace(chosen, meanwhile=replace(holder, node=1 - chosen.node), meanwhile_at="before begin 1")

    def _from_anywhere(self, chosen: Step) -> Step:
        """Who hears nothing asks again, and may reach another node."""
        return chosen if chosen.action == "held_ends" else replace(chosen, node=self._node())

    # Steps

    def _some_step(self, world: World) -> Step:
        while True:
            (make,) = self._random.choices(_MAKERS, _WEIGHTS)
            made: Step | None = make(self, world)
            if made is not None:
                return made

    def _node(self) -> int:
        return self._random.randrange(NODES)

    def _status(self) -> str:
        return self._random.choice(("completed", "completed", "completed", "failed", "cancelled"))

    def _new(self, kind: str) -> str:
        self._numbers[kind] += 1
        return f"{kind[0]}{self._numbers[kind]}"

    def _execution(self, world: World, *, status: str | None = None) -> ExecutionRow | None:
        rows = [e for e in world.rows.executions.values() if status is None or e.status == status]
        return self._random.choice(rows) if rows else None

    def _start(self, world: World) -> Step | None:
        if self._random.random() < 0.2 * sum(not execution.has_ended for execution in world.rows.executions.values()):
            return None
        cause = self._execution(world) if self._random.random() < 0.15 else None
        name = self._new("execution")
        if self._random.random() < 0.1:
            name = f"e{self._random.randint(1, self._numbers['execution'])}"
        asked: dict[str, Any] = {"execution": name, "workflow": self._workflow(world)}
        if cause is not None:
            asked["caused_by"] = world.label_of(cause.id)
        return step("start", self._node(), **asked)

    def _workflow(self, world: World) -> str:
        known = sorted(world.rows.workflows)
        return self._random.choice(known) if known and self._random.random() < 0.95 else self._random.choice(_WORKFLOWS)

    def _is_pointless(self, has_a_point: bool) -> bool:
        """Whether to choose something else: what meets nothing is worth a look now and then only."""
        return not has_a_point and self._random.random() < 0.85

    def _complete(self, world: World) -> Step | None:
        live = self._execution(world, status="running") or self._execution(world, status="pending")
        if self._is_pointless(live is not None):
            return None
        asked = self._report(world, live if self._random.random() < 0.7 else self._execution(world))
        return step("complete", self._node(), **asked)

    def _report(self, world: World, execution: ExecutionRow | None) -> dict[str, Any]:
        """What one reporter says: mostly true, sometimes late, contradictory, or of what nobody has seen."""
        if execution is None or self._random.random() < 0.07:
            pruned = sorted(world.rows.tombstones)
            if pruned and self._random.random() < 0.7:
                return {"execution": world.label_of(self._random.choice(pruned)), "status": self._status()}
            unseen = {"execution": self._new("execution"), "status": self._status()}
            return unseen | ({"workflow": self._workflow(world)} if self._random.random() < 0.8 else {})
        status = self._status()
        if execution.has_ended and self._random.random() < 0.6:
            status = execution.status
        says = {"execution": world.label_of(execution.id), "status": status}
        return says | ({"workflow": execution.workflow_id} if self._random.random() < 0.3 else {})

    def _complete_many(self, world: World) -> Step | None:
        if self._is_pointless(bool(world.rows.executions)):
            return None
        reports = [self._report(world, self._execution(world)) for _ in range(self._random.randint(2, 4))]
        if self._random.random() < 0.3:
            reports.append(reports[0])
        return step("complete_many", self._node(), completions=reports)

    def _complete_held(self, world: World) -> Step | None:
        claim = self._claim(world)
        if claim is None:
            return None
        execution = world.label_of(world.claims[claim].execution_id)
        return step("complete", self._node(), execution=execution, status=self._status(), claim=claim)

    def _claim(self, world: World) -> str | None:
        believed = {execution.claim_token for execution in world.rows.executions.values() if execution.claim}
        live = [label for label, claim in world.claims.items() if claim.token in believed]
        some = live if live and self._random.random() < 0.7 else list(world.claims)
        return self._random.choice(some) if some else None

    def _use_claim(self, world: World) -> Step | None:
        claim = self._claim(world)
        action = self._random.choice(("renew", "mark_running", "mark_running", "release"))
        if claim is None:
            return None
        external = {"external_id": "elsewhere"} if action == "mark_running" and self._random.random() < 0.3 else {}
        return step(action, self._node(), claim=claim, **external)

    def _cancel(self, world: World) -> Step | None:
        execution = self._execution(world, status=self._random.choice(("pending", "running", "running", None)))
        return None if execution is None else step("cancel", self._node(), execution=world.label_of(execution.id))

    def _emit(self, world: World) -> Step | None:
        if self._is_pointless(any(t.trigger_type == "event" for t in world.rows.triggers.values())):
            return None
        return step(
            "emit", self._node(), event_type=self._random.choice(_EVENTS), key=self._random.choice(("k1", "k2"))
        )

    def _tick(self, world: World) -> Step | None:
        if self._is_pointless(any(t.trigger_type == "scheduled" for t in world.rows.triggers.values())):
            return None
        tick = step("tick", self._node())
        if self._random.random() < 0.6:
            return tick
        self._planned.append(tick)
        return self._wait(world)

    def _dispatch(self, world: World) -> Step | None:
        if self._is_pointless(_has_work(world)):
            return None
        words = [self._random.choice(("ok", "ok", *FAILURES)) for _ in range(self._random.randint(0, 3))]
        return step("dispatch", self._node(), executor=words)

    def _claim_due(self, world: World) -> Step | None:
        if self._is_pointless(_has_work(world)):
            return None
        return step("claim_due", self._node(), limit=self._random.choice((1, 1, 2, 5)))

    def _watch_a_lease(self, world: World) -> Step | None:
        """A node sees a claim, lets a lease pass, and looks again."""
        if not any(execution.claim for execution in world.rows.executions.values()):
            return None
        look = self._random.choice((step("dispatch", self._node()), step("claim_due", self._node(), limit=1)))
        wait = step("wait", seconds=int(world.settings.lease_seconds) + 1)
        self._planned += [wait, look] * self._random.randint(1, 2)
        return look

    def _held(self, world: World) -> Step | None:
        for node in world.nodes:
            held = sorted(node.executor.running()) if isinstance(node.executor, ScriptedHost) else []
            if held and self._random.random() < 0.3:
                return step("held_renew", node.number)
            if held:
                label = world.label_of(self._random.choice(held))
                return step("held_ends", node.number, execution=label, status=self._status())
        return None

    def _wait(self, _: World) -> Step:
        return step("wait", seconds=self._random.choice(_WAITS))

    def _set_clock(self, _: World) -> Step:
        return step("set_clock", self._node(), seconds=self._random.choice(_JUMPS))

    def _prune(self, world: World) -> Step | None:
        if self._is_pointless(any(execution.has_ended for execution in world.rows.executions.values())):
            return None
        return step("prune", self._node(), age=self._random.choice((-3_600, 0, 0, 60)))

    def _look(self, _: World) -> Step:
        return step("look", self._node())

    # Definitions

    def _create_trigger(self, world: World) -> Step:
        workflows = [self._workflow(world) for _ in range(2)]
        fields = [self._dependency(*workflows) if self._random.random() < 0.7 else self._other(workflows[0])]
        if self._random.random() < 0.2:
            fields.append(self._dependency(*reversed(workflows)))
        return step("create_triggers", self._node(), triggers=fields)

    def _dependency(self, upstream: str, downstream: str) -> dict[str, Any]:
        fields = {
            "id": self._new("trigger"),
            "trigger_type": "dependency",
            "workflow_id": downstream,
            "depends_on_workflow_id": upstream,
            "dependency_condition": self._random.choice(_CONDITIONS),
        }
        delay = {"delay_minutes": self._random.choice((1, 5, 60))} if self._random.random() < 0.25 else {}
        return fields | delay | self._perhaps_disabled()

    def _other(self, workflow: str) -> dict[str, Any]:
        fields = {"id": self._new("trigger"), "workflow_id": workflow, **self._perhaps_disabled()}
        kind = self._random.choice(("scheduled", "scheduled", "event", "manual"))
        if kind == "scheduled":
            cron, timezone = self._random.choice(list(RHYTHMS))
            fields |= {"cron_expression": cron, "timezone": timezone, "misfire_policy": self._policy()}
            if self._random.random() < 0.1:
                fields["schedule_owner"] = "prefect"
        if kind == "event":
            fields["event_type"] = self._random.choice(_EVENTS)
        return {"trigger_type": kind, **fields}

    def _policy(self) -> str:
        return self._random.choice(("latest", "all", "skip"))

    def _perhaps_disabled(self) -> dict[str, Any]:
        return {"enabled": False} if self._random.random() < 0.07 else {}

    def _update_trigger(self, world: World) -> Step | None:
        if not world.rows.triggers:
            return None
        trigger = self._random.choice(list(world.rows.triggers.values()))
        changes = self._changes(trigger, world) if self._random.random() < 0.5 else {"enabled": not trigger.enabled}
        return step("update_trigger", self._node(), trigger=trigger.id, changes=changes)

    def _changes(self, trigger: TriggerRow, world: World) -> dict[str, Any]:
        if trigger.trigger_type == "dependency":
            return self._random.choice(
                (
                    {"depends_on_workflow_id": self._workflow(world)},
                    {"dependency_condition": self._random.choice(_CONDITIONS)},
                    {"delay_minutes": self._random.choice((0, 1, 5))},
                )
            )
        if trigger.trigger_type == "scheduled":
            cron, timezone = self._random.choice(list(RHYTHMS))
            rhythm = {"cron_expression": cron, "timezone": timezone}
            return self._random.choice((rhythm, {"misfire_policy": self._policy()}, {"schedule_owner": "engine"}))
        return {"enabled": not trigger.enabled}

    def _apply(self, world: World) -> Step | None:
        """Put some stored triggers and perhaps a new one, as a changed file would: they may swap their places."""
        known = list(world.rows.triggers.values())
        if len(known) < 2:
            return None
        fields = [_fields_of(trigger) for trigger in self._random.sample(known, 2)]
        one, other = fields
        if one["trigger_type"] == other["trigger_type"] and self._random.random() < 0.5:
            fields = [{**one, **_without_id(other)}, {**other, **_without_id(one)}]
        elif one["trigger_type"] == "dependency":
            one |= {"workflow_id": self._workflow(world), "depends_on_workflow_id": self._workflow(world)}
        if self._random.random() < 0.3:
            fields.append(self._dependency(self._workflow(world), self._workflow(world)))
        return step("define", self._node(), workflows=[], triggers=fields)

    def _delete_trigger(self, world: World) -> Step | None:
        known = list(world.rows.triggers)
        return step("delete_trigger", self._node(), trigger=self._random.choice(known)) if known else None

    def _change_workflow(self, world: World) -> Step:
        action = self._random.choice(("create_workflow", "create_workflow", "delete_workflow", "rename_workflow"))
        workflow = self._random.choice(_WORKFLOWS) if action == "create_workflow" else self._workflow(world)
        name = {"name": f"{workflow} anew"} if action == "rename_workflow" else {}
        return step(action, self._node(), workflow=workflow, **name)


_LIKELY: Final[Mapping[Callable[[Choices, World], Step | None], int]] = {
    Choices._start: 10,
    Choices._complete: 17,
    Choices._complete_many: 5,
    Choices._complete_held: 8,
    Choices._use_claim: 12,
    Choices._cancel: 4,
    Choices._emit: 6,
    Choices._tick: 8,
    Choices._dispatch: 11,
    Choices._claim_due: 9,
    Choices._watch_a_lease: 7,
    Choices._held: 9,
    Choices._wait: 7,
    Choices._set_clock: 3,
    Choices._prune: 2,
    Choices._look: 1,
    Choices._create_trigger: 4,
    Choices._update_trigger: 4,
    Choices._apply: 2,
    Choices._delete_trigger: 1,
    Choices._change_workflow: 3,
}
_MAKERS: Final = tuple(_LIKELY)
_WEIGHTS: Final = tuple(_LIKELY.values())


def _fields_of(trigger: TriggerRow) -> dict[str, Any]:
    """What a file would say of a stored trigger."""
    kept_by_the_engine = {"planned_until": None, "next_run_at": None}
    said = trigger._asdict() | kept_by_the_engine | {"enabled": bool(trigger.enabled)}
    return {name: value for name, value in said.items() if value is not None}


def _without_id(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "id"}


def _has_work(world: World) -> bool:
    return any(execution.status == "pending" or execution.claim for execution in world.rows.executions.values())


def _what_it_says(fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """What may be stored only once: later ones of a kind take the place of earlier ones."""
    kind = fields["trigger_type"]
    names = {"dependency": ("depends_on_workflow_id", "dependency_condition"), "scheduled": ("cron_expression",)}
    return (kind, fields["workflow_id"], *(fields[name] for name in names.get(kind, ("id",))))


def steps_of(seed: int, world: World, *, count: int) -> Iterator[Step]:
    """The steps of a seed, each chosen when the ones before it are done."""
    choices = Choices(seed)
    yield choices.beginning()
    for _ in range(count):
        yield choices.next_step(world)
    for node in world.nodes:
        yield step("look", node.number)
