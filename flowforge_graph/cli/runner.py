"""Runs the cascades of a file to their end on this machine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from typing import Final

from flowforge_graph.cli.cascades import Cascades
from flowforge_graph.cli.definitions import plan_sentence
from flowforge_graph.cli.exits import ExitCode, say
from flowforge_graph.cli.interrupts import Interrupts
from flowforge_graph.cli.logs import show_more
from flowforge_graph.cli.output import print_styled, print_table
from flowforge_graph.cli.progress import Progress, progress_on_stderr
from flowforge_graph.cli.runnable import chosen_workflows, refuse_what_cannot_run, stored_after
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.summary import Outcome, closing_sentence, failure_lines, outcome_document, summary_rows
from flowforge_graph.cli.text import shown
from flowforge_graph.definitions import Definitions, Plan, decide, load_definitions
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions
from flowforge_graph.engine.clock import SystemClock
from flowforge_graph.engine.protocols import Clock, HoldingExecutor
from flowforge_graph.errors import ExecutionConflict
from flowforge_graph.executors.local import LocalExecutor

# The longest that a signal, a delay that is over, or what another process ended goes unnoticed.
_LOOK_SECONDS: Final = 0.2


def run_file(session: Session, file: str, *, named: Sequence[str], ignore_delays: bool) -> int:
    """Load a file, apply it, start its workflows (the named ones, if any), run what follows; return the exit code."""
    definitions = load_definitions(file)
    if session.is_missing:
        # What is refused leaves no new database behind.
        _prepare(definitions, named, StoredDefinitions())
    show_more(logging.WARNING)
    executor, clock = LocalExecutor(), SystemClock()
    with Interrupts() as interrupts, session.engine(executor, may_create=True) as engine:
        prepared = _apply(engine, definitions, named)
        _say_what_was_applied(prepared.plan, file)
        if interrupts:
            return ExitCode.INTERRUPTED
        cascades = Cascades(engine, [engine.start(workflow_id) for workflow_id in prepared.to_start])
        # What a Python callable prints is not part of the answer.
        with redirect_stdout(sys.stderr), progress_on_stderr() as progress:
            _Runner(
                engine=engine,
                executor=executor,
                clock=clock,
                cascades=cascades,
                progress=progress,
                interrupts=interrupts,
                ignore_delays=ignore_delays,
            ).run_to_the_end()
        return _conclude(session, _outcome(engine, cascades, interrupts))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    """What applying the file changes, and which workflows are started then."""

    plan: Plan
    to_start: tuple[str, ...]


def _prepare(definitions: Definitions, named: Sequence[str], stored: StoredDefinitions) -> _Prepared:
    """Decide all that can be refused: the file, what to start, and whether everything this leads to can run here."""
    plan = decide(definitions, stored)
    to_start = chosen_workflows(definitions, named)
    refuse_what_cannot_run(stored_after(stored, plan.to_write), to_start)
    return _Prepared(plan=plan, to_start=to_start)


def _apply(engine: TriggerEngine, definitions: Definitions, named: Sequence[str]) -> _Prepared:
    """Apply the file in the transaction that decides; where anything is refused, nothing is written."""
    prepared: list[_Prepared] = []

    def decide_on(stored: StoredDefinitions) -> DefinitionChanges:
        prepared.append(_prepare(definitions, named, stored))
        return prepared[-1].plan.to_write

    engine.change_definitions(decide_on)
    return prepared[-1]


def _say_what_was_applied(applied: Plan, file: str) -> None:
    if not applied.is_empty:
        say(f"applied {shown(file)}: {plan_sentence(applied, done=True)}")


class _Runner:
    """Dispatches what is due of some cascades, and nothing else, until they have ended."""

    def __init__(
        self,
        *,
        engine: TriggerEngine,
        executor: HoldingExecutor,
        clock: Clock,
        cascades: Cascades,
        progress: Progress,
        interrupts: Interrupts,
        ignore_delays: bool,
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._clock = clock
        self._cascades = cascades
        self._progress = progress
        self._interrupts = interrupts
        self._ignore_delays = ignore_delays
        self._asked_to_stop: set[str] = set()

    def run_to_the_end(self) -> None:
        """Return when every execution has ended, whoever ran it. A signal turns dispatching into cancelling."""
        while True:
            acted = self._cancel_what_is_left() if self._interrupts else self._dispatch()
            self._look(idle=not acted)
            if self._cascades.have_ended:
                return
            self._wait()

    def _dispatch(self) -> int:
        return self._engine.dispatch_due(roots=self._cascades.root_ids, ignore_delays=self._ignore_delays)

    def _look(self, *, idle: bool) -> None:
        changes = self._cascades.refresh(running_here=self._executor.running(), idle=idle)
        executions = tuple(self._cascades.executions.values())
        self._progress.show(changes, executions, self._clock.now(), stopping=bool(self._interrupts))

    def _cancel_what_is_left(self) -> int:
        """Cancel each execution once; what ended meanwhile may have started others, which the next look finds."""
        new = [execution.id for execution in self._cascades.unfinished if execution.id not in self._asked_to_stop]
        for execution_id in new:
            self._asked_to_stop.add(execution_id)
            with suppress(ExecutionConflict):
                self._engine.cancel(execution_id)
        return len(new)

    def _wait(self) -> None:
        self._engine.wait(_LOOK_SECONDS)


def _outcome(engine: TriggerEngine, cascades: Cascades, interrupts: Interrupts) -> Outcome:
    executions = cascades.read_all()
    verdicts = {execution.id: engine.get_verdicts(execution.id) for execution in executions}
    return Outcome(executions=executions, verdicts=verdicts, interrupted=bool(interrupts))


def _conclude(session: Session, outcome: Outcome) -> int:
    session.answer(outcome_document(outcome), lambda: _print(outcome))
    if outcome.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if outcome.status == "completed" else ExitCode.FAILED


def _print(outcome: Outcome) -> None:
    print_table(("WORKFLOW", "STATUS", "TOOK", "WHY"), summary_rows(outcome), nothing="nothing ran")
    failures = [(line, "" if line.startswith(" ") else "red") for line in failure_lines(outcome)]
    style = "bold" if outcome.status == "completed" else "bold red"
    print_styled([*failures, ("", ""), (closing_sentence(outcome), style)])
