"""What does ``schedule preview`` answer?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.cli.conftest import Answer

Cli = Callable[..., Answer]


def test_the_json_document_has_the_promised_keys(cli: Cli) -> None:
    """Unix seconds of the next fire times in the asked zone, and the expression in English."""
    answer = cli("schedule", "preview", "0 2 * * *", "--timezone", "America/New_York", "--count", "5", "--json")
    document = answer.document
    assert answer.code == 0
    assert set(document) == {"success", "nextRuns", "cronExpression", "timezone", "description"}
    assert document["success"] is True
    assert document["description"] == "Daily at 2:00 AM"
    assert (document["cronExpression"], document["timezone"]) == ("0 2 * * *", "America/New_York")
    walls = [datetime.fromtimestamp(run, ZoneInfo("America/New_York")) for run in document["nextRuns"]]
    assert len(walls) == 5
    assert all((wall.hour, wall.minute) in {(2, 0), (3, 0)} for wall in walls)


def test_people_get_a_sentence_and_iso_times(cli: Cli) -> None:
    """The first line says when, the others are the next runs with their offset."""
    answer = cli("schedule", "preview", "*/15 * * * *", "--count", "2")
    first, *runs = answer.out.splitlines()
    assert first == "Every 15 minutes (UTC)"
    assert [datetime.fromisoformat(run).utcoffset() for run in runs] == [
        datetime.fromisoformat(runs[0]).utcoffset()
    ] * 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("* * * * * *",), "has 6 fields"),
        (("0 0 30 2 *",), "can never fire"),
        (("0 0 * * 1L",), "weekday"),
        (("0 2 * * *", "--timezone", "Europe/Belin"), "did you mean 'Europe/Berlin'?"),
        (("",), "empty"),
        (("x" * 300,), "at most 256"),
    ],
)
def test_what_is_not_accepted_is_a_document_and_exit_code_1(cli: Cli, words: tuple[str, ...], complaint: str) -> None:
    """The documented answer to an invalid expression or zone."""
    answer = cli("schedule", "preview", *words, "--json")
    assert answer.code == 1
    assert answer.document["success"] is False
    assert complaint in answer.document["error"]
    assert answer.err == f"error: {answer.document['error']}\n"


def test_a_wrong_count_is_a_bad_argument(cli: Cli) -> None:
    """A count is between 1 and 1000."""
    assert cli("schedule", "preview", "@daily", "--count", "0").code == 2
    assert cli("schedule", "preview", "@daily", "--count", "1001").code == 2
