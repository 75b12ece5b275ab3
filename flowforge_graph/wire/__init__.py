"""What a JSON reader sees, on the command line and over REST: camelCase, instants as Unix seconds. Value → document."""

from flowforge_graph.wire.deployments import (
    DeploymentDocument,
    DriftDocument,
    RepairDocument,
    ScheduleDifferenceDocument,
    deployment_sentence,
)
from flowforge_graph.wire.documents import Document, unix_seconds
from flowforge_graph.wire.events import EventDocument
from flowforge_graph.wire.executions import (
    CompletionDocument,
    ExecutionDocument,
    HistoryDocument,
    SkippedDocument,
    TriggeredDocument,
    VerdictDocument,
    WholeExecutionDocument,
    completion_sentence,
)
from flowforge_graph.wire.graph import DependencyGraphDocument, DependencyLinkDocument, ValidationDocument
from flowforge_graph.wire.tokens import TokenDocument
from flowforge_graph.wire.triggers import PreviewDocument, TriggerDocument
from flowforge_graph.wire.workflows import (
    DeletionDocument,
    UpstreamDocument,
    WorkflowDocument,
    run_document,
)

__all__ = [
    "CompletionDocument",
    "DeletionDocument",
    "DependencyGraphDocument",
    "DependencyLinkDocument",
    "DeploymentDocument",
    "Document",
    "DriftDocument",
    "EventDocument",
    "ExecutionDocument",
    "HistoryDocument",
    "PreviewDocument",
    "RepairDocument",
    "ScheduleDifferenceDocument",
    "SkippedDocument",
    "TokenDocument",
    "TriggerDocument",
    "TriggeredDocument",
    "UpstreamDocument",
    "ValidationDocument",
    "VerdictDocument",
    "WholeExecutionDocument",
    "WorkflowDocument",
    "completion_sentence",
    "deployment_sentence",
    "run_document",
    "unix_seconds",
]
