"""Chains of workflows found the slow and obvious way, sharing no code with the graph that is tested by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class Edge(Protocol):
    """A dependency trigger, as a value or as a row."""

    @property
    def workflow_id(self) -> str:
        """The downstream workflow."""

    @property
    def depends_on_workflow_id(self) -> str | None:
        """The upstream workflow."""


def chains_from(triggers: Sequence[Edge], first: str) -> dict[str, list[str]]:
    """For ``first`` and all that depend on it a shortest chain from ``first``, nearest workflows first.

    Among equally short chains the one whose triggers come first. O(workflows × triggers).
    """
    chains = {first: [first]}
    for workflow in (queue := [first]):
        for trigger in triggers:
            if trigger.depends_on_workflow_id == workflow and trigger.workflow_id not in chains:
                chains[trigger.workflow_id] = [*chains[workflow], trigger.workflow_id]
                queue.append(trigger.workflow_id)
    return chains


def chain_between(triggers: Sequence[Edge], first: str, last: str) -> list[str] | None:
    """A shortest chain of workflows from ``first`` to ``last``, None where there is none."""
    return chains_from(triggers, first).get(last)


def refused_chain(triggers: Iterable[Edge], *, upstream: str, downstream: str) -> tuple[str, ...] | None:
    """The chain with which "downstream depends on upstream" must be refused, None where it closes no cycle.

    The shortest one, and of those the first by workflow ids (contract rule 1).
    """
    by_id = sorted(triggers, key=lambda trigger: trigger.workflow_id)
    chain = chain_between(by_id, downstream, upstream)
    return None if chain is None else (*chain, downstream)


def cycle_of(triggers: Sequence[Edge]) -> list[str] | None:
    """A chain that ends where it began, None where the graph has none."""
    for trigger in triggers:
        assert trigger.depends_on_workflow_id is not None
        chain = chain_between(triggers, trigger.workflow_id, trigger.depends_on_workflow_id)
        if chain is not None:
            return [*chain, trigger.workflow_id]
    return None
