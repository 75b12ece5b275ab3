"""The extension of Python-Markdown, for MkDocs and whatever else is made with it: a fence ``flowforge-graph``.

Its first line names a trigger file or ``module:attribute``, each further line is an option, as ``depth: 1``. A page
holds the picture itself, so that there is no file to be copied. A refused graph raises, which ends the build: what
refuses it, or where MkDocs is loaded its ``PluginError`` with the same sentence.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

from flowforge_graph.errors import FlowforgeGraphError, InvalidDiagram, shown
from flowforge_graph.pages.requests import PICTURES, Request, alternative_text, parse_request
from flowforge_graph.pages.sources import diagram_of_file, diagram_of_object, is_object
from flowforge_graph.rendering import Diagram, written

_NAME: Final = "flowforge-graph"
_FENCE: Final = re.compile(r"(?P<indent> *)(?P<marks>`{3,}|~{3,}) *(?P<info>[^`]*)")
# After white space is normal (30), before anybody else reads fences (25).
_PRIORITY: Final = 28
_MIME: Final = {"svg": "image/svg+xml", "png": "image/png"}


class DiagramExtension(Extension):
    """Registers the fence. ``base_path`` is the folder that the paths of files begin from, ``.`` by default."""

    def __init__(self, **keywords: Any) -> None:
        self.config = {"base_path": [".", "the folder that the paths of files begin from"]}
        super().__init__(**keywords)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        md.preprocessors.register(_Fences(md, self.getConfig("base_path")), _NAME, _PRIORITY)


def makeExtension(**keywords: Any) -> DiagramExtension:  # noqa: N802 - Python-Markdown's name
    """What Python-Markdown calls where the module is named instead of the entry point."""
    return DiagramExtension(**keywords)


class _Fences(Preprocessor):
    """Puts a diagram in the place of each of our fences; what stands in other fences is left alone."""

    def __init__(self, md: Markdown, base_path: os.PathLike[str] | str) -> None:
        super().__init__(md)
        self._base_path = base_path

    def run(self, lines: list[str]) -> list[str]:
        try:
            return list(self._replaced(lines))
        except FlowforgeGraphError as error:
            # Python-Markdown tells nobody who asks. MkDocs says its own errors in a line, all others as a traceback.
            mkdocs = sys.modules.get("mkdocs.exceptions")
            if mkdocs is None:
                raise
            raise mkdocs.PluginError(str(error)) from error

    def _replaced(self, lines: list[str]) -> Iterator[str]:
        rest = iter(lines)
        for line in rest:
            opening = _FENCE.fullmatch(line)
            if opening is None:
                yield line
                continue
            block = _block(opening, rest)
            if opening["info"].strip() == _NAME:
                html = _html([text.strip() for text in block[:-1] if text.strip()], os.fspath(self._base_path))
                yield f"{opening['indent']}{self.md.htmlStash.store(html)}"
            else:
                yield from (line, *block)


def _block(opening: re.Match[str], rest: Iterator[str]) -> list[str]:
    """The lines up to the one that closes the fence, that one included; to the end where none does."""
    block = []
    for line in rest:
        block.append(line)
        text = line.strip()
        if text.startswith(opening["marks"]) and not text.strip(opening["marks"][0]):
            return block
    return [*block, ""]


def _html(lines: list[str], folder: str) -> str:
    request = _request(lines)
    diagram = _diagram(request, folder)
    is_picture = request.format in PICTURES
    shape = _picture(request, diagram) if is_picture else _text(request, diagram)
    caption = f"<figcaption>{escape(request.caption)}</figcaption>" if request.caption else ""
    name = f' id="{escape(request.name)}"' if request.name else ""
    # Themes centre what stands in a figure, which is not how code is read.
    frame = "figure" if is_picture or caption else "div"
    return f'<{frame} class="{_NAME}"{name}>{shape}{caption}</{frame}>'


def _request(lines: list[str]) -> Request:
    source = lines[0] if lines else ""
    try:
        return parse_request(source, dict(_option(line) for line in lines[1:]))
    except InvalidDiagram as error:
        raise InvalidDiagram(f"fence of {_NAME} for {shown(source)}: {error}") from error


def _option(line: str) -> tuple[str, str | None]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip() or None


def _diagram(request: Request, folder: str) -> Diagram:
    if is_object(request.source):
        return diagram_of_object(request.source, request.view)
    return diagram_of_file(os.path.abspath(os.path.join(folder, request.source)), request.view)


def _picture(request: Request, diagram: Diagram) -> str:
    # Not the SVG itself: the ids and the style of a second one on the page would be those of the first.
    content = base64.b64encode(written(diagram, request.file_format)).decode("ascii")
    alt = escape(alternative_text(request, diagram))
    return f'<img class="{_NAME}" alt="{alt}" src="data:{_MIME[request.format]};base64,{content}">'


def _text(request: Request, diagram: Diagram) -> str:
    """A block of code; of Mermaid the one that its script finds and draws."""
    text = escape(written(diagram, request.file_format).decode("utf-8"), quote=False)
    if request.format == "mermaid":
        return f'<pre class="mermaid"><code>{text}</code></pre>'
    return f'<pre><code class="language-{request.format}">{text}</code></pre>'
