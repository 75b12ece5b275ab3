"""The Sphinx extension: ``extensions = ["flowforge_graph.pages.sphinx"]`` brings the directive ``flowforge-graph``.

The directive reads and checks the graph while its page is read, so that a refused file fails the build, at the line of
the directive and whether or not warnings are errors. The picture is drawn when the page is written, in the format and
the themes that the builder's readers can see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.directives.code import container_wrapper
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from flowforge_graph.errors import FlowforgeGraphError
from flowforge_graph.pages.requests import PICTURES, Request, alternative_text, parse_request
from flowforge_graph.pages.sources import diagram_of_file, diagram_of_object, is_object
from flowforge_graph.rendering import Diagram, DiagramFormat, written

if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

_DIRECTIVE: Final = "flowforge-graph"
_MIME: Final = {"svg": "image/svg+xml", "png": "image/png"}
_LANGUAGES: Final = {"dot": "dot", "mermaid": "text", "json": "json"}
_STATIC: Final = Path(__file__).with_name("static")
_LOG: Final = logging.getLogger(__name__)


class DiagramNode(nodes.General, nodes.Element):
    """A picture still to be drawn: its ``diagram``, the ``format`` that was asked for, ``alt`` and ``classes``."""


class _AnyOptions(dict[str, Any]):
    """Takes every option as it is written: what is wrong with one is said by us, in one sentence."""

    def __missing__(self, option: str) -> Any:
        return directives.unchanged


class DiagramDirective(SphinxDirective):
    """A diagram of a trigger file, relative to the document, or of ``module:attribute``."""

    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = _AnyOptions({"class": directives.class_option})

    def run(self) -> list[Node]:
        try:
            given = {option: value for option, value in self.options.items() if option != "class"}
            return self._shown(parse_request("".join(self.arguments).strip(), given))
        except FlowforgeGraphError as error:
            # Read again at each build, so that the complaint comes again until it is mended.
            self.env.note_reread()
            _refused(self.env).add(self.env.docname)
            return [self.state.document.reporter.error(str(error), line=self.lineno)]

    def _shown(self, request: Request) -> list[Node]:
        diagram = self._diagram(request)
        node = self._picture(request, diagram) if request.format in PICTURES else self._text(request, diagram)
        self.set_source_info(node)
        self.add_name(node)
        return [node]

    def _diagram(self, request: Request) -> Diagram:
        if is_object(request.source):
            # Whatever it is made of may have changed.
            self.env.note_reread()
            return diagram_of_object(request.source, request.view)
        name, path = self.env.relfn2path(request.source)
        self.env.note_dependency(name)
        return diagram_of_file(path, request.view)

    def _picture(self, request: Request, diagram: Diagram) -> nodes.Element:
        picture = DiagramNode(
            diagram=diagram,
            format=request.format,
            alt=alternative_text(request, diagram),
            classes=[_DIRECTIVE, *self.options.get("class", ())],
        )
        self.set_source_info(picture)
        figure = nodes.figure("", picture, classes=[_DIRECTIVE])
        if request.caption:
            words, messages = self.parse_inline(request.caption, lineno=self.lineno)
            figure += [nodes.caption(request.caption, "", *words), *messages]
        return figure

    def _text(self, request: Request, diagram: Diagram) -> nodes.Element:
        text = written(diagram, request.file_format).decode("utf-8")
        block = nodes.literal_block(text, text, language=_LANGUAGES[request.format])
        block["classes"] += self.options.get("class", [])
        return container_wrapper(self, block, request.caption) if request.caption else block


def _refused(env: BuildEnvironment) -> set[str]:
    """The documents with a diagram that was refused; kept with the environment, merged and purged with it."""
    found: set[str] = vars(env).setdefault("flowforge_graph_refused", set())
    return found


def _purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _refused(env).discard(docname)


def _merge(app: Sphinx, env: BuildEnvironment, docnames: object, other: BuildEnvironment) -> None:
    _refused(env).update(_refused(other))


def _fail(app: Sphinx, exception: Exception | None) -> None:
    """End with another code than 0, as Sphinx does by itself only where warnings are errors."""
    if exception is None and _refused(app.env):
        app.statuscode = app.statuscode or 1


def _draw(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put images in the place of the diagrams of a document that is about to be written."""
    for node in list(doctree.findall(DiagramNode)):
        try:
            node.replace_self(list(_images(app, node, docname)))
        except FlowforgeGraphError as error:
            _LOG.error("%s", error, location=node)
            _refused(app.env).add(docname)
            node.replace_self(nodes.paragraph("", node["alt"]))


def _images(app: Sphinx, node: DiagramNode, docname: str) -> Iterator[nodes.Element]:
    image_format = _format_for(app, node["format"])
    if image_format is None:
        yield nodes.paragraph("", node["alt"])
        return
    for theme, classes in _themes_for(app, node["diagram"].view.theme):
        file = _drawn(app, node["diagram"], theme, image_format)
        name = app.env.images.add_file(docname, file)
        image = nodes.image(uri=file, candidates={"*": file}, alt=node["alt"], classes=[*node["classes"], *classes])
        image.source, image.line = node.source, node.line
        yield _linked(app, image, docname, name, classes) if _is_web(app) else image


def _linked(app: Sphinx, image: nodes.image, docname: str, name: str, classes: list[str]) -> nodes.Element:
    """The picture as a link to its file: a large one is read there at its own size."""
    address = relative_uri(app.builder.get_target_uri(docname), f"{app.builder.imagedir}/{name}")
    return nodes.reference("", "", image, internal=True, refuri=address, classes=[_DIRECTIVE, *classes])


def _is_web(app: Sphinx) -> bool:
    return app.builder.format == "html" and app.builder.name != "epub"


def _format_for(app: Sphinx, asked: DiagramFormat) -> DiagramFormat | None:
    """The format that was asked for, else PNG where the builder knows only that; None where it shows no pictures."""
    known = app.builder.supported_image_types
    usable: list[DiagramFormat] = [asked, "png"]
    return next((image_format for image_format in usable if _MIME[image_format] in known), None)


def _themes_for(app: Sphinx, theme: str) -> list[tuple[str, list[str]]]:
    """The themes to draw, each with its classes. A page on the web has both pictures of ``auto``, and shows one.

    Themes of Sphinx that can be dark know these classes; an SVG by itself knows the system's setting, not theirs.
    """
    if theme != "auto":
        return [(theme, [])]
    if not _is_web(app):
        return [("light", [])]
    return [("light", ["only-light"]), ("dark", ["only-dark"])]


def _drawn(app: Sphinx, diagram: Diagram, theme: str, image_format: DiagramFormat) -> str:
    """The file of the picture, drawn unless the same one was drawn before."""
    themed = replace(diagram, view=diagram.view.evolve(theme=theme))
    mark = hashlib.sha256(written(themed, "dot")).hexdigest()[:16]
    file = Path(app.doctreedir) / _DIRECTIVE / f"{_DIRECTIVE}-{mark}.{image_format}"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_bytes(written(themed, image_format))
        unfinished.replace(file)
    return str(file)


def _add_style(app: Sphinx) -> None:
    app.config.html_static_path.append(str(_STATIC))


def setup(app: Sphinx) -> ExtensionMetadata:
    """What Sphinx calls."""
    from importlib.metadata import version

    app.add_node(DiagramNode)
    app.add_directive(_DIRECTIVE, DiagramDirective)
    app.add_css_file(f"{_DIRECTIVE}.css")
    app.connect("builder-inited", _add_style)
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    app.connect("doctree-resolved", _draw)
    app.connect("build-finished", _fail)
    release = version("flowforge-graph")
    # What is drawn is kept with the environment, and is of this release.
    return {
        "version": release,
        "env_version": int.from_bytes(hashlib.sha256(release.encode()).digest()[:4]),
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
