"""The engine: a thin façade over the use cases of this room."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions
from flowforge_graph.engine.claims import Claims
from flowforge_graph.engine.clock import SystemClock
from flowforge_graph.engine.completions import Completions
from flowforge_graph.engine.context import Context
from flowforge_graph.engine.definition_writes import DefinitionWrites
from flowforge_graph.engine.definitions import Definitions
from flowforge_graph.engine.deployment_following import FollowedDefinitions
from flowforge_graph.engine.deployments import DeploymentSync
from flowforge_graph.engine.dispatch import Dispatcher, HeldExecutions
from flowforge_graph.engine.external_ends import ExternalEnds
from flowforge_graph.engine.feed import Feed
from flowforge_graph.engine.freshness import LiveGraph
from flowforge_graph.engine.health import HealthChecks
from flowforge_graph.engine.protocols import Clock, Deployments, Executor
from flowforge_graph.engine.pruning import Pruning
from flowforge_graph.engine.questions import Questions, checked_limit
from flowforge_graph.engine.settings import Settings
from flowforge_graph.engine.settlements import Settlements
from flowforge_graph.engine.starts import Starts
from flowforge_graph.engine.ticks import Ticks
from flowforge_graph.engine.tokens import Tokens
from flowforge_graph.engine.unconnected import UnconnectedDefinitions
from flowforge_graph.errors import FlowforgeGraphError, LeaseLost
from flowforge_graph.facts import Facts, Listener
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.model import (
    AnyTrigger,
    Claim,
    Completion,
    CompletionResult,
    DependencyGraph,
    DependencyValidation,
    Deployment,
    DeploymentDrift,
    DeploymentRepair,
    EndStatus,
    EventPage,
    Execution,
    ExternalEnd,
    Health,
    NewToken,
    PruneResult,
    RecordedEnd,
    ScheduleDrop,
    TickResult,
    Token,
    TriggerSummary,
    Verdict,
    Workflow,
    WorkflowDeletion,
    as_instant,
)
from flowforge_graph.schedules import SchedulePreview, preview_schedule
from flowforge_graph.storage import Store, to_seconds

if TYPE_CHECKING:
    from flowforge_graph.rendering import WorkflowNote


class TriggerEngine:
    """Stores triggers, keeps their graph free of cycles, and turns each completion into the right executions.

    Args:
        database: a SQLAlchemy URL (SQLite or PostgreSQL) or an Engine of the host's. The schema is made and migrated
            on opening.
        executor: what starts executions; None where the host runs them itself by ``claim_due``.
        clock: the source of time, the system's by default.
        deployments: what Prefect has of scheduled triggers; None where no Prefect is connected.
        schema, table_prefix: keep our tables apart inside a host's database.
        settings: further numbers by keyword, see :class:`flowforge_graph.engine.settings.Settings`.

    Safe for use from any number of threads, and from any number of processes on one database. A context manager:
    leaving it stops what this process runs and closes what it opened.

    Raises DatabaseError where the database cannot be opened, is newer than this package, or holds foreign tables.
    """

    def __init__(
        self,
        database: str | URL | Engine = "sqlite:///flowforge.db",
        *,
        executor: Executor | None = None,
        clock: Clock | None = None,
        deployments: Deployments | None = None,
        schema: str | None = None,
        table_prefix: str = "",
        **settings: Any,
    ) -> None:
        self._clock = clock or SystemClock()
        numbers = Settings.of(settings)
        store = Store(
            database, schema=schema, table_prefix=table_prefix, monotonic=self._clock.monotonic, facts=Facts()
        )
        self._context = context = Context(store=store, live=LiveGraph(store), clock=self._clock, settings=numbers)
        settlements = Settlements(context)
        writes = DefinitionWrites(context, settlements)
        self._questions = questions = Questions(context)
        self._deployments = sync = DeploymentSync(context, questions, deployments)
        self._definitions: Definitions | FollowedDefinitions
        if deployments is None:
            self._definitions = UnconnectedDefinitions(context, writes, questions)
        else:
            self._definitions = FollowedDefinitions(
                Definitions(context, writes), context, questions=questions, sync=sync, prefect=deployments
            )
        self._starts = Starts(context)
        self._completions = Completions(context, settlements)
        self._external_ends = ExternalEnds(context, settlements)
        self._feed = Feed(context)
        self._ticks = Ticks(context, self._feed)
        self._claims = Claims(context, settlements)
        self._pruning = Pruning(context, self._feed)
        self._health = HealthChecks(context)
        self._tokens = Tokens(context)
        held = HeldExecutions(context, self._claims, self._completions)
        try:
            self._dispatcher = Dispatcher(context, self._claims, held, executor)
        except BaseException:
            # An executor that belongs to another engine refuses this one: nothing opened may stay open.
            store.database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop what this process runs, then close the connections (a host's Engine stays open).

        Whatever asks the database afterwards raises DatabaseError, the live ``graph`` too: take its ``snapshot()``.
        """
        self._dispatcher.close()
        self._tokens.record_uses()
        self._context.store.database.close()

    @property
    def namespace(self) -> str:
        """How this database calls itself: equal in every process that uses it, and told apart from every other one."""
        return self._context.store.epoch

    def __repr__(self) -> str:
        return f"<TriggerEngine on {self._context.store.database.name}>"

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with each :class:`~flowforge_graph.facts.Fact` that this engine tells from now on.

        After its commit, once, in the thread to which it happens, so that it must be quick; what it raises is logged.
        """
        self._context.facts.subscribe(listener)

    # Workflows

    def create_workflow(
        self,
        workflow_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        run: Any = None,
        tags: Sequence[str] = (),
        run_folder: str | None = None,
    ) -> Workflow:
        """Store a new workflow; ``run`` is a run value or a mapping like that of the file, None: the host runs it.

        Raises InvalidWorkflow, and WorkflowConflict where the id is taken.
        """
        workflow = Workflow(
            id=workflow_id, name=name, description=description, run=run, tags=tags, run_folder=run_folder
        )
        return self._definitions.create_workflow(workflow)

    def update_workflow(self, workflow_id: str, **changes: Any) -> Workflow:
        """Change name, description, run, tags or run_folder. Raises WorkflowNotFound, InvalidWorkflow."""
        return self._definitions.update_workflow(workflow_id, changes)

    def get_workflow(self, workflow_id: str) -> Workflow:
        """The workflow of this id. Raises WorkflowNotFound."""
        return self._questions.workflow(workflow_id)

    def list_workflows(self, *, after: str | None = None, limit: int | None = None) -> list[Workflow]:
        """All workflows, by id; or at most ``limit`` of them, those after the id ``after``."""
        return self._questions.workflows(after=after, limit=limit)

    def get_workflow_names(self, workflow_ids: Collection[str]) -> dict[str, str]:
        """The names of those of these workflows that exist, by id: one query."""
        return self._questions.workflow_names(workflow_ids)

    def summarize_triggers(self, workflow_ids: Collection[str]) -> dict[str, TriggerSummary]:
        """How many triggers start each of these workflows and when its next schedule fires, by id: one query."""
        return self._questions.trigger_summaries(workflow_ids)

    def delete_workflow(self, workflow_id: str) -> WorkflowDeletion:
        """Delete a workflow with every trigger into and out of it; answers what went. Raises WorkflowNotFound.

        Its pending executions end ``cancelled``, reason ``workflow_deleted``; history stays.
        """
        return self._definitions.delete_workflow(workflow_id)

    # Triggers

    def get_triggers(self, workflow_id: str) -> list[AnyTrigger]:
        """All triggers that start this workflow, newest first. Raises WorkflowNotFound."""
        self._questions.workflow(workflow_id)
        return self.list_triggers(workflow_id=workflow_id)

    def list_triggers(
        self,
        workflow_id: str | None = None,
        *,
        trigger_type: str | None = None,
        enabled: bool | None = None,
        source: str | None = None,
    ) -> list[AnyTrigger]:
        """The triggers that meet every given filter, newest first. Raises InvalidTrigger for an unknown type."""
        return self._questions.triggers(
            workflow_id=workflow_id, trigger_type=trigger_type, enabled=enabled, source=source
        )

    def get_trigger(self, trigger_id: str) -> AnyTrigger:
        """The trigger of this id. Raises TriggerNotFound."""
        return self._questions.trigger(trigger_id)

    def create_trigger(self, trigger: AnyTrigger) -> AnyTrigger:
        """Store a new trigger and answer it as stored.

        Raises CycleError with the shortest chain, DuplicateTrigger, WorkflowNotFound, and InvalidTrigger for what is
        no trigger value.
        """
        return self._definitions.create_triggers([trigger])[0]

    def create_triggers(self, triggers: Iterable[AnyTrigger]) -> list[AnyTrigger]:
        """Store many triggers in one transaction, all or nothing.

        Raises what the first refused one would raise if they came one at a time in this order.
        """
        return self._definitions.create_triggers(list(triggers))

    def update_trigger(self, trigger_id: str, **changes: Any) -> AnyTrigger:
        """Change the given fields (None clears an optional one), checked as if the trigger were gone.

        Raises TriggerNotFound, InvalidTrigger, InvalidSchedule, CycleError, DuplicateTrigger, WorkflowNotFound; and
        DeploymentError, nothing changed, where a schedule goes from Prefect to the engine and Prefect does not let go.
        """
        return self._definitions.update_trigger(trigger_id, changes)

    def delete_trigger(self, trigger_id: str) -> AnyTrigger:
        """Delete a trigger and answer it. Raises TriggerNotFound."""
        return self._definitions.delete_trigger(trigger_id)

    def enable_trigger(self, trigger_id: str) -> AnyTrigger:
        """Enable a trigger; a schedule is planned from now on. Raises TriggerNotFound."""
        return self._definitions.update_trigger(trigger_id, {"enabled": True})

    def disable_trigger(self, trigger_id: str) -> AnyTrigger:
        """Disable a trigger: it stays an edge of the graph and starts nothing. Raises TriggerNotFound."""
        return self._definitions.update_trigger(trigger_id, {"enabled": False})

    def get_trigger_history(self, trigger_id: str, limit: int = 10) -> list[Execution]:
        """The newest ``limit`` executions that this trigger started, newest first; also of one deleted since.

        Raises TriggerNotFound where there is neither a trigger nor a history, InvalidExecution for a limit below 1.
        """
        executions = self.list_executions(trigger_id=trigger_id, limit=limit)
        if not executions:
            self._questions.trigger(trigger_id)
        return executions

    def list_schedule_drops(self, trigger_id: str, limit: int = 50) -> list[ScheduleDrop]:
        """The ranges of due fire times that a schedule's misfire policy did not start, newest first.

        Raises InvalidExecution for a limit below 1.
        """
        return self._questions.schedule_drops(trigger_id, checked_limit(limit))

    def preview_schedule(
        self, cron_expression: str, timezone: str = "UTC", count: int = 5, start: datetime | None = None
    ) -> SchedulePreview:
        """The next ``count`` (1 to 1000) fire times strictly after ``start``, an aware datetime (now by default).

        Raises InvalidSchedule for the expression, the zone or the count, and InvalidTime for a naive ``start``.
        """
        return preview_schedule(cron_expression, timezone, count=count, start=start or self._clock.now())

    def preview_trigger(self, trigger_id: str, count: int = 5, start: datetime | None = None) -> SchedulePreview:
        """The next ``count`` fire times of a stored schedule, by the rule of its owner, the engine or Prefect.

        ``start``: as of :meth:`preview_schedule`, which it raises as; TriggerNotFound, InvalidTrigger for another
        kind, and DeploymentError for a schedule of Prefect's where none is connected.
        """
        return self._deployments.preview(trigger_id, count, start)

    # Deployments of scheduled triggers, where a Prefect is connected

    def sync_deployment(self, trigger_id: str) -> Deployment:
        """Create or update Prefect's deployment of a scheduled trigger, whole; active if Prefect owns the schedule.

        Its ``differences`` say which fire times of the next 400 days only one of the two schedulers has.

        Raises TriggerNotFound, InvalidTrigger for another kind, and DeploymentError where Prefect does not answer or
        the workflow runs on no deployment that could be copied.
        """
        return self._deployments.sync(trigger_id)

    def get_deployment(self, trigger_id: str) -> Deployment:
        """Prefect's deployment of a scheduled trigger. Raises as :meth:`sync_deployment`, and DeploymentNotFound."""
        return self._deployments.find(trigger_id)

    def delete_deployment(self, trigger_id: str) -> bool:
        """Delete Prefect's deployment of a scheduled trigger; False where there was none. Raises as the sync."""
        return self._deployments.delete(trigger_id)

    def pause_deployment(self, trigger_id: str) -> Deployment:
        """Let Prefect start nothing more by itself of a trigger, which stays enabled: :meth:`check_deployments` tells.

        Raises as :meth:`get_deployment`.
        """
        return self._deployments.pause(trigger_id)

    def resume_deployment(self, trigger_id: str) -> Deployment:
        """Undo a pause. Raises as :meth:`get_deployment`, and InvalidTrigger for a disabled trigger."""
        return self._deployments.resume(trigger_id)

    def check_deployments(self) -> list[DeploymentDrift]:
        """Everything in which Prefect's deployments differ from what is stored. Raises DeploymentError."""
        return self._deployments.check()

    def repair_deployments(self) -> list[DeploymentRepair]:
        """Mend what :meth:`check_deployments` finds; answers what was done about each trigger, or why nothing was.

        Raises DeploymentError where the deployments cannot be looked at.
        """
        return self._deployments.repair()

    # The graph

    @property
    def graph(self) -> TriggerGraph:
        """This process's live graph, caught up with every process's commits. Read it; change it through the engine."""
        return self._questions.fresh_graph()

    def workflow_notes(self) -> dict[str, WorkflowNote]:
        """What is known of each workflow beside the graph, for its diagrams.

        Name, tags, source, schedules and events, and the status of the last execution: ``graph.to_svg(notes=...)``.
        """
        return self._questions.workflow_notes()

    def get_dependency_graph(self, workflow_id: str, *, transitive: bool = False) -> DependencyGraph:
        """The enabled dependency triggers into and out of a workflow, one link each. Raises WorkflowNotFound.

        ``transitive`` follows enabled triggers all the way, in topological order.
        """
        return self._questions.dependency_graph(workflow_id, transitive=transitive)

    def get_available_upstream_workflows(self, workflow_id: str) -> list[Workflow]:
        """The workflows on which this one could depend without a cycle, by name. Raises WorkflowNotFound."""
        return self._questions.available_upstream(workflow_id)

    def validate_dependency(self, workflow_id: str, depends_on_workflow_id: str) -> DependencyValidation:
        """Whether a dependency could be added; if not, the chain of the cycle. Raises WorkflowNotFound."""
        return self._questions.validate_dependency(downstream=workflow_id, upstream=depends_on_workflow_id)

    # Definitions of a file

    def stored_definitions(self) -> StoredDefinitions:
        """All workflows and triggers."""
        return self._definitions.stored()

    def change_definitions(self, decide: Callable[[StoredDefinitions], DefinitionChanges]) -> DefinitionChanges:
        """Write what ``decide`` purely decides from what is stored, in one transaction under the graph's lock."""
        return self._definitions.change_definitions(decide)

    # Executions

    def start(
        self,
        workflow_id: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        execution_id: str | None = None,
        trigger_id: str | None = None,
        caused_by: str | None = None,
    ) -> Execution:
        """Start a workflow by hand: always possible, also where its triggers are disabled.

        The same ``execution_id`` again answers the stored execution, for another workflow it raises ExecutionConflict.
        ``caused_by`` names an execution whose root and hop are inherited. Raises WorkflowNotFound, TriggerNotFound,
        ExecutionNotFound, InvalidExecution.
        """
        return self._starts.start(
            workflow_id, parameters, execution_id=execution_id, trigger_id=trigger_id, caused_by=caused_by
        )

    def emit(self, event_type: str, payload: Mapping[str, Any] | None = None, *, key: str) -> list[Execution]:
        """Start every enabled event trigger of this type with ``payload`` as parameters, once per (trigger, key).

        The same key again starts nothing and answers the same executions. Raises InvalidExecution for an event type,
        key or payload that cannot be stored.
        """
        return self._starts.emit(event_type, payload, key=key)

    def complete(
        self,
        execution_id: str,
        status: str,
        *,
        workflow_id: str | None = None,
        error: str | None = None,
        claim: Claim | None = None,
    ) -> CompletionResult:
        """Record that an execution ended, once, and start what its triggers ask for.

        The same completion again answers the same and starts nothing; another terminal status raises
        CompletionConflict, another workflow than the execution's InvalidExecution. An execution never seen is recorded
        if ``workflow_id`` names an existing workflow, else WorkflowNotFound; without one ExecutionNotFound. A ``claim``
        that is no longer believed raises LeaseLost.
        """
        return self._completions.complete(
            Completion(
                execution_id=execution_id,
                status=cast(EndStatus, status),
                workflow_id=workflow_id,
                error=error,
                claim=claim,
            )
        )

    def complete_many(
        self, completions: Iterable[Completion | Mapping[str, Any]]
    ) -> list[CompletionResult | FlowforgeGraphError]:
        """Record many completions in one transaction; one result or error for each, in order.

        Each is a Completion, a mapping of its fields or ``(execution_id, status[, workflow_id])``. Raises
        DatabaseError, and then none of them was answered.
        """
        return self._completions.complete_many(completions)

    def cancel(self, execution_id: str) -> Execution:
        """Cancel: a pending execution ends at once; a running one is asked to stop, and its holder settles it.

        Cancelling twice answers the same; what has completed or failed raises ExecutionConflict. Raises
        ExecutionNotFound.
        """
        execution = self._completions.cancel(execution_id)
        self._dispatcher.stop_here(execution_id)
        return execution

    def get_execution(self, execution_id: str) -> Execution:
        """The execution of this id. Raises ExecutionNotFound."""
        return self._questions.execution(execution_id)

    def list_executions(
        self,
        workflow_id: str | None = None,
        *,
        trigger_type: str | None = None,
        trigger_id: str | None = None,
        status: str | None = None,
        root_execution_id: str | None = None,
        roots: Collection[str] | None = None,
        limit: int = 50,
        before_seq: int | None = None,
    ) -> list[Execution]:
        """The executions that meet every given filter, newest first, at most ``limit``.

        ``root_execution_id`` or ``roots`` name cascades; ``before_seq`` (the last ``seq`` seen) continues an earlier
        list. Raises InvalidExecution for an unknown status or type, or a limit below 1.
        """
        wanted = roots if root_execution_id is None else [root_execution_id]
        return self._questions.executions(
            workflow_id=workflow_id,
            trigger_type=trigger_type,
            trigger_id=trigger_id,
            status=status,
            roots=wanted,
            limit=limit,
            before_seq=before_seq,
        )

    def get_verdicts(self, execution_id: str) -> list[Verdict]:
        """What each trigger answered to this execution's completion. Raises ExecutionNotFound."""
        return self._completions.verdicts(execution_id)

    # Runs of another engine, such as Prefect

    def record_external_ends(self, ends: Iterable[ExternalEnd]) -> list[CompletionResult | FlowforgeGraphError]:
        """Record how runs of another engine ended; one result or error for each, in order.

        Each (external id, run count) is one execution, whoever tells of it and however often: the one that the run
        carries; else, and where that engine started it again by itself, a new one, which is recorded. The first status
        stands. Raises DatabaseError, and then some of them may have been recorded; tell them all again.
        """
        return self._external_ends.record(list(ends))

    def get_external_end(self, execution_id: str) -> RecordedEnd | None:
        """The end of the run that an execution was elsewhere, as that engine told it; None where it told of none."""
        return self._external_ends.of_execution(execution_id)

    def list_running_elsewhere(
        self, *, cancel_requested: bool = False, after_seq: int = 0, limit: int = 200
    ) -> list[Execution]:
        """The running executions that an executor handed over to another engine, oldest first.

        ``cancel_requested``: only those that somebody asked to cancel. ``after_seq`` (the last ``seq`` seen) continues
        an earlier list. Raises InvalidExecution for a limit below 1.
        """
        return self._external_ends.running(
            cancel_requested=cancel_requested, after_seq=after_seq, limit=checked_limit(limit)
        )

    def get_cursor(self, name: str) -> datetime | None:
        """How far the follower of this name has come, in the followed engine's time; None before its first step."""
        return self._external_ends.cursor(name)

    def advance_cursor(self, name: str, position: datetime) -> None:
        """Move a follower's cursor forwards to an aware datetime (else InvalidTime), in whole seconds; never back."""
        self._external_ends.advance(name, as_instant(position, field="position"))

    def read_events(self, after: int | None = None, limit: int = 500) -> EventPage:
        """What changed after a position: executions, triggers and workflows, whichever process changed them.

        Every committed change comes once, causes before effects, at most ``limit`` (10,000) at a time; go on from
        the page's ``position``. ``after=None`` answers no events and the position of now. The newest ``feed_kept``
        events are kept: the page says where some after ``after`` are gone, or where ``after`` was never given out here.
        Raises InvalidExecution for an ``after`` below 0 or a limit below 1. An idle read is one indexed query.
        """
        return self._feed.read(after, limit=limit)

    def prune(self, before: datetime) -> PruneResult:
        """Remove the history of cascades that ended wholly before ``before``, leaving tombstones.

        ``before`` is an aware datetime, else InvalidTime. Answers how much went. Of the feed the newest ``feed_kept``
        events stay.
        """
        return self._pruning.prune(before)

    def health(self) -> Health:
        """What waits and what runs now: counts for whoever watches, one query each. Raises DatabaseError."""
        return self._health.health()

    def schema_is_current(self) -> bool:
        """Whether no newer version of this package has migrated the database meanwhile. Raises DatabaseError."""
        return self._health.schema_is_current()

    # API tokens

    def create_token(
        self, scopes: Collection[str], *, name: str | None = None, expires_at: datetime | None = None
    ) -> NewToken:
        """Make an API token; ``.text`` of the answer is what its holder sends, and is told this once.

        ``scopes``: one or more of ``read``, ``run`` and ``write``. ``expires_at``: the aware datetime from which on it
        counts no more; None: never. Raises InvalidToken for scopes, a name or an expiry that cannot be accepted.
        """
        return self._tokens.create(scopes, name=name, expires_at=expires_at)

    def list_tokens(self) -> list[Token]:
        """All API tokens that were ever made, newest first."""
        return self._tokens.list()

    def has_tokens(self) -> bool:
        """Whether any API token was ever made, revoked and expired ones included: then callers must show one."""
        return self._tokens.exist()

    def revoke_token(self, token_id: str) -> Token:
        """Revoke an API token for ever, by its id or its text; again, it answers the same. Raises TokenNotFound."""
        return self._tokens.revoke(token_id)

    def authenticate(self, token_text: str) -> Token | None:
        """The API token of this text; None for anything that is none, or that is revoked or expired.

        One read. The use is recorded about once a minute a token, and never makes this call fail or wait for others.
        """
        return self._tokens.authenticate(token_text)

    # Loops, for a host to call; none of them sleeps

    def tick(self, now: datetime | None = None) -> TickResult:
        """Turn due fire times of the engine's schedules into executions, each once; answers what was started.

        ``now``: the instant up to which, an aware datetime (else InvalidTime); the clock's by default.
        """
        return self._ticks.tick(now)

    def dispatch_due(
        self, now: datetime | None = None, *, roots: Collection[str] | None = None, ignore_delays: bool = False
    ) -> int:
        """Start due executions on the executor, and those of lost holders again; answers how many were started.

        ``now``: as of :meth:`tick`. ``roots`` restricts it to some cascades; ``ignore_delays`` starts delayed
        executions at once.
        """
        return self._dispatcher.dispatch_due(now, roots=roots, ignore_delays=ignore_delays)

    def run_until_idle(self) -> None:
        """Tick once, then dispatch until nothing is due and nothing runs in this process. Delays are not waited out."""
        self.tick()
        self._dispatcher.run_until_idle()

    def wait(self, timeout: float | None = None) -> None:
        """Block until this engine has work again: an execution of this process ended, or one was made due by it.

        At most ``timeout`` seconds: what other processes do, and time itself, give no call.
        """
        self._dispatcher.wait(timeout)

    def wake(self) -> None:
        """Let :meth:`wait` return, in whatever thread it waits: another one knows of something due."""
        self._context.wake.call()

    def next_available_at(self, roots: Collection[str] | None = None) -> datetime | None:
        """When the next pending execution may start, None if none is pending."""
        return self._questions.next_available_at(roots)

    # Claims, for a host that runs executions itself

    def claim_due(self, limit: int = 1) -> list[Claim]:
        """Claim at most ``limit`` due executions, those of lost holders included. Renew each within the lease.

        Raises InvalidExecution for a limit below 1.
        """
        self._claims.recover_lost(self._dispatcher.held_ids())
        return self._claims.claim_due(checked_limit(limit), now=to_seconds(self._context.now()))

    def renew(self, claim: Claim) -> Claim:
        """Give a sign of life. The answer tells whether a cancel was requested. Raises LeaseLost."""
        live = self._claims.renew([claim]).get(claim.token)
        if live is None:
            raise LeaseLost(claim.execution_id)
        return claim.evolve(renewals=live.renewals, cancel_requested=live.cancel_requested)

    def mark_running(self, claim: Claim, external_id: str | None = None) -> None:
        """Record that the execution runs. With an ``external_id`` the lease ends: another system has it now.

        Raises LeaseLost.
        """
        if not self._claims.mark_running(claim, external_id, keeps_lease=external_id is None):
            raise LeaseLost(claim.execution_id)

    def release(self, claim: Claim) -> None:
        """Hand a claimed execution back: it is pending again. Raises LeaseLost.

        One that had been marked running for the last of ``max_attempts`` ends ``failed``, reason ``lost``.
        """
        self._claims.release(claim)
