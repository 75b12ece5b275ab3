"""One word for one thing: the forbidden synonyms stand nowhere."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support.documents import ROOT, pages

FORBIDDEN = {word + ending for word in ("job", "task", "dag", "pipeline", "parent", "ancestor") for ending in ("", "s")}
FORBIDDEN |= {"child", "children"}
GIVEN_BY_PYTHON_AND_LINUX = {"ChildProcessError", "PR_SET_CHILD_SUBREAPER", "after_in_child", "parents"}


def names_in(source: str) -> Iterator[str]:
    """Every name of a Python source that this project chose: attributes belong to whoever made the object."""
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and before != ".":
            yield token.string
        before = token.string


def words_of(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


def prose_of(page: Path) -> str:
    """A page without its code: that may name what others named."""
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def test_no_name_of_the_code_is_a_forbidden_synonym() -> None:
    """A workflow is never called a task, an upstream never a parent."""
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "flowforge_graph").rglob("*.py")
        for name in names_in(path.read_text(encoding="utf-8"))
        if words_of(name) & FORBIDDEN and name not in GIVEN_BY_PYTHON_AND_LINUX
    }
    assert not found


def test_no_page_uses_a_forbidden_synonym() -> None:
    """The pages speak the words of the glossary."""
    found = {
        f"{page.relative_to(ROOT)}: {word}"
        for page in pages()
        for word in re.findall(r"[A-Za-z]+", prose_of(page))
        if word.lower() in FORBIDDEN
    }
    assert not found
