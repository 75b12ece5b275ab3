"""Every error that this package raises on purpose.

One root, :class:`FlowforgeGraphError`. Each error is one sentence that says what is wrong and where, carries the
objects it speaks of, and also is the builtin that a caller would expect. They pickle, so that they cross processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ARROW = " → "

_SHOWN_LENGTH = 80


def printable(text: str) -> str:
    """``text`` with everything that does not print (control characters, escapes, overrides) as a visible escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def shown(value: object) -> str:
    """``repr(value)``, shortened so that a hostile value cannot flood a message."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN_LENGTH else f"{value[:_SHOWN_LENGTH]!r}… ({len(value):,} characters)"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a caller's broken repr must not hide the error that is being worded
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


__all__ = [
    "CompletionConflict",
    "CycleError",
    "DatabaseError",
    "DatabaseNewer",
    "DatabaseUnreachable",
    "DeploymentError",
    "DeploymentNotFound",
    "DeploymentsUnreachable",
    "DiagramTooLarge",
    "DispatchError",
    "DuplicateTrigger",
    "ExecutionConflict",
    "ExecutionNotFound",
    "ExtraMissing",
    "FlowforgeGraphError",
    "ImageError",
    "InvalidDefinition",
    "InvalidDiagram",
    "InvalidExecution",
    "InvalidSchedule",
    "InvalidTime",
    "InvalidToken",
    "InvalidTrigger",
    "InvalidWorkflow",
    "LeaseLost",
    "NotifyError",
    "PermanentDispatchError",
    "TableConflict",
    "TokenNotFound",
    "TriggerNotFound",
    "WorkflowConflict",
    "WorkflowNotFound",
]


class FlowforgeGraphError(Exception):
    """The root of all errors of this package; each says one printable sentence, whatever it speaks of."""

    def sentence(self) -> str:
        """What is wrong, in the words and with the objects of this error."""
        return super().__str__()

    def __str__(self) -> str:
        # Hosts log errors and answer them as they are: a line feed in an object must not become a second log line.
        return printable(self.sentence().replace("\n", " "))


class _Sentence(FlowforgeGraphError):
    """An error whose whole content is one ready sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def sentence(self) -> str:
        return self.message


# What a caller handed over and that is not acceptable.


class InvalidTrigger(_Sentence, ValueError):
    """A trigger value with a field that cannot be accepted."""


class InvalidWorkflow(_Sentence, ValueError):
    """A workflow value with a field that cannot be accepted."""


class InvalidExecution(_Sentence, ValueError):
    """A start, completion or cancellation with a field that cannot be accepted."""


class InvalidSchedule(_Sentence, ValueError):
    """A cron expression or time zone that cannot be accepted."""


class InvalidTime(_Sentence, ValueError):
    """A datetime without a time zone, where only an instant will do."""


class InvalidToken(_Sentence, ValueError):
    """An API token with scopes, a name or an expiry that cannot be accepted."""


class InvalidDefinition(_Sentence, ValueError):
    """A trigger file that cannot be accepted; the sentence begins with the file, the line and the key."""


class InvalidDiagram(_Sentence, ValueError):
    """A view of a diagram, or a note on a workflow in it, with a field that cannot be accepted."""


class ExtraMissing(_Sentence, ModuleNotFoundError):
    """A part of this package needs an extra that is not installed.

    ``extra`` is its name, ``name`` that of the module which is not there, as in Python's own error.
    """

    def __init__(self, part: str, extra: str, module: str | None = None) -> None:
        super().__init__(
            f"{part} needs the extra '{extra}' (there is no module '{module}'): pip install 'flowforge-graph[{extra}]'"
        )
        self.args = (part, extra, module)
        self.extra = extra
        self.name = module


@contextmanager
def needing(extra: str, part: str) -> Iterator[None]:
    """Imports in the block are of ``part`` and need ``extra``. Raises ExtraMissing for a module that is not ours."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "flowforge_graph").partition(".")[0]
        if package == "flowforge_graph":
            raise
        raise ExtraMissing(part, extra, package) from error


class ImageError(_Sentence, RuntimeError):
    """A diagram that could not be drawn."""


class DiagramTooLarge(ImageError):
    """A diagram that is larger than what is laid out, or takes longer: a part of it, or its text, can be had."""


class CycleError(FlowforgeGraphError, ValueError):
    """'{downstream}' cannot depend on '{upstream}': {chain} would be a cycle.

    ``chain`` starts and ends with the same workflow and follows the data: ``("A", "B", "A")`` for "A depends on B"
    where B already depends on A.
    """

    def __init__(self, chain: Sequence[str], source: str | None = None) -> None:
        super().__init__(tuple(chain), source)
        self.chain: tuple[str, ...] = tuple(chain)
        self.source = source

    @property
    def upstream(self) -> str:
        """The workflow that was to become the upstream: the last but one of the chain."""
        return self.chain[-2]

    @property
    def downstream(self) -> str:
        """The workflow that was to depend on it: the first and last of the chain."""
        return self.chain[0]

    def sentence(self) -> str:
        where = f"{self.source}: " if self.source else ""
        return (
            f"{where}'{self.downstream}' cannot depend on '{self.upstream}': {ARROW.join(self.chain)} would be a cycle"
        )


class DuplicateTrigger(_Sentence, ValueError):
    """A trigger that says exactly what a stored one already says; ``existing_id`` names that one."""

    def __init__(self, message: str, existing_id: str | None = None) -> None:
        super().__init__(message)
        self.args = (message, existing_id)
        self.existing_id = existing_id


# What is not there.


class _NotFound(FlowforgeGraphError, LookupError):
    kind = "object"

    def __init__(self, identifier: str) -> None:
        super().__init__(identifier)
        self.identifier = identifier

    def sentence(self) -> str:
        return f"there is no {self.kind} {shown(self.identifier)}"


class WorkflowNotFound(_NotFound):
    """There is no workflow of this id."""

    kind = "workflow"


class TriggerNotFound(_NotFound):
    """There is no trigger of this id."""

    kind = "trigger"


class ExecutionNotFound(_NotFound):
    """There is no execution of this id."""

    kind = "execution"


class DeploymentNotFound(_NotFound):
    """Prefect has no deployment of this trigger."""

    kind = "deployment of trigger"


class TokenNotFound(_NotFound):
    """There is no API token of this id."""

    kind = "API token"


# What contradicts something stored.


class WorkflowConflict(_Sentence, ValueError):
    """A workflow of this id exists already, or belongs to another source."""


class ExecutionConflict(_Sentence, ValueError):
    """An execution of this id exists for another workflow, or has ended and cannot be changed."""


class CompletionConflict(FlowforgeGraphError, ValueError):
    """The execution has already ended with another status."""

    def __init__(self, execution_id: str, stored_status: str, status: str) -> None:
        super().__init__(execution_id, stored_status, status)
        self.execution_id = execution_id
        self.stored_status = stored_status
        self.status = status

    def sentence(self) -> str:
        return f"execution '{self.execution_id}' has already ended as {self.stored_status}, not as {self.status}"


class LeaseLost(FlowforgeGraphError, RuntimeError):
    """The claim is no longer the one stored: another dispatcher holds the execution, or it has ended."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(execution_id)
        self.execution_id = execution_id

    def sentence(self) -> str:
        return f"the claim on execution '{self.execution_id}' is lost: another process took it over, or it has ended"


# What an executor answers.


class DispatchError(_Sentence, RuntimeError):
    """The executor could not start the execution now; trying again later may help."""

    def __str__(self) -> str:
        # An executor's own words, which are kept with the execution as they are, and escaped where they are shown.
        return self.message


class ExecutorUnavailable(DispatchError):
    """The executor as a whole is away: executions wait for it, however long, and none ends because of it."""


class PermanentDispatchError(DispatchError):
    """The executor can never start this execution: no retry will help."""


# What Prefect says of deployments.


class DeploymentError(_Sentence, RuntimeError):
    """A Prefect deployment could not be looked at or changed.

    ``details`` is what was answered; the sentence itself where there is no more to say.
    """

    def __init__(self, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.args = (message, details)
        self.details = str(self) if details is None else details


class DeploymentsUnreachable(DeploymentError):
    """Prefect does not answer now; trying again later may help."""


# What a flow hears.


class NotifyError(_Sentence, RuntimeError):
    """The API could not be told of a completion.

    ``status_code`` is that of its answer, None where there was none; ``tries`` is how often it was asked.
    """

    def __init__(self, message: str, status_code: int | None = None, tries: int = 0) -> None:
        super().__init__(message)
        self.args = (message, status_code, tries)
        self.status_code = status_code
        self.tries = tries


# What the database says.


class DatabaseError(_Sentence, RuntimeError):
    """The database could not be read or written: locked, full, read-only or out of reach."""


class DatabaseUnreachable(DatabaseError):
    """No server answers, or the connection to it was lost."""


class DatabaseNewer(DatabaseError):
    """The database was migrated by a newer version of this package."""


class TableConflict(DatabaseError):
    """The database holds a table with the name of one of ours that is not ours."""
