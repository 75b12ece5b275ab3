"""The tables of ``docs/schedules.md``: each line says what happens, and no rule lacks a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from itertools import islice

import pytest

from flowforge_graph.schedules import CronExpression, fire_times, zone
from tests.schedules.peers import PEERS, READINGS, RULES, Question
from tests.support.documents import ROOT

PAGE = (ROOT / "docs" / "schedules.md").read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a table."""

    peer: str
    rule: str
    text: str
    zone_name: str
    after: datetime
    ours: list[datetime]
    theirs: list[datetime]


def lines_of(page: str) -> list[Line]:
    """The lines of the tables below the headings that name a peer."""
    found = []
    for peer in PEERS:
        section = re.search(rf"^### {peer}\n(.*?)(?=^##)", page, re.DOTALL | re.MULTILINE)
        assert section is not None
        rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in section[1].strip().splitlines()[2:]]
        found += [
            Line(
                peer=peer,
                rule=rule,
                text=text.strip("`"),
                zone_name=name,
                after=datetime.fromisoformat(after),
                ours=[datetime.fromisoformat(each) for each in ours.split(", ")],
                theirs=[datetime.fromisoformat(each) for each in theirs.split(", ")],
            )
            for rule, text, name, after, ours, theirs, _why in rows
        ]
    return found


LINES = lines_of(PAGE)


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.peer}: {line.rule}")
def test_each_line_is_what_happens(line: Line) -> None:
    """The first two fire times after the instant are those of the line, ours and the peer's, and they differ."""
    ours = fire_times(CronExpression.parse(line.text), zone(line.zone_name), line.after)
    assert list(islice(ours, 2)) == line.ours
    assert list(islice(PEERS[line.peer](line.text, line.zone_name, line.after), 2)) == line.theirs
    assert line.ours != line.theirs


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.peer}: {line.rule}")
def test_each_line_is_an_example_of_its_rule(line: Line) -> None:
    """The rule beside an example is the one that explains it: a reading, or the rule of every difference."""
    end = max(*line.ours, *line.theirs)
    question = Question(text=line.text, zone_name=line.zone_name, start=line.after, end=end)
    if line.rule.startswith("read as"):
        assert line.rule == f"read as `{READINGS[line.peer](line.text)}`"
        assert question.differences(line.peer) == []
    else:
        assert READINGS[line.peer](line.text) == line.text
        rules = [difference.explanation() for difference in question.differences(line.peer)]
        assert {rule and rule.name for rule in rules} == {line.rule}


def test_every_rule_has_a_line() -> None:
    """A rule that a differential run may use is told to the reader, and the page tells of none that is not used."""
    named = {(line.peer, line.rule) for line in LINES if not line.rule.startswith("read as")}
    assert named == {(rule.peer, rule.name) for rule in RULES}


def test_the_peers_are_those_that_the_page_speaks_of() -> None:
    """Another major version may answer otherwise: look at the page again."""
    assert {peer: version(peer).partition(".")[0] for peer in PEERS} == {"cronsim": "2", "croniter": "7"}
