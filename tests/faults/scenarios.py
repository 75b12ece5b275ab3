"""What a process was doing when it was killed: each scenario prepares, acts, and knows what must be true afterwards.

``act`` runs in the process that dies, and once more in the one that comes after it, as a caller would who got no
answer; so it may meet its own traces. What it was answered it says by ``acknowledge``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import (
    DuplicateTrigger,
    TriggerNotFound,
    WorkflowConflict,
    WorkflowNotFound,
)
from flowforge_graph.model import DependencyTrigger, EventTrigger, ScheduledTrigger
from flowforge_graph.testing import FixedClock
from tests.faults.rows import rows

Acknowledge = Callable[[str], None]


class Scenario(ABC):
    """One life that ends early. All its names end in ``tag``."""

    def __init__(self, tag: str) -> None:
        self.tag = tag

    def name(self, word: str) -> str:
        """The name of something of this life alone."""
        return f"{word}-{self.tag}"

    @abstractmethod
    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        """Bring the database to where the life begins."""

    @abstractmethod
    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        """Live."""

    @abstractmethod
    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        """What was acknowledged is stored, and nothing is half written."""

    @abstractmethod
    def check_end(self, engine: TriggerEngine) -> None:
        """All is as if nobody had died."""


class Completing(Scenario):
    """``complete`` of a known and of a never seen execution, and ``complete_many``."""

    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        for word in ("upstream", "well", "badly", "never"):
            engine.create_workflow(self.name(word))
        engine.create_triggers(
            [
                DependencyTrigger(
                    workflow_id=self.name(word),
                    depends_on_workflow_id=self.name("upstream"),
                    dependency_condition=condition,
                    enabled=word != "never",
                )
                for word, condition in (("well", "on_success"), ("badly", "on_failure"), ("never", "on_completion"))
            ]
        )
        for word in ("known", "one", "two"):
            engine.start(self.name("upstream"), execution_id=self.name(word))

    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        engine.complete(self.name("known"), "completed")
        acknowledge("known")
        engine.complete(self.name("unseen"), "failed", workflow_id=self.name("upstream"))
        acknowledge("unseen")
        both = [{"execution_id": self.name(word), "status": "failed"} for word in ("two", "one")]
        engine.complete_many(both)
        acknowledge("one")
        acknowledge("two")

    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        upstream = self.name("upstream")
        stored = {
            row.id: row.status
            for row in rows(url, "SELECT id, status FROM executions WHERE workflow_id = :w", w=upstream)
        }
        ended = {
            word for word in ("known", "unseen", "one", "two") if stored.get(self.name(word)) in {"completed", "failed"}
        }
        assert acknowledged <= ended
        assert ("one" in ended) == ("two" in ended)
        for word in ("known", "unseen", "one", "two"):
            query = "SELECT outcome FROM verdicts WHERE upstream_execution_id = :id"
            assert len(rows(url, query, id=self.name(word))) == (3 if word in ended else 0)

    def check_end(self, engine: TriggerEngine) -> None:
        for word in ("known", "unseen", "one", "two"):
            verdicts = engine.get_verdicts(self.name(word))
            wanted = self.name("well" if word == "known" else "badly")
            assert [verdict.workflow_id for verdict in verdicts if verdict.outcome == "triggered"] == [wanted]
            assert len(verdicts) == 3
        assert len(engine.list_executions(self.name("well"))) == 1
        assert len(engine.list_executions(self.name("badly"))) == 3


class Ticking(Scenario):
    """``tick`` of two schedules that missed some fire times."""

    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        engine.create_workflow(self.name("scheduled"))
        for policy in ("latest", "all"):
            engine.create_trigger(
                ScheduledTrigger(
                    id=self.name(policy),
                    workflow_id=self.name("scheduled"),
                    trigger_name=policy,
                    cron_expression="*/5 * * * *",
                    misfire_policy=policy,
                )
            )
        clock.advance(minutes=20)

    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        for execution_id in engine.tick().started_execution_ids:
            acknowledge(execution_id)
        engine.tick()

    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        query = "SELECT id FROM executions WHERE workflow_id = :w"
        stored = {row.id for row in rows(url, query, w=self.name("scheduled"))}
        assert acknowledged <= stored
        assert len(stored) in {0, 5}

    def check_end(self, engine: TriggerEngine) -> None:
        latest, every = (engine.get_trigger_history(self.name(policy)) for policy in ("latest", "all"))
        assert len(latest) == 1
        assert len(every) == 4
        assert latest[0].fire_time == max(execution.fire_time for execution in every if execution.fire_time)
        assert [drop.count for drop in engine.list_schedule_drops(self.name("latest"))] == [3]
        engine.delete_workflow(self.name("scheduled"))


class Dispatching(Scenario):
    """``dispatch_due``: claim, start, mark running."""

    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        engine.create_workflow(self.name("w"))
        for word in ("one", "two"):
            engine.start(self.name("w"), execution_id=self.name(word))

    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        engine.dispatch_due()
        for word in ("one", "two"):
            if engine.get_execution(self.name(word)).status == "running":
                acknowledge(word)

    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        stored = rows(url, "SELECT id, status, external_id FROM executions WHERE workflow_id = :w", w=self.name("w"))
        running = {row.id for row in stored if row.status == "running"}
        assert {self.name(word) for word in acknowledged} <= running
        assert running == {row.id for row in stored if row.external_id}

    def check_end(self, engine: TriggerEngine) -> None:
        assert {engine.get_execution(self.name(word)).status for word in ("one", "two")} == {"completed"}


class Hosting(Scenario):
    """A host that runs executions itself: claim, mark running, renew, release, complete with the claim."""

    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        engine.create_workflow(self.name("w"))
        engine.create_workflow(self.name("next"))
        engine.create_trigger(DependencyTrigger(workflow_id=self.name("next"), depends_on_workflow_id=self.name("w")))
        for word in ("one", "two"):
            engine.start(self.name("w"), execution_id=self.name(word))

    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        claims = engine.claim_due(2)
        for claim in claims:
            engine.mark_running(claim)
            engine.renew(claim)
        for claim in claims[:1]:
            engine.complete(claim.execution_id, "completed", claim=claim)
            acknowledge(claim.execution_id)
        for claim in claims[1:]:
            engine.release(claim)

    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        query = "SELECT id, status FROM executions WHERE workflow_id = :w"
        stored = {row.id: row.status for row in rows(url, query, w=self.name("w"))}
        assert {execution_id for execution_id, status in stored.items() if status == "completed"} >= acknowledged

    def check_end(self, engine: TriggerEngine) -> None:
        assert {engine.get_execution(self.name(word)).status for word in ("one", "two")} == {"completed"}
        assert len(engine.list_executions(self.name("next"))) == 2


class TakingOver(Scenario):
    """A dispatcher that takes over from a lost one: starts again, and ends what was lost too often."""

    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        for word in ("again", "dead", "handler"):
            engine.create_workflow(self.name(word))
        engine.create_trigger(
            DependencyTrigger(
                workflow_id=self.name("handler"),
                depends_on_workflow_id=self.name("dead"),
                dependency_condition="on_failure",
            )
        )
        engine.start(self.name("dead"), execution_id=self.name("d"))
        for _ in range(2):
            (claim,) = engine.claim_due()
            engine.mark_running(claim)
            engine.release(claim)
        engine.start(self.name("again"), execution_id=self.name("a"))
        assert len(engine.claim_due(2)) == 2

    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        engine.dispatch_due()
        clock.advance(seconds=16)
        engine.dispatch_due()
        if engine.get_execution(self.name("d")).has_ended:
            acknowledge("dead")

    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        (dead,) = rows(url, "SELECT status, reason FROM executions WHERE id = :id", id=self.name("d"))
        handlers = rows(url, "SELECT id FROM executions WHERE workflow_id = :w", w=self.name("handler"))
        assert (dead.status, dead.reason) in {("running", None), ("pending", None), ("failed", "lost")}
        assert len(handlers) == (dead.status == "failed") >= ("dead" in acknowledged)

    def check_end(self, engine: TriggerEngine) -> None:
        dead, again = engine.get_execution(self.name("d")), engine.get_execution(self.name("a"))
        assert (dead.status, dead.reason, dead.attempt) == ("failed", "lost", 3)
        assert again.status == "completed"
        assert again.attempt in {2, 3}
        assert [one.status for one in engine.list_executions(self.name("handler"))] == ["completed"]


class Defining(Scenario):
    """Workflows and triggers created, moved and deleted."""

    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        for word in ("a", "b", "c"):
            engine.create_workflow(self.name(word))
        engine.start(self.name("b"), execution_id=self.name("pending"))

    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        a, b, c, d = (self.name(word) for word in "abcd")
        one = DependencyTrigger(id=self.name("one"), workflow_id=b, depends_on_workflow_id=a)
        two = DependencyTrigger(id=self.name("two"), workflow_id=c, depends_on_workflow_id=b)
        moves = (
            ("workflow", lambda: engine.create_workflow(d)),
            ("triggers", lambda: engine.create_triggers([one, two])),
            ("moved", lambda: engine.update_trigger(two.id, depends_on_workflow_id=a)),
            ("disabled", lambda: engine.disable_trigger(two.id)),
            ("deleted", lambda: engine.delete_workflow(b)),
        )
        for word, move in moves:
            try:
                move()
            except (WorkflowConflict, DuplicateTrigger, TriggerNotFound, WorkflowNotFound):
                # Done in the first life already.
                continue
            acknowledge(word)

    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        like = {"like": f"%-{self.tag}"}
        workflows = {row.id for row in rows(url, "SELECT id FROM workflows WHERE id LIKE :like", **like)}
        triggers = {
            row.id: (row.depends_on_workflow_id, row.enabled)
            for row in rows(
                url, "SELECT id, depends_on_workflow_id, enabled FROM workflow_triggers WHERE id LIKE :like", **like
            )
        }
        (pending,) = rows(url, "SELECT status FROM executions WHERE id = :id", id=self.name("pending"))
        is_deleted = self.name("b") not in workflows
        assert is_deleted >= ("deleted" in acknowledged)
        assert pending.status == ("cancelled" if is_deleted else "pending")
        assert ("workflow" not in acknowledged) or self.name("d") in workflows
        assert len(triggers) == 1 if is_deleted else len(triggers) in ({2} if "triggers" in acknowledged else {0, 2})
        if "moved" in acknowledged:
            assert triggers[self.name("two")][0] == self.name("a")
        if "disabled" in acknowledged:
            assert triggers[self.name("two")][1] == 0

    def check_end(self, engine: TriggerEngine) -> None:
        assert engine.get_execution(self.name("pending")).reason == "workflow_deleted"
        assert engine.graph.downstream(self.name("a")) == [self.name("c")]
        assert not engine.graph.has_workflow(self.name("b"))
        (two,) = engine.graph.edges_out_of(self.name("a"))
        assert (two.id, two.enabled) == (self.name("two"), False)


class Starting(Scenario):
    """``start``, ``emit`` and ``cancel``."""

    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        for word in ("hand", "event"):
            engine.create_workflow(self.name(word))
        for number in range(2):
            engine.create_trigger(
                EventTrigger(
                    id=self.name(f"event{number}"), workflow_id=self.name("event"), event_type=self.name("type")
                )
            )

    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        engine.start(self.name("hand"), {"n": 1}, execution_id=self.name("by-hand"))
        acknowledge("start")
        assert len(engine.emit(self.name("type"), {"n": 2}, key="key")) == 2
        acknowledge("emit")
        engine.cancel(self.name("by-hand"))
        acknowledge("cancel")

    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        by_hand = rows(url, "SELECT status FROM executions WHERE id = :id", id=self.name("by-hand"))
        events = rows(url, "SELECT id FROM executions WHERE workflow_id = :w", w=self.name("event"))
        assert len(by_hand) >= ("start" in acknowledged)
        assert len(events) in ({2} if "emit" in acknowledged else {0, 2})
        assert "cancel" not in acknowledged or by_hand[0].status == "cancelled"

    def check_end(self, engine: TriggerEngine) -> None:
        assert engine.get_execution(self.name("by-hand")).status == "cancelled"
        assert len(engine.list_executions(self.name("event"))) == 2


class Pruning(Scenario):
    """``prune`` of an ended cascade."""

    def prepare(self, engine: TriggerEngine, clock: FixedClock) -> None:
        for word in ("a", "b"):
            engine.create_workflow(self.name(word))
        engine.create_trigger(DependencyTrigger(workflow_id=self.name("b"), depends_on_workflow_id=self.name("a")))
        root = engine.start(self.name("a"), execution_id=self.name("root"))
        (triggered,) = engine.complete(root.id, "completed").triggered
        assert triggered.execution_id is not None
        engine.complete(triggered.execution_id, "failed")
        clock.advance(minutes=1)

    def act(self, engine: TriggerEngine, clock: FixedClock, acknowledge: Acknowledge) -> None:
        if engine.prune(clock.now() - timedelta(seconds=30)).cascades:
            acknowledge("pruned")
        assert engine.complete(self.name("root"), "completed", workflow_id=self.name("a")).status == "completed"

    def check_remains(self, url: str, acknowledged: set[str]) -> None:
        workflows = {"a": self.name("a"), "b": self.name("b")}
        executions = rows(url, "SELECT id FROM executions WHERE workflow_id IN (:a, :b)", **workflows)
        tombstones = rows(url, "SELECT execution_id FROM tombstones WHERE workflow_id IN (:a, :b)", **workflows)
        assert (len(executions), len(tombstones)) in ({(0, 2)} if "pruned" in acknowledged else {(0, 2), (2, 0)})

    def check_end(self, engine: TriggerEngine) -> None:
        assert engine.list_executions(self.name("b")) == []


SCENARIOS: dict[str, type[Scenario]] = {
    "complete": Completing,
    "tick": Ticking,
    "dispatch": Dispatching,
    "host": Hosting,
    "take-over": TakingOver,
    "define": Defining,
    "start": Starting,
    "prune": Pruning,
}
