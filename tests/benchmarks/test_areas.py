"""Each area runs at its smallest size, where both sides must agree; how long anything takes decides nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.areas import AREAS, peers
from benchmarks.databases import Databases
from benchmarks.measure import Row, at_least, at_most, side_by_side
from benchmarks.report import Area, Report
from benchmarks.sizes import Sizes
from tests.support.databases import PostgresServer

TINY = {
    "edges": 60,
    "deep_edges": 200,
    "triggers": 200,
    "completions": 4,
    "width": 30,
    "schedules": 20,
    "boxes": 10,
    "fan_outs": 2,
    "rounds": 1,
}


# Other libraries are not installed here, and a Prefect server takes long to start: its own tests have one.
ELSEWHERE = {"peers", "prefect"}


@pytest.mark.parametrize("name", sorted(AREAS.keys() - ELSEWHERE))
def test_an_area_measures_what_both_sides_agree_on(name: str, tmp_path: Path, postgres_server: PostgresServer) -> None:
    """Each row of an area has a measured value; an area compares what its sides computed before it answers."""
    _, measure = AREAS[name]
    with Databases(tmp_path, server=postgres_server) as databases:
        rows = list(measure(Sizes(folder=tmp_path, **TINY), databases))
    assert rows
    assert all(row.ours or "not installed" in row.note for row in rows)


def test_peers_that_are_missing_say_so(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own fan-out runs to its end without any peer; each of those has a row that says how to install it."""
    monkeypatch.setattr(peers, "version_of", lambda _package: None)
    _, measure = AREAS["peers"]
    with Databases(tmp_path, server=postgres_server) as databases:
        rows = list(measure(Sizes(folder=tmp_path, **TINY), databases))
    assert [bool(row.ours) for row in rows] == [row.work.startswith("flowforge-graph") for row in rows]
    assert all("not installed" in row.note for row in rows if not row.ours)


def test_a_target_is_judged_as_it_is_shown() -> None:
    """A ratio is met or missed by the two digits that the reader sees."""
    assert [at_most(2.5).is_met(ratio) for ratio in (2.5, 2.504, 2.506)] == [True, True, False]
    assert [at_least(20).is_met(ratio) for ratio in (20, 19.996, 19.99)] == [True, True, False]


def test_sides_take_turns() -> None:
    """Every side runs once a round, and each round begins with another one."""
    turns: list[str] = []

    def side(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    measured = side_by_side(2, a=lambda: side("a"), b=lambda: side("b"))
    assert turns == ["a", "b", "b", "a"]
    assert measured.seconds("a") == 2.5
    assert measured.ratio("b", to="a") == (2 / 1 + 3 / 4) / 2


def test_a_report_keeps_the_words_of_its_page(tmp_path: Path) -> None:
    """Writing a run into a page replaces what was measured before and leaves what people wrote above it."""
    page, data = tmp_path / "page.md", tmp_path / "run.json"
    page.write_text("# Title\n\nWords.\n\n")
    for _ in range(2):
        arguments = ["--area", "refusal", "--deep-edges", "200", "--rounds", "1", "--folder", str(tmp_path)]
        assert main([*arguments, "--markdown", str(page), "--json", str(data)]) == 0
    text = page.read_text()
    assert text.startswith("# Title\n\nWords.\n\n")
    assert text.count("## Refusal") == 1
    assert str(tmp_path) not in text
    (area,) = json.loads(data.read_text())["areas"]
    assert {row["verdict"] for row in area["rows"]} <= {"met", "missed", ""}


def test_a_missed_target_is_shown_as_missed() -> None:
    """The table says met or missed beside each target, and nothing where none was promised."""
    rows = (
        Row(work="quick", ours="1 s", ratio=1.0, target=at_most(2)),
        Row(work="slow", ours="3 s", ratio=3.0, target=at_most(2)),
        Row(work="free", ours="1 s"),
    )
    area = Area(name="some", about="Some work", rows=rows, seconds=1)
    report = Report(began=datetime(2026, 1, 1, tzinfo=UTC), command="python -m benchmarks", machine={}, areas=[area])
    lines = [line for line in report.as_markdown().splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[-1] for line in lines[-3:]] == ["met |", "missed |", " |"]
