"""How the site is built: ``python -m sphinx -W -n docs docs/_build/html``. Nothing is downloaded."""

from __future__ import annotations

import inspect
import re
import typing
from dataclasses import is_dataclass
from importlib import import_module, metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.util.inspect import stringify_signature

# Before autodoc does: it imports as a type checker would, which FastAPI does not bear.
import flowforge_graph
import flowforge_graph.api

ROOT = Path(__file__).parents[1]

project = "flowforge-graph"
author = "The flowforge-graph developers"
version = release = metadata.version("flowforge-graph")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "flowforge_graph.pages.sphinx"]
exclude_patterns = ["_build"]
nitpicky = True
# What others document, and may only be linked to over the network.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(datetime|collections|contextlib|fastapi|logging|networkx|nx|os|pathlib|prometheus_client|pydantic|"
        r"sqlalchemy|starlette|subprocess|threading|types|typing|zoneinfo)\..*",
    ),
]

# Names that only type checkers see.
nitpick_ignore = [("py:class", name) for name in ("AnyFlow", "AnyGraph", "Notes", "SyncPrefectClient", "T", "datetime")]

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
# Where the reference has the public names of a room.
PUBLIC_NAMES = re.compile(r"^\.\. public names of (?P<room>[\w.]+)$", re.MULTILINE)
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
    source[0] = PUBLIC_NAMES.sub(lambda found: _entries(found["room"], text), text)


def _entries(room: str, page: str) -> str:
    """An entry for each name that a room brings to the package, or else has itself, but for those the page words."""
    homed = [f"flowforge_graph.{name}" for name, home in flowforge_graph._HOME_OF.items() if home == room]
    names = homed or [f"{room}.{name}" for name in import_module(room).__all__]
    return "\n".join(_entry(name) for name in names if f":: {name.rpartition('.')[2]}\n" not in page)


def _entry(name: str) -> str:
    module, _, attribute = name.rpartition(".")
    value = getattr(import_module(module), attribute)
    kind = "data" if not isinstance(value, type) else "exception" if issubclass(value, Exception) else "class"
    options = "   :inherited-members: object\n" if attribute == "TriggerGraph" else ""
    return f".. auto{'function' if inspect.isfunction(value) else kind}:: {name}\n{options}"


class _MadeAnew:
    def __repr__(self) -> str:
        return "..."


def plain_signature(app: Any, what: str, name: str, value: Any, *_: Any) -> tuple[str, None] | None:
    """The fields of a value with their types alone: how each is checked is said in words."""
    if what != "class" or not (is_dataclass(value) or hasattr(value, "model_fields")):
        return None
    types = typing.get_type_hints(value if is_dataclass(value) else _as_plain_class(value))
    fields = [_plain(field, types) for field in inspect.signature(value).parameters.values()]
    return stringify_signature(inspect.Signature(fields), unqualified_typehints=True), None


def _as_plain_class(value: Any) -> Any:
    return SimpleNamespace(__annotations__={name: field.annotation for name, field in value.model_fields.items()})


def _plain(field: inspect.Parameter, types: dict[str, Any]) -> inspect.Parameter:
    default = _MadeAnew() if repr(field.default) == "<factory>" else field.default
    return field.replace(annotation=types.get(field.name, field.annotation), default=default)


def skip_what_stands_elsewhere(app: Any, what: str, name: str, *_: Any) -> bool | None:
    """A public name stands once, as a name of the package, and not again in the room that it comes from."""
    return True if what == "module" and name in flowforge_graph.__all__ else None


def keep_as_prose(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:  # noqa: PLR0917
    """Napoleon takes what a property's first line has before a colon for its type; nothing is before none."""
    if what in {"attribute", "property"}:
        lines.insert(0, "\\ ")


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", keep_as_prose, priority=400)
    app.connect("autodoc-skip-member", skip_what_stands_elsewhere)
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", complete_page)
    app.connect("autodoc-process-signature", plain_signature)
