"""The rooms keep their order, and importing the package stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import flowforge_graph
from tests.support.documents import ROOT, blocks_of

PACKAGE = ROOT / "flowforge_graph"
HEAVY = ("prefect", "fastapi", "hypothesis", "graphviz", "typer", "rich", "pytest", "sphinx", "docutils", "markdown")


def test_a_lower_room_never_imports_a_higher_one() -> None:
    """The layers of pyproject.toml hold, and every room is among them."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    checked = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_decision_about_rooms_shows_them_all() -> None:
    """In the order of pyproject.toml, from the bottom up."""
    (contract, *_) = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [layer.strip("()") for layer in reversed(contract["layers"]) if layer != "(__main__)"]
    (shown,) = blocks_of(ROOT / "docs" / "decisions" / "0001-rooms-and-layers.md", "text")
    assert [layer.strip() for layer in shown.text.replace("\n", " ").split("←") if layer.strip()] == layers


def test_no_room_imports_the_package_from_above() -> None:
    """Rooms import each other by name: what the package itself shows is for its users."""
    rooms = {path.stem for path in PACKAGE.iterdir()}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "flowforge_graph":
                assert {name.name for name in node.names} <= rooms, f"{path}:{node.lineno}"


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Neither prefect, fastapi, hypothesis nor graphviz is loaded by ``import flowforge_graph``."""
    program = "import flowforge_graph, sys; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in loaded.stdout.split()} & set(HEAVY)


def test_every_public_name_is_there() -> None:
    """Each name of ``__all__`` can be had from the package, and ``dir`` shows it."""
    for name in flowforge_graph.__all__:
        assert getattr(flowforge_graph, name) is not None
        assert name in dir(flowforge_graph)


def test_the_package_is_typed() -> None:
    """Type checkers of users find the marker of PEP 561."""
    assert (PACKAGE / "py.typed").is_file()


def test_every_core_dependency_has_its_reason() -> None:
    """Each dependency of pyproject.toml has a line in the decision about dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    reasons = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8")
    for requirement in project["dependencies"]:
        assert f"| {requirement.partition('>')[0]} |" in reasons
    for extra in project["optional-dependencies"]:
        assert f"| `{extra}` |" in reasons
