"""Checks of what is defined: rows, the graph, triggers and what can run them."""

from __future__ import annotations

from flowforge_graph.graph import DependencyEdge
from flowforge_graph.observability.findings import Finding, counted, listed, ok, problem, quoted, quoted_all, warning
from flowforge_graph.observability.graph_check import disagreements, fault_of_rows, has_gaps
from flowforge_graph.observability.look import Look


def rows(look: Look) -> Finding:
    """Can everything that is read again be read?"""
    rows = look.ask.unreadable_rows()
    if not rows:
        return ok("rows", "every workflow, trigger and living execution can be read")
    reasons = listed([f"{row.what} {quoted(row.id)} ({quoted(row.error)})" for row in rows])
    return problem("rows", f"{counted(len(rows), 'row')} cannot be read: {reasons}; correct or delete them by hand")


def graph(look: Look) -> Finding:
    """Is the stored graph free of cycles, and what the change log leads to?"""
    stored = look.ask.graph_rows()
    names = {row[0]: row[1] for row in stored.workflows}
    edges = {row[0]: DependencyEdge(*row)._replace(enabled=bool(row[5])) for row in stored.edges}
    fault = fault_of_rows(names, edges)
    if fault is not None:
        return problem("graph", f"{fault}: somebody wrote rows by hand; delete one of its triggers")
    if has_gaps(stored.revision, stored.log):
        return problem("graph", "the change log lacks rows: restart every process that uses this database")
    different = disagreements(names, edges, stored.revision, stored.log)
    if different:
        return problem(
            "graph",
            f"the rows of {listed(different)} were changed by hand, past the change log: restart every process"
            " that uses this database, then change each once with flowforge-graph",
        )
    return ok(
        "graph",
        f"no cycle in {counted(len(names), 'workflow')} and {counted(len(edges), 'dependency trigger')};"
        f" the log agrees, at revision {stored.revision.revision:,}",
    )


def triggers(look: Look) -> Finding:
    """Are the workflows that triggers name stored?"""
    dangling = look.ask.dangling_triggers()
    if not dangling:
        return ok("triggers", "every trigger names workflows that are stored")
    named = listed([f"{quoted(t.trigger_id)} (no {quoted_all(t.missing_workflow_ids)})" for t in dangling])
    return problem(
        "triggers",
        f"{counted(len(dangling), 'trigger')} name workflows that are not stored: {named};"
        " delete them, or create the workflows again",
    )


def executors(look: Look) -> Finding:
    """Can this machine run what triggers may start?"""
    runs = look.ask.runs_of_started_workflows()
    elsewhere = [workflow_id for workflow_id, kind in runs if kind not in {"command", "python", "prefect"}]
    if not elsewhere:
        return ok("executors", f"each of {counted(len(runs), 'workflow')} that triggers start has a run")
    return warning(
        "executors",
        f"triggers start {counted(len(elsewhere), 'workflow')} without a run: {quoted_all(elsewhere)};"
        " let a host run them and not 'serve', or give them a run",
    )
