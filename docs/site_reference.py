"""How the reference of the site reads what it describes: an extension of Sphinx, beside autodoc."""

from __future__ import annotations

import inspect
import re
import typing
from dataclasses import is_dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from sphinx.util.inspect import stringify_signature

# Before autodoc does: it imports as a type checker would, which FastAPI does not bear.
import flowforge_graph
import flowforge_graph.api

# A comment of reStructuredText: all public names of that room stand here.
PUBLIC_NAMES = re.compile(r"^\.\. public names of (?P<room>[\w.]+)$", re.MULTILINE)


def list_public_names(app: Any, docname: str, source: list[str]) -> None:
    """Put the entries of a room in the place of the comment, so that a new name needs no line."""
    page = source[0]
    source[0] = PUBLIC_NAMES.sub(lambda found: _entries(found["room"], page), page)


def _entries(room: str, page: str) -> str:
    """An entry for each name that a room brings to the package, or else has itself, but for those the page words."""
    homed = [f"flowforge_graph.{name}" for name, home in flowforge_graph._HOME_OF.items() if home == room]
    names = homed or [f"{room}.{name}" for name in import_module(room).__all__]
    worded = set(re.findall(r"^\.\. [\w:]+:: (?:[\w.]+\.)?(\w+)$", page, re.MULTILINE))
    return "\n".join(_entry(name) for name in names if name.rpartition(".")[2] not in worded)


def _entry(name: str) -> str:
    module, _, attribute = name.rpartition(".")
    value = getattr(import_module(module), attribute)
    kind = "data" if not isinstance(value, type) else "exception" if issubclass(value, Exception) else "class"
    return f".. auto{'function' if inspect.isfunction(value) else kind}:: {name}\n"


class _MadeAnew:
    def __repr__(self) -> str:
        return "..."


def plain_signature(app: Any, what: str, name: str, value: Any, *_: Any) -> tuple[str, None] | None:
    """The fields of a value with their types alone: how each is checked is said in words."""
    if what == "class" and getattr(value, "_is_protocol", False):
        return "", None
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


def skip_what_stands_elsewhere(app: Any, what: str, name: str, value: Any, *_: Any) -> bool | None:
    """A public name stands once, as a name of the package, not in its room too; a tuple's fields are its signature."""
    is_elsewhere = what == "module" and name in flowforge_graph.__all__
    return True if is_elsewhere or (getattr(value, "__doc__", None) or "").startswith("Alias for field") else None


def keep_as_prose(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:  # noqa: PLR0917
    """Napoleon takes what a property's first line has before a colon for its type; nothing is before none."""
    if what in {"attribute", "property"}:
        lines.insert(0, "\\ ")


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("source-read", list_public_names)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-skip-member", skip_what_stands_elsewhere)
    app.connect("autodoc-process-docstring", keep_as_prose, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
