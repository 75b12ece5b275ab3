"""How the site is built: ``python -m sphinx -W -n docs docs/_build/html``. Nothing is downloaded."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).parents[1]

project = "flowforge-graph"
author = "The flowforge-graph developers"
version = release = metadata.version("flowforge-graph")

sys.path.insert(0, str(ROOT / "docs"))
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "flowforge_graph.pages.sphinx",
    "site_reference",
]
exclude_patterns = ["_build"]
nitpicky = True
# What others document, and may only be linked to over the network.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(datetime|collections|contextlib|fastapi|hypothesis|logging|networkx|nx|os|pathlib|prometheus_client|pydantic|"
        r"sqlalchemy|st|starlette|subprocess|threading|types|typing|zoneinfo)\..*",
    ),
]

# Names that only type checkers see.
nitpick_ignore = [
    ("py:class", name)
    for name in ("AnyFlow", "AnyGraph", "Expected", "Notes", "Shape", "SyncPrefectClient", "T", "datetime")
]

html_theme = "furo"
html_title = f"flowforge-graph {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False

myst_heading_anchors = 4

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "exclude-members": "OWN_FIELDS, model_config, refusal",
}
autodoc_class_signature = "mixed"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False

# Pages that are read on a code host as well have no toctree of their own: it would be seen there.
LISTS = {"api": "api/*", "decisions/README": "0*", "examples/medallion/README": "data/*"}
# Pages of the site that are files of the repository.
FILES = {"index": "README.md", "changelog": "CHANGELOG.md"}


def complete_page(app: Any, docname: str, source: list[str]) -> None:
    """Put in what the page lacks on the site, and lead links to what lies outside of ``docs`` to its page."""
    text = source[0]
    if docname in FILES:
        app.env.note_dependency(str(ROOT / FILES[docname]))
        text = (ROOT / FILES[docname]).read_text(encoding="utf-8").replace("](docs/", "](/") + "\n" + text
    for page, file in FILES.items():
        text = re.sub(rf"\]\((\.\./)*{re.escape(file)}", f"](/{page}.md", text)
    if docname in LISTS:
        text += f"\n```{{toctree}}\n:hidden:\n:glob:\n\n{LISTS[docname]}\n```\n"
    source[0] = text


def setup(app: Any) -> None:
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", complete_page)
