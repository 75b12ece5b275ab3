"""The catalogue of facts: all that this package ever says in a log, and nothing else.

A fact is a frozen value. Its class says how it is called (``event``), how loud it is (``level``), and how it reads
(``sentence``); the first line of its docstring is its line in ``docs/operations.md``, which a test holds to this
module. INFO is what happened, DEBUG is chatter, WARNING is worth a look, ERROR needs a person.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import ClassVar, Final

_ENGINE: Final = logging.getLogger("flowforge_graph.engine")
_EVALUATION: Final = logging.getLogger("flowforge_graph.evaluation")
_STORAGE: Final = logging.getLogger("flowforge_graph.storage")
_LOCAL: Final = logging.getLogger("flowforge_graph.executors.local")
_PREFECT: Final = logging.getLogger("flowforge_graph.executors.prefect")
_CLIENT: Final = logging.getLogger("flowforge_graph.client")
_COMMAND_LINE: Final = logging.getLogger("flowforge_graph.cli")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """Something that happened, once."""

    event: ClassVar[str]
    sentence: ClassVar[str]
    level: ClassVar[int] = logging.INFO
    logger: ClassVar[logging.Logger] = _ENGINE

    def fields(self) -> dict[str, object]:
        """The fact's own fields by name: what a log record carries beside ``event``."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


# How an execution ends: each end is exactly one of three facts, with the same fields.


@dataclass(frozen=True, kw_only=True, slots=True)
class End(Fact):
    """What the three facts about an end have in common; ``external_id`` is what another engine called the run."""

    execution_id: str
    workflow_id: str
    root_execution_id: str
    external_id: str | None
    status: str
    reason: str | None
    error: str | None
    attempt: int
    duration_ms: int | None
    triggered: int
    skipped: int
    skipped_for: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionRecorded(End):
    """An execution ended by its own doing; ``skipped_for`` counts the reasons of triggers that started nothing."""

    event = "completion.recorded"
    sentence = "execution %(execution_id)s of %(workflow_id)s %(status)s: %(triggered)s triggered, %(skipped)s skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionCancelled(End):
    """An execution ended cancelled; ``reason`` says why, where the engine knows."""

    event = "execution.cancelled"
    sentence = "execution %(execution_id)s of %(workflow_id)s was cancelled: %(reason)s"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionDeadLettered(End):
    """An execution ended failed after its last try: it could not be dispatched, or its holder was lost."""

    event = "execution.dead_lettered"
    level = logging.ERROR
    sentence = "execution %(execution_id)s of %(workflow_id)s is a dead letter (%(reason)s): %(error)s"


# Completions that change nothing.


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionRepeated(Fact):
    """The same completion was told again; it got the same answer and started nothing."""

    event = "completion.repeated"
    sentence = "execution %(execution_id)s of %(workflow_id)s was told again to have %(status)s"
    execution_id: str
    workflow_id: str
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionConflicted(Fact):
    """A completion contradicted the recorded one and was refused."""

    event = "completion.conflicted"
    level = logging.WARNING
    sentence = "execution %(execution_id)s has ended as %(stored_status)s: a completion as %(status)s was refused"
    execution_id: str
    stored_status: str
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionRefused(Fact):
    """A completion was of no known execution or workflow, or invalid."""

    event = "completion.refused"
    sentence = "a completion of execution %(execution_id)s was refused: %(error)s"
    execution_id: str
    error: str


# Executions on their way.


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionCreated(Fact):
    """A person or an event started a workflow: a pending execution is stored."""

    event = "execution.created"
    sentence = "execution %(execution_id)s of %(workflow_id)s is pending (%(trigger_type)s)"
    execution_id: str
    workflow_id: str
    trigger_type: str
    trigger_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionClaimed(Fact):
    """This process took a due execution, to start it."""

    event = "execution.claimed"
    sentence = "execution %(execution_id)s of %(workflow_id)s is claimed (attempt %(attempt)s)"
    execution_id: str
    workflow_id: str
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionStarted(Fact):
    """An execution runs; ``external_id`` is what the executor calls it, None where this process holds it."""

    event = "execution.started"
    sentence = "execution %(execution_id)s of %(workflow_id)s runs (attempt %(attempt)s)"
    execution_id: str
    workflow_id: str
    attempt: int
    external_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionReleased(Fact):
    """A holder handed its execution back: it is pending again."""

    event = "execution.released"
    sentence = "execution %(execution_id)s of %(workflow_id)s was handed back"
    execution_id: str
    workflow_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelRequested(Fact):
    """Somebody asked for a running execution to be stopped; its holder will."""

    event = "execution.cancel_requested"
    sentence = "execution %(execution_id)s of %(workflow_id)s was asked to stop"
    execution_id: str
    workflow_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DispatchFailed(Fact):
    """The executor did not start an execution; it is asked again at ``retry_at``."""

    event = "dispatch.failed"
    level = logging.WARNING
    sentence = "execution %(execution_id)s of %(workflow_id)s was not started, next try at %(retry_at)s: %(error)s"
    execution_id: str
    workflow_id: str
    dispatch_failures: int
    retry_at: datetime
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorBroke(Fact):
    """An executor raised something else than DispatchError; the traceback is in the record."""

    event = "dispatch.broke"
    level = logging.ERROR
    sentence = "the executor failed to start execution %(execution_id)s"
    execution_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorOut(Fact):
    """The executor as a whole is away; what is due waits for it, and none of it ends because of that."""

    event = "dispatch.executor_out"
    level = logging.WARNING
    sentence = "what is due waits (%(executions)s so far), next try in %(retry_seconds)s s: %(error)s"
    executions: int
    retry_seconds: float
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorBack(Fact):
    """The executor answers again, after so many times that it did not."""

    event = "dispatch.executor_back"
    # Whoever was told of the outage is told of its end.
    level = logging.WARNING
    sentence = "the executor answers again"
    times: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NotCalledOff(Fact):
    """An execution was cancelled while it was handed over, and could not be stopped where it runs now."""

    event = "dispatch.not_called_off"
    level = logging.WARNING
    sentence = "the cancelled execution %(execution_id)s may still run elsewhere: %(error)s"
    execution_id: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseLost(Fact):
    """A claim of this process is believed no more: another process took the execution over, or it was cancelled."""

    event = "lease.lost"
    level = logging.WARNING
    sentence = "the claim on execution %(execution_id)s is believed no more"
    execution_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseTakenOver(Fact):
    """This process took an execution from a holder that gave no sign of life for a whole lease."""

    event = "lease.taken_over"
    level = logging.WARNING
    sentence = "execution %(execution_id)s was taken over: the holder of attempt %(attempt)s gave no sign of life"
    execution_id: str
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LeasesNotRenewed(Fact):
    """The leases of what runs here could not be renewed; that is tried again, and what runs stops after one lease."""

    event = "lease.not_renewed"
    level = logging.WARNING
    logger = _LOCAL
    sentence = "the leases of %(executions)s executions could not be renewed, trying again: %(error)s"
    executions: int
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EndNotRecorded(Fact):
    """An execution of this process ended and the database cannot take it now; that is tried again."""

    event = "end.not_recorded"
    level = logging.ERROR
    sentence = "the end of execution %(execution_id)s cannot be recorded now"
    execution_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EndOverruled(Fact):
    """An execution of this process ended and that counts no more: it was taken over, or ended otherwise before."""

    event = "end.overruled"
    level = logging.WARNING
    sentence = "the end of execution %(execution_id)s counts no more: %(error)s"
    execution_id: str
    error: str


# The local executor.


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionBroke(Fact):
    """The local executor itself failed on an execution, which ends failed; the traceback is in the record."""

    event = "local.broke"
    level = logging.ERROR
    logger = _LOCAL
    sentence = "execution %(execution_id)s could not be run"
    execution_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EndNotReported(Fact):
    """The local executor could not report an end; whoever takes the lease over does the execution again."""

    event = "local.end_not_reported"
    level = logging.ERROR
    logger = _LOCAL
    sentence = "the end of execution %(execution_id)s could not be reported"
    execution_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CallableNotStopped(Fact):
    """A Python callable still runs though its execution was ended: it ends with this process."""

    event = "local.callable_not_stopped"
    level = logging.WARNING
    logger = _LOCAL
    sentence = "execution %(execution_id)s cannot be stopped: its callable ends with this process"
    execution_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptWaits(Fact):
    """A new attempt has waited ten seconds for the earlier one to end on this machine."""

    event = "local.attempt_waits"
    level = logging.WARNING
    logger = _LOCAL
    sentence = "execution %(execution_id)s waits for its earlier attempt, which still runs here"
    execution_id: str


# Schedules.


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleFired(Fact):
    """A tick turned a fire time into a pending execution."""

    event = "schedule.fired"
    sentence = "schedule %(trigger_id)s of %(workflow_id)s fired for %(fire_time)s: execution %(execution_id)s"
    trigger_id: str
    workflow_id: str
    execution_id: str
    fire_time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleDropped(Fact):
    """A misfire policy did not start a range of due fire times."""

    event = "schedule.dropped"
    level = logging.WARNING
    sentence = (
        "schedule %(trigger_id)s of %(workflow_id)s: %(fire_times)s fire times from %(first)s to %(last)s"
        " not started (%(reason)s)"
    )
    trigger_id: str
    workflow_id: str
    first: datetime
    last: datetime
    fire_times: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticked(Fact):
    """The schedules were looked at."""

    event = "schedule.ticked"
    level = logging.DEBUG
    sentence = "a tick started %(started)s executions"
    started: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleUnreadable(Fact):
    """A stored schedule cannot be read and starts nothing until somebody mends its row."""

    event = "schedule.unreadable"
    level = logging.ERROR
    logger = _STORAGE
    sentence = "the stored schedule %(trigger_id)s cannot be read and is passed over"
    trigger_id: str


# What is defined.


@dataclass(frozen=True, kw_only=True, slots=True)
class CycleRefused(Fact):
    """A trigger would have closed a cycle and was refused; ``chain`` starts and ends with the same workflow."""

    event = "cycle.refused"
    sentence = "a trigger was refused: %(chain)s would be a cycle"
    chain: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _WorkflowChange(Fact):
    workflow_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowCreated(_WorkflowChange):
    """A workflow was stored."""

    event = "workflow.created"
    sentence = "workflow %(workflow_id)s was created"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowChanged(_WorkflowChange):
    """A workflow's name, run or other fields were changed."""

    event = "workflow.changed"
    sentence = "workflow %(workflow_id)s was changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowDeleted(_WorkflowChange):
    """A workflow was deleted; its triggers and pending executions have facts of their own."""

    event = "workflow.deleted"
    sentence = "workflow %(workflow_id)s was deleted"


@dataclass(frozen=True, kw_only=True, slots=True)
class _TriggerChange(Fact):
    trigger_id: str
    workflow_id: str
    trigger_type: str
    enabled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerCreated(_TriggerChange):
    """A trigger was stored."""

    event = "trigger.created"
    sentence = "%(trigger_type)s trigger %(trigger_id)s of %(workflow_id)s was created"


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerChanged(_TriggerChange):
    """A trigger was changed, enabled or disabled."""

    event = "trigger.changed"
    sentence = "%(trigger_type)s trigger %(trigger_id)s of %(workflow_id)s was changed (enabled: %(enabled)s)"


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerDeleted(Fact):
    """A trigger was deleted, alone or with its workflow."""

    event = "trigger.deleted"
    sentence = "trigger %(trigger_id)s was deleted"
    trigger_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentSynchronised(Fact):
    """Prefect's deployment of a scheduled trigger was made, or brought to what is stored."""

    event = "deployment.synchronised"
    sentence = "Prefect deployment %(deployment_id)s of trigger %(trigger_id)s is as stored"
    trigger_id: str
    deployment_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentDeleted(Fact):
    """Prefect's deployment of a scheduled trigger was deleted, and with it the runs that waited for their time."""

    event = "deployment.deleted"
    sentence = "Prefect deployment %(deployment_id)s of trigger %(trigger_id)s was deleted"
    trigger_id: str
    deployment_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentNotFollowed(Fact):
    """A trigger was changed and its Prefect deployment was not: `deployments repair` brings it to what is stored."""

    event = "deployment.not_followed"
    sentence = "the Prefect deployment of trigger %(trigger_id)s did not follow its change: %(error)s"
    level = logging.WARNING
    trigger_id: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefectNotReconciled(Fact):
    """A round of the reconciler met a fault of Prefect or of the database; the next one begins where it did."""

    event = "prefect.not_reconciled"
    level = logging.WARNING
    logger = _PREFECT
    sentence = "completions on Prefect are not followed, next try in %(retry_seconds)s s: %(error)s"
    retry_seconds: float
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefectBack(Fact):
    """The reconciler follows Prefect again, after so many rounds that met a fault."""

    event = "prefect.back"
    logger = _PREFECT
    # Whoever was told of the outage is told of its end.
    level = logging.WARNING
    sentence = "completions on Prefect are followed again"
    times: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowRunSilent(Fact):
    """A flow run says that it runs and gives no heartbeat: its process may be gone, or heartbeats are off."""

    event = "prefect.run_silent"
    level = logging.WARNING
    logger = _PREFECT
    sentence = (
        "flow run %(flow_run_id)s of execution %(execution_id)s has given no heartbeat for %(silent_seconds)s s: "
        "look at its worker, or set PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30 where it runs"
    )
    execution_id: str
    flow_run_id: str
    silent_seconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowRunMissing(Fact):
    """An execution runs by our account, and Prefect has no such flow run: deleted, or this is another Prefect."""

    event = "prefect.run_missing"
    level = logging.ERROR
    logger = _PREFECT
    sentence = (
        "Prefect has no flow run %(flow_run_id)s of execution %(execution_id)s: complete or cancel the execution, "
        "or mend PREFECT_API_URL"
    )
    execution_id: str
    flow_run_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowRunNotAdopted(Fact):
    """Several workflows run by one deployment, and a run that Prefect started by itself does not say whose it is."""

    event = "prefect.run_not_adopted"
    level = logging.WARNING
    logger = _PREFECT
    sentence = "flow run %(flow_run_id)s of %(deployment)s is not recorded: it may be of any of %(workflows)s"
    flow_run_id: str
    deployment: str
    workflows: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowRunParametersDropped(Fact):
    """A run that Prefect started by itself was recorded without its parameters, which cannot be stored."""

    event = "prefect.parameters_dropped"
    level = logging.WARNING
    logger = _PREFECT
    sentence = "flow run %(flow_run_id)s is recorded without its parameters: %(error)s"
    flow_run_id: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerNotEvaluated(Fact):
    """A trigger could not be evaluated on a completion: it is skipped, its siblings are not."""

    event = "trigger.not_evaluated"
    level = logging.ERROR
    logger = _EVALUATION
    sentence = "trigger %(trigger_id)s cannot be evaluated for execution %(execution_id)s"
    trigger_id: str
    execution_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerSpoilt(Fact):
    """A stored trigger is not one that could be created: somebody changed its row by hand."""

    event = "trigger.spoilt"
    level = logging.WARNING
    logger = _STORAGE
    sentence = "the stored trigger %(trigger_id)s is not one that could be created: %(error)s"
    trigger_id: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphLoaded(Fact):
    """The whole graph was read from the rows: at the first question, or where the log did not lead on."""

    event = "graph.loaded"
    sentence = "loaded the graph at revision %(revision)s: %(workflows)s workflows"
    revision: int
    workflows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRowUnfit(Fact):
    """A row of the change log contradicts the graph: somebody wrote rows by hand, and the graph is loaded anew."""

    event = "graph.log_row_unfit"
    level = logging.ERROR
    sentence = "log row %(revision)s does not apply: the graph is loaded anew"
    revision: int


# The database.


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseRetried(Fact):
    """A transaction lost against another one, or its connection was lost, and is decided anew."""

    event = "database.retried"
    level = logging.DEBUG
    logger = _STORAGE
    sentence = "a transaction is tried again (try %(tries)s failed): %(error)s"
    tries: int
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseUnreachable(Fact):
    """No server answered, or the connection was lost for good; the caller got DatabaseUnreachable."""

    event = "database.unreachable"
    level = logging.WARNING
    logger = _STORAGE
    sentence = "%(error)s"
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WalUnsafe(Fact):
    """The linked SQLite lacks the WAL-reset fix, so that a rollback journal is used."""

    event = "sqlite.wal_unsafe"
    level = logging.WARNING
    logger = _STORAGE
    sentence = (
        "SQLite %(version)s lacks the WAL-reset fix: using a rollback journal;"
        " pip install 'flowforge-graph[sqlite]' brings a fixed SQLite"
    )
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalKept(Fact):
    """The file is in use, so that its journal mode could not be changed."""

    event = "sqlite.journal_kept"
    level = logging.WARNING
    logger = _STORAGE
    sentence = "the file is in use: its journal mode stays as it is, and does not become %(journal)s"
    journal: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPruned(Fact):
    """Old cascades were removed."""

    event = "history.pruned"
    sentence = "pruned what ended before %(before)s: %(cascades)s cascades, %(executions)s executions"
    before: datetime
    cascades: int
    executions: int
    verdicts: int


# API tokens: their ids, never their texts.


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCreated(Fact):
    """An API token was made."""

    event = "token.created"
    sentence = "API token %(token_id)s was created"
    token_id: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRevoked(Fact):
    """An API token was revoked: it counts no more."""

    event = "token.revoked"
    sentence = "API token %(token_id)s was revoked"
    token_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUseNotRecorded(Fact):
    """The last uses of API tokens could not be stored; the calls were answered, and that is tried again."""

    event = "token.use_not_recorded"
    level = logging.WARNING
    sentence = "the last use of %(tokens)s API tokens could not be stored: %(error)s"
    tokens: int
    error: str


# What a flow says of telling the API.


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionNotified(Fact):
    """A flow told the API of a completion, at this try."""

    event = "completion.notified"
    logger = _CLIENT
    sentence = (
        "told that execution %(execution_id)s of %(workflow_id)s has %(status)s:"
        " %(triggered)s triggered, %(skipped)s skipped"
    )
    execution_id: str
    workflow_id: str
    status: str
    triggered: int
    skipped: int
    tries: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NotifyRetried(Fact):
    """The API could not be told of a completion; that is tried again after ``retry_seconds``."""

    event = "completion.notify_retried"
    level = logging.WARNING
    logger = _CLIENT
    sentence = "the end of execution %(execution_id)s is told again in %(retry_seconds)s s: %(error)s"
    execution_id: str
    tries: int
    retry_seconds: float
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionNotNotified(Fact):
    """The API was not told of a completion, and what it would have started does not start until somebody tells it."""

    event = "completion.not_notified"
    level = logging.ERROR
    logger = _CLIENT
    sentence = "nobody was told that execution %(execution_id)s of %(workflow_id)s has %(status)s: %(error)s"
    execution_id: str
    workflow_id: str
    status: str
    tries: int
    error: str


# The command line's loop.


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeNotice(Fact):
    """``serve`` began, stops, or has stopped."""

    event = "serve.notice"
    logger = _COMMAND_LINE
    sentence = "%(notice)s"
    notice: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeTrouble(Fact):
    """A turn of ``serve`` failed on the database; the next comes after ``retry_seconds``."""

    event = "serve.trouble"
    level = logging.ERROR
    logger = _COMMAND_LINE
    sentence = "database trouble, trying again in %(retry_seconds)s s: %(error)s"
    retry_seconds: int
    error: str


# Whoever listens.


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenerFailed(Fact):
    """A host's listener raised on the named fact; the fact stands, and the traceback is in the record."""

    event = "listener.failed"
    level = logging.ERROR
    sentence = "a listener failed on the fact %(fact)s"
    fact: str


ENDS: Final[tuple[type[End], ...]] = (CompletionRecorded, ExecutionCancelled, ExecutionDeadLettered)

CATALOGUE: Final[tuple[type[Fact], ...]] = (
    *ENDS,
    CompletionRepeated,
    CompletionConflicted,
    CompletionRefused,
    ExecutionCreated,
    ExecutionClaimed,
    ExecutionStarted,
    ExecutionReleased,
    CancelRequested,
    DispatchFailed,
    ExecutorBroke,
    ExecutorOut,
    ExecutorBack,
    NotCalledOff,
    LeaseLost,
    LeaseTakenOver,
    LeasesNotRenewed,
    EndNotRecorded,
    EndOverruled,
    ExecutionBroke,
    EndNotReported,
    CallableNotStopped,
    AttemptWaits,
    ScheduleFired,
    ScheduleDropped,
    Ticked,
    ScheduleUnreadable,
    CycleRefused,
    WorkflowCreated,
    WorkflowChanged,
    WorkflowDeleted,
    TriggerCreated,
    TriggerChanged,
    TriggerDeleted,
    DeploymentSynchronised,
    DeploymentDeleted,
    DeploymentNotFollowed,
    PrefectNotReconciled,
    PrefectBack,
    FlowRunSilent,
    FlowRunMissing,
    FlowRunNotAdopted,
    FlowRunParametersDropped,
    TriggerNotEvaluated,
    TriggerSpoilt,
    GraphLoaded,
    LogRowUnfit,
    DatabaseRetried,
    DatabaseUnreachable,
    WalUnsafe,
    JournalKept,
    HistoryPruned,
    TokenCreated,
    TokenRevoked,
    TokenUseNotRecorded,
    CompletionNotified,
    NotifyRetried,
    CompletionNotNotified,
    ServeNotice,
    ServeTrouble,
    ListenerFailed,
)
