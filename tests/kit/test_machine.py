"""Does the machine keep quiet over the real engine, and find what is planted?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Connection

from flowforge_graph import TriggerEngine, evaluation
from flowforge_graph.engine import claims
from flowforge_graph.engine.definition_writes import next_fire_time
from flowforge_graph.errors import CycleError
from flowforge_graph.model import AnyTrigger, EventTrigger
from flowforge_graph.storage.executions import ExecutionRows
from flowforge_graph.storage.triggers import TriggerRows
from flowforge_graph.testing import RefusedByHost, TriggerEngineMachine
from tests.conftest import PROFILE

SOME = settings(
    max_examples=2_000 if PROFILE == "long" else 15,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
)

# What is planted must be found; that it shrinks is shown by the suite of the example.
QUICK = settings(SOME, max_examples=1_000, phases=[Phase.generate])


def test_a_suite_gets_settings_without_explanations() -> None:
    """They take minutes; each machine has its own, and what a suite assigns stays."""

    class One(TriggerEngineMachine):
        pass

    class Other(TriggerEngineMachine):
        pass

    case = One.TestCase
    assert Phase.explain not in case.settings.phases
    assert Phase.shrink in case.settings.phases
    case.settings = settings(case.settings, max_examples=7, phases=tuple(Phase))
    assert One.TestCase.settings is case.settings
    assert (case.settings.max_examples, Phase.explain in case.settings.phases) == (7, True)
    assert Phase.explain not in Other.TestCase.settings.phases


def test_the_engine_keeps_every_rule() -> None:
    """Whatever is asked in whatever order, restarts included."""
    run_state_machine_as_test(TriggerEngineMachine, settings=SOME)


def test_a_host_may_refuse_by_rules_of_its_own() -> None:
    """What the host refuses is no complaint, and has not happened."""

    class NobodyDeletes(TriggerEngineMachine):
        def do_delete_workflow(self, workflow_id: str) -> object:
            raise RefusedByHost

        def teardown(self) -> None:
            assert not any(event.change == "deleted" and event.kind == "workflow" for event in self.events())
            super().teardown()

        def events(self) -> Any:
            return self.engine.read_events(0).events

    run_state_machine_as_test(NobodyDeletes, settings=settings(SOME, max_examples=5))


def test_a_missing_refusal_is_found() -> None:
    """A host that takes a refused cycle for done is told which chain was expected."""

    class Swallows(TriggerEngineMachine):
        def do_create_trigger(self, trigger: Any) -> object:
            try:
                return super().do_create_trigger(trigger)
            except CycleError:
                return None

    with pytest.raises(AssertionError, match=r"accepted, where \('CycleError', '\w', .*\) was expected"):
        run_state_machine_as_test(Swallows, settings=QUICK)


def test_a_wrong_chain_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain of a refusal must be the shortest one, in the direction of the data."""
    monkeypatch.setattr(CycleError, "__init__", _with_reversed_chain(CycleError.__init__))
    with pytest.raises(CycleError):
        run_state_machine_as_test(TriggerEngineMachine, settings=QUICK)


def _with_reversed_chain(original: Any) -> Any:
    def made(error: CycleError, chain: Any, source: str | None = None) -> None:
        original(error, tuple(reversed(chain)), source)

    return made


def test_what_a_restart_loses_is_found() -> None:
    """A service that opens another database after each restart has lost everything."""

    class Forgets(TriggerEngineMachine):
        def make_engine(self, database: str) -> TriggerEngine:
            return TriggerEngine("sqlite://", clock=self.clock, executor=self.executor)

    with pytest.raises(AssertionError, match="a restart changed"):
        run_state_machine_as_test(Forgets, settings=QUICK)


def test_what_starts_after_it_was_called_off_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits does not start when its trigger is disabled or deleted meanwhile (rule 14)."""
    monkeypatch.setattr(claims, "reason_to_cancel", lambda *_, **__: None)
    with pytest.raises(AssertionError, match=r"was dispatched, and its trigger starts it no more \(rule 14\)"):
        run_state_machine_as_test(TriggerEngineMachine, settings=QUICK)


def test_what_waits_for_a_deleted_workflow_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pending executions end with their workflow (rule 3)."""
    monkeypatch.setattr(ExecutionRows, "pending_of_workflow", lambda *_: [])
    with pytest.raises(AssertionError, match=r"is pending, and its workflow is deleted \(rule 3\)"):
        run_state_machine_as_test(TriggerEngineMachine, settings=QUICK)


def test_a_delay_that_is_not_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a verdict promises is what the execution waits (rule 13)."""
    monkeypatch.setattr(evaluation, "_checked_delay", lambda _: 0)
    with pytest.raises(AssertionError, match=r"waits 0 min, not [1-9]\d? \(rule 13\)"):
        run_state_machine_as_test(TriggerEngineMachine, settings=QUICK)


def test_a_disabled_event_trigger_that_starts_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what events start there are no verdicts (rule 16)."""

    def all_of_event(rows: TriggerRows, connection: Connection, event_type: str) -> list[AnyTrigger]:
        events = rows.find(connection, trigger_type="event")
        return [trigger for trigger in events if isinstance(trigger, EventTrigger) and trigger.event_type == event_type]

    monkeypatch.setattr(TriggerRows, "enabled_of_event", all_of_event)
    with pytest.raises(AssertionError, match=r"was started by a trigger that is disabled \(rule 16\)"):
        run_state_machine_as_test(TriggerEngineMachine, settings=QUICK)


def test_a_disabled_schedule_that_fires_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Although what it started is cancelled before it is dispatched (rule 16)."""
    monkeypatch.setattr("flowforge_graph.storage.triggers.DUE_SCHEDULE", "trigger_type = 'scheduled'")
    monkeypatch.setattr("flowforge_graph.engine.definition_writes._next_run", next_fire_time)
    with pytest.raises(AssertionError, match=r"was started by a trigger that is disabled \(rule 16\)"):
        run_state_machine_as_test(TriggerEngineMachine, settings=QUICK)


def test_a_host_may_enable_and_disable_within_one_step() -> None:
    """What its trigger started in between was started rightly."""

    class Hurried(TriggerEngineMachine):
        def do_tick(self) -> object:
            disabled = [t for t in self.engine.list_triggers(trigger_type="scheduled") if not t.enabled]
            for trigger in disabled:
                self.engine.enable_trigger(trigger.id)
            answer = self.engine.tick(self.clock.now() + timedelta(hours=1))
            for trigger in disabled:
                self.engine.disable_trigger(trigger.id)
            return answer

    run_state_machine_as_test(Hurried, settings=SOME)
