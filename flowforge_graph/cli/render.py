"""``graph render``: the graph of a file or of the database, as a picture or as text."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import typer

from flowforge_graph.cli.exits import Refusal, say
from flowforge_graph.cli.options import whole_number
from flowforge_graph.cli.output import print_lines, print_text
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import count, shown
from flowforge_graph.errors import CycleError

if TYPE_CHECKING:
    from flowforge_graph.rendering import Diagram, DiagramFormat, DiagramView

Theme = Literal["light", "dark", "auto"]
Grouping = Literal["tag", "source"]
Direction = Literal["LR", "RL", "TB", "BT"]

EXAMPLES: Final = (
    "graph render flowforge.yaml -o graph.svg",
    "graph render --workflow silver --depth 1 -o silver.png",
    "graph render flowforge.yaml --group-by tag --theme dark > graph.dot",
)


def render(
    session: Session,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="A trigger file (YAML). Default: the database.")
    ] = None,
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A .svg, .png, .dot, .mmd or .json file. Default: DOT on stdout."
        ),
    ] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="ID", help="Only the neighbourhood of this workflow.")
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option("--depth", metavar="HOPS", parser=whole_number(at_least=1), help="How far that reaches. [all]"),
    ] = None,
    group_by: Annotated[
        Grouping | None, typer.Option("--group-by", help="Frame the workflows of one tag or source.")
    ] = None,
    reduce: Annotated[bool, typer.Option("--reduce", help="Leave out edges that a longer way implies.")] = False,
    theme: Annotated[Theme, typer.Option("--theme", help="With auto an SVG follows its reader's theme.")] = "light",
    direction: Annotated[Direction, typer.Option("--direction", help="Where the data flows.")] = "LR",
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Stands above. Default: the file's name; empty: none."),
    ] = None,
    no_legend: Annotated[bool, typer.Option("--no-legend", help="Leave the legend out.")] = False,
    draw_refused: Annotated[
        bool, typer.Option("--draw-refused", help="Draw a refused cycle in red; it stays refused.")
    ] = False,
) -> None:
    """Draw the graph as a picture or as text.

    The graph of a file, without any database, or of what is stored, then with the status of each last execution. Needs
    no Graphviz. A cycle is exit code 3.
    """
    from flowforge_graph.rendering import DiagramView

    target = None if output is None else _checked_target(output)
    if draw_refused and (file is None or target is None):
        raise Refusal("--draw-refused needs a FILE to read and -o for the picture")
    view = DiagramView(
        root=workflow,
        depth=depth,
        group_by=group_by,
        reduce=reduce,
        theme=theme,
        direction=direction,
        title=title,
        legend=not no_legend,
    )
    if file is None:
        _answer(session, _stored(session, view), target)
    else:
        _answer(session, _of_file(file, view, target if draw_refused else None), target)


def _stored(session: Session, view: DiagramView) -> Diagram:
    with session.engine() as engine:
        return engine.graph.diagram(view, notes=engine.workflow_notes())


def _of_file(file: str, view: DiagramView, refused_to: Path | None) -> Diagram:
    """The diagram of a file; one with a cycle is refused, and drawn to ``refused_to`` where that is given."""
    from flowforge_graph.definitions import definitions_diagram, load_definitions, unchecked_graph
    from flowforge_graph.rendering import diagram_of, notes_of

    definitions = load_definitions(file)
    view = view.evolve(title=definitions.name) if view.title is None else view
    try:
        return definitions_diagram(definitions, view)
    except CycleError as error:
        if refused_to is not None:
            notes = notes_of(definitions.workflows, definitions.triggers)
            _write(diagram_of(unchecked_graph(definitions), view.evolve(refused=error.chain), notes), refused_to)
            say(f"note: {shown(str(refused_to))} shows what was refused")
        raise


def _answer(session: Session, diagram: Diagram, target: Path | None) -> None:
    from flowforge_graph.rendering import dot_text, node_link_text

    if target is None:
        print_text((node_link_text if session.as_json else dot_text)(diagram).rstrip("\n"))
        return
    _write(diagram, target)
    triggers = sum(line.trigger_id is not None for line in diagram.lines)
    sentence = f"drew {count(len(diagram.boxes), 'workflow')} and {count(triggers, 'trigger')} to {target}"
    document: dict[str, Any] = {
        "success": True,
        "path": str(target),
        "workflowCount": len(diagram.boxes),
        "triggerCount": triggers,
    }
    session.answer(document, lambda: print_lines([sentence]))


def _checked_target(output: str) -> Path:
    """The file to write, refused before anything is drawn where it could not be."""
    from flowforge_graph.rendering import FORMATS

    target = Path(output)
    if target.suffix[1:].lower() not in FORMATS:
        suffixes = ", ".join(f".{name}" for name in FORMATS)
        raise Refusal(f"-o must end in one of {suffixes}, as {shown(output)!r} does not")
    if target.exists() and not target.is_file():
        raise Refusal(f"{shown(output)!r} is no file that could be written: name another one after -o")
    if not target.parent.is_dir():
        raise Refusal(f"there is no folder {shown(str(target.parent))!r} for the picture: make it first")
    return target


def _write(diagram: Diagram, target: Path) -> None:
    """Write the diagram in the format of the file's suffix, whole or not at all; an older one is replaced."""
    from flowforge_graph.rendering import written

    content = written(diagram, cast("DiagramFormat", target.suffix[1:].lower()))
    # A link stays a link, and what it leads to is replaced.
    place = target.resolve()
    waiting = place.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        waiting.write_bytes(content)
        os.replace(waiting, place)
    except OSError as error:
        waiting.unlink(missing_ok=True)
        raise Refusal(f"{shown(str(target))!r} cannot be written: {error.strerror}") from error
