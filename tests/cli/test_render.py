"""``graph render``: what does it draw, where to, and what does it refuse?"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest

from flowforge_graph import TriggerEngine
from tests.cli.conftest import Answer, environment
from tests.support.documents import ROOT
from tests.support.nasty import is_safe

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]

SHOP = """
landing: {name: Landing, tags: [raw], triggers: [{type: scheduled, cron: "0 2 * * *", timezone: America/New_York}]}
bronze: {tags: [raw], triggers: [{type: dependency, depends_on: landing}]}
silver: {triggers: [{type: dependency, depends_on: bronze, condition: on_failure, delay_minutes: 5}]}
"""
CYCLE = """
a: {triggers: [{type: dependency, depends_on: c}]}
b: {triggers: [{type: dependency, depends_on: a}]}
c: {triggers: [{type: dependency, depends_on: b}]}
d: {triggers: [{type: dependency, depends_on: c}]}
"""


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("x.svg", b"<svg"), ("x.png", b"\x89PNG"), ("x.dot", b"digraph"), ("x.mmd", b"---\ntitle"), ("X.JSON", b"{")],
)
def test_the_suffix_is_the_format(cli: Cli, write_file: WriteFile, folder: Path, name: str, beginning: bytes) -> None:
    """The sentence says what was drawn and where to; no database and nothing half written is left beside it."""
    answer = cli("graph", "render", write_file(SHOP), "-o", name)
    assert (answer.code, answer.out, answer.err) == (0, f"drew 3 workflows and 2 triggers to {name}\n", "")
    assert (folder / name).read_bytes().startswith(beginning)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["flow.yaml", name])


def test_without_a_file_to_write_it_prints_dot(cli: Cli, write_file: WriteFile) -> None:
    """And with --json the graph as data."""
    file = write_file(SHOP)
    assert cli("graph", "render", file).out.startswith('digraph "flow" {\n')
    document = cli("graph", "render", file, "--json").document
    assert set(nx.node_link_graph(document, edges="edges").edges) == {("landing", "bronze"), ("bronze", "silver")}


def test_the_answer_as_json(cli: Cli, write_file: WriteFile) -> None:
    """Where the picture is and what is in it."""
    assert cli("graph", "render", write_file(SHOP), "-o", "x.dot", "--json").document == {
        "success": True,
        "path": "x.dot",
        "workflowCount": 3,
        "triggerCount": 2,
    }


def test_names_schedules_and_delays_of_a_file_are_drawn(cli: Cli, write_file: WriteFile) -> None:
    """And the file's name above, unless another title is given or none."""
    file = write_file(SHOP)
    text = cli("graph", "render", file).out
    for part in ("<B>Landing</B>", "Daily at 2:00 AM, America/New_York", " +5 min ", "style=dashed", "<B>flow</B>"):
        assert part in text
    assert "<B>My shop</B>" in cli("graph", "render", file, "--title", "My shop").out
    assert "<B>flow</B>" not in cli("graph", "render", file, "--title", "").out


def test_options_reach_the_picture(cli: Cli, write_file: WriteFile) -> None:
    """Each of them changes what its name says."""
    file = write_file(
        SHOP
        + "gold: {triggers: [{type: dependency, depends_on: [silver, bronze]}]}\n".replace(
            "depends_on: [silver, bronze]", "depends_on: silver"
        )
        + "all: {triggers: [{type: dependency, depends_on: bronze}, {type: dependency, depends_on: landing}]}\n"
    )
    plain = cli("graph", "render", file).out
    assert '"landing" -> "all"' in plain
    assert '"landing" -> "all"' not in cli("graph", "render", file, "--reduce").out
    assert 'subgraph "cluster raw"' in cli("graph", "render", file, "--group-by", "tag").out
    assert 'subgraph "cluster flow"' in cli("graph", "render", file, "--group-by", "source").out
    assert "rankdir=TB" in cli("graph", "render", file, "--direction", "TB").out
    assert 'bgcolor="#0b1120"' in cli("graph", "render", file, "--theme", "dark").out
    assert "on failure" in plain
    assert "on failure" not in cli("graph", "render", file, "--no-legend").out
    around = cli("graph", "render", file, "--workflow", "gold", "--depth", "1").out
    assert '"silver" -> "gold"' in around
    assert "landing" not in around
    cli("graph", "render", file, "--theme", "auto", "-o", "auto.svg")
    assert "prefers-color-scheme: dark" in Path("auto.svg").read_text()


def test_the_database_is_drawn_with_the_last_statuses(cli: Cli, folder: Path, write_file: WriteFile) -> None:
    """What is stored, with the schedules and the status of the newest execution of each workflow."""
    cli("apply", write_file(SHOP))
    with TriggerEngine(f"sqlite:///{folder / 'flowforge.db'}") as engine:
        for status in ("completed", "failed"):
            engine.complete(engine.start("landing").id, status)
        engine.start("bronze")
    document = cli("graph", "render", "--json").document
    nodes = {node["id"]: node for node in document["nodes"]}
    assert nodes["landing"]["status"] == "failed"
    assert nodes["landing"]["lines"] == ["Daily at 2:00 AM, America/New_York"]
    assert nodes["bronze"]["status"] == "pending"
    assert "status" not in nodes["silver"]
    assert cli("graph", "render", "-o", "x.svg").out == "drew 3 workflows and 2 triggers to x.svg\n"


def test_a_missing_database_is_an_empty_picture(cli: Cli, folder: Path) -> None:
    """As everywhere: a note, and no database left behind."""
    answer = cli("graph", "render", "-o", "x.svg")
    assert (answer.code, answer.out) == (0, "drew 0 workflows and 0 triggers to x.svg\n")
    assert "note: there is no database" in answer.err
    assert [path.name for path in folder.iterdir()] == ["x.svg"]


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("-o", "x.pdf"), 2, "must end in one of .svg, .png, .dot, .mmd, .json"),
        (("-o", "x"), 2, "must end in one of"),
        (("-o", ""), 2, "must end in one of"),
        (("-o", "nowhere/x.svg"), 2, "there is no folder 'nowhere'"),
        (("-o", "folder.svg"), 2, "'folder.svg' is no file that could be written"),
        (("-o", "locked/x.svg"), 2, "'locked/x.svg' cannot be written: "),
        (("-o", "x.svg", "--depth", "1"), 2, "name that workflow too"),
        (("-o", "x.svg", "--depth", "0"), 2, "0 is less than 1"),
        (("-o", "x.svg", "--theme", "sepia"), 2, "'sepia' is not one of"),
        (("-o", "x.svg", "--workflow", "gone"), 4, "there is no workflow 'gone'"),
        (("--draw-refused",), 2, "needs a FILE to read and -o"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    cli: Cli, write_file: WriteFile, folder: Path, words: tuple[str, ...], code: int, complaint: str
) -> None:
    """In one sentence, with nothing written."""
    (folder / "folder.svg").mkdir()
    # Not even root may write there.
    (folder / "locked").symlink_to("/proc/self")
    answer = cli("graph", "render", write_file(SHOP), *words)
    assert (answer.code, answer.out) == (code, "")
    assert complaint in answer.err
    assert len(answer.err.splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["flow.yaml", "folder.svg", "locked"]


def test_an_older_picture_is_replaced_as_a_whole(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """Through a link too; where drawing fails the older one stays."""
    (folder / "pictures").mkdir()
    (folder / "pictures" / "real.dot").write_text("older")
    (folder / "x.dot").symlink_to("pictures/real.dot")
    file = write_file(SHOP)
    assert cli("graph", "render", file, "--workflow", "gone", "-o", "x.dot").code == 4
    assert (folder / "x.dot").read_text() == "older"
    assert cli("graph", "render", file, "-o", "x.dot").code == 0
    assert (folder / "x.dot").is_symlink()
    assert (folder / "pictures" / "real.dot").read_text().startswith("digraph")
    assert [path.name for path in (folder / "pictures").iterdir()] == ["real.dot"]


def test_a_file_with_a_cycle_is_refused(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """With its chain, exit 3, and no picture."""
    answer = cli("graph", "render", write_file(CYCLE), "-o", "x.svg")
    assert (answer.code, answer.out) == (3, "")
    assert "would be a cycle" in answer.err
    assert not (folder / "x.svg").exists()


def test_a_refused_cycle_is_drawn_where_that_is_asked_for(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """Refused all the same; the picture has every workflow of the file and marks the chain of the sentence."""
    answer = cli("graph", "render", write_file(CYCLE), "-o", "x.json", "--draw-refused", "--json")
    assert answer.code == 3
    assert answer.err.splitlines()[0] == "note: x.json shows what was refused"
    drawn = json.loads((folder / "x.json").read_text())
    assert [node["id"] for node in drawn["nodes"]] == ["a", "b", "c", "d"]
    chain = answer.document["chain"]
    refused = [(edge["source"], edge["target"]) for edge in drawn["edges"] if edge.get("refused")]
    assert sorted(refused) == sorted(pairwise(chain))


def test_no_layout_program_is_exit_one(
    cli: Cli, write_file: WriteFile, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the line that installs one; the DOT text still comes."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.metadata.files", lambda _name: None)
    file = write_file(SHOP)
    answer = cli("graph", "render", file, "-o", "x.svg")
    assert answer.code == 1
    assert "pip install graphviz-pure" in answer.err
    assert cli("graph", "render", file, "-o", "x.dot").code == 0


def test_ctrl_c_ends_the_layout_too(spawn: Callable[..., object], write_file: WriteFile, folder: Path) -> None:
    """Exit 130; the program is gone, and nothing half written stays."""
    (folder / "bin").mkdir()
    (folder / "bin" / "dot").write_text(f"#!/bin/sh\ncat > /dev/null\necho $$ > {folder}/pid\nexec sleep 600\n")
    (folder / "bin" / "dot").chmod(0o755)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    process = spawn("graph", "render", write_file(SHOP), "-o", "x.svg", env=environment(PATH=path))
    while not ((folder / "pid").exists() and (folder / "pid").read_text().endswith("\n")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)  # type: ignore[attr-defined]
    assert process.wait() == 130  # type: ignore[attr-defined]
    pid = int((folder / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert sorted(each.name for each in folder.iterdir()) == ["bin", "flow.yaml", "pid"]


def test_the_example_is_drawn_from_a_clone(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of the documentation, with nothing but this environment's own program."""
    monkeypatch.setenv("PATH", "")
    file = ROOT / "docs" / "examples" / "medallion" / "flowforge.yaml"
    assert cli("graph", "render", str(file), "-o", "out.svg").out == "drew 9 workflows and 8 triggers to out.svg\n"
    assert ">Quality check</text>" in (folder / "out.svg").read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_printed_is_safe_to_show(cli: Cli, folder: Path, theme: str) -> None:
    """Names may hold what markup, DOT or a shell would read; a terminal is shown printable text."""
    with TriggerEngine(f"sqlite:///{folder / 'flowforge.db'}") as engine:
        engine.create_workflow("a\"b'<c>&d", name="</text><script>\u00e9")
    for words in ((), ("--json",)):
        answer = cli("graph", "render", "--theme", theme, *words)
        assert answer.code == 0
        assert is_safe(answer.out)
