"""Dependencies, as documents."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from flowforge_graph.model import DependencyGraph, DependencyLink, DependencyValidation
from flowforge_graph.model.triggers import Condition
from flowforge_graph.wire.documents import Document, made, taken

Chain = Annotated[
    list[str],
    Field(
        description="The cycle in data-flow order; it begins and ends with the same workflow.",
        examples=[["A", "B", "C", "A"]],
    ),
]


class DependencyLinkDocument(Document):
    """One dependency trigger, seen from one of its ends: the workflow is the one at the other end."""

    model_config = ConfigDict(title="DependencyLink")

    trigger_id: str
    workflow_id: str
    workflow_name: str
    condition: Condition

    @classmethod
    def of(cls, link: DependencyLink) -> Self:
        """The document of a link."""
        return taken(cls, link)


class DependencyGraphDocument(Document):
    """The enabled dependency triggers into and out of one workflow, a row a trigger."""

    model_config = ConfigDict(title="DependencyGraph")

    upstream: list[DependencyLinkDocument]
    downstream: list[DependencyLinkDocument]

    @classmethod
    def of(cls, graph: DependencyGraph) -> Self:
        """The document of a dependency graph."""
        return made(
            cls,
            upstream=[DependencyLinkDocument.of(link) for link in graph.upstream],
            downstream=[DependencyLinkDocument.of(link) for link in graph.downstream],
        )


class ValidationDocument(BaseModel):
    """Whether a dependency could be added: with ``message`` if so, with ``error`` and ``chain`` if not."""

    model_config = ConfigDict(title="DependencyValidation", frozen=True, extra="forbid")

    valid: bool
    message: str | None = None
    error: str | None = None
    chain: Chain | None = None

    @classmethod
    def of(cls, validation: DependencyValidation) -> Self:
        """The document of a validation."""
        chain = None if validation.chain is None else list(validation.chain)
        return cls(valid=validation.valid, message=validation.message, error=validation.error, chain=chain)

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}
