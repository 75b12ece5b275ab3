"""How expressions read in English."""

from __future__ import annotations

import pytest
from hypothesis import assume, given

from flowforge_graph.errors import InvalidSchedule
from flowforge_graph.schedules import format_cron_description, validate_cron_expression
from tests.schedules.strategies import cron_texts

CONTRACT = [
    ("0 2 * * *", "Daily at 2:00 AM"),
    ("*/15 * * * *", "Every 15 minutes"),
    ("0 9 * * 1", "Every Monday at 9:00 AM"),
    ("0 0 * * 1", "Every Monday at 12:00 AM"),
    ("0 9-17 * * 1-5", "Every hour from 9 AM to 5 PM on weekdays"),
]
OTHERS = [
    ("@hourly", "Every hour"),
    ("@daily", "Daily at 12:00 AM"),
    ("@weekly", "Every Sunday at 12:00 AM"),
    ("@monthly", "On the 1st of every month at 12:00 AM"),
    ("@yearly", "Every year on January 1 at 12:00 AM"),
    ("* * * * *", "Every minute"),
    ("0 * * * *", "Every hour"),
    ("1 * * * *", "Every hour at 1 minute past the hour"),
    ("30 */2 * * *", "Every 2 hours at 30 minutes past the hour"),
    ("0 */5 * * *", "Every 5 hours from 12 AM to 8 PM"),
    ("30 9-17 * * *", "Every hour from 9:30 AM to 5:30 PM"),
    ("0 9,17 * * *", "Daily at 9:00 AM and 5:00 PM"),
    ("0,30 9 * * MON-FRI", "Every weekday at 9:00 AM and 9:30 AM"),
    ("*/7 * * * *", "Every 7 minutes from minute 0 to 56 of each hour"),
    ("5,20,40 * * * *", "At minutes 5, 20 and 40 of each hour"),
    ("*/15 9-17 * * 1-5", "Every 15 minutes from 9:00 AM to 5:59 PM on weekdays"),
    ("* 12 * * 0,6", "Every minute from 12:00 PM to 12:59 PM on weekends"),
    ("*/20 */6 * * *", "Every 20 minutes during every 6th hour from 12 AM to 6 PM"),
    ("3,17,44 1,5,9,20 * * *", "At minutes 3, 17 and 44 of each hour during the hours of 1 AM, 5 AM, 9 AM and 8 PM"),
    ("0 */2 * * 1,5", "Every 2 hours on Mondays and Fridays"),
    ("0 0 * * 0,1,3", "Every Monday, Wednesday and Sunday at 12:00 AM"),
    ("0 0 1,15 * *", "On the 1st and 15th of every month at 12:00 AM"),
    (
        "0 0 2,3,11,12,13,21,22,23,31 1 *",
        "On the 2nd, 3rd, 11th, 12th, 13th, 21st, 22nd, 23rd and 31st of January at 12:00 AM",
    ),
    ("0 0 29 2 *", "Every year on February 29 at 12:00 AM"),
    ("0 0 * 6-8 *", "Daily in June, July and August at 12:00 AM"),
    ("0 6 * 1 1-5", "Every weekday in January at 6:00 AM"),
    ("0 0 13 * FRI", "On the 13th of every month and every Friday at 12:00 AM"),
    ("0 0 1 1-6 1", "On the 1st of each month from January to June and every Monday in those months at 12:00 AM"),
    ("0 0 */2 * 1", "Every Monday that falls on every 2nd day from the 1st to the 31st of every month at 12:00 AM"),
    ("*/5 * 1 * *", "Every 5 minutes on the 1st of every month"),
    ("*/5 * 1 * 1", "Every 5 minutes on the 1st of every month and every Monday"),
    ("5 4 1-31 * 1", "Daily at 4:05 AM"),  # either may match, and one always does
    ("5 4 1 * 0-6", "Daily at 4:05 AM"),
]


@pytest.mark.parametrize(("text", "english"), CONTRACT)
def test_the_examples_of_the_contract_read_as_it_says(text: str, english: str) -> None:
    """Word for word: clients show these."""
    assert format_cron_description(text) == english


@pytest.mark.parametrize(("text", "english"), OTHERS)
def test_everything_else_reads_as_well(text: str, english: str) -> None:
    """In one style: 12-hour times, days before times, repetitions before days."""
    assert format_cron_description(text) == english


@given(cron_texts())
def test_every_accepted_expression_has_a_description(text: str) -> None:
    """One phrase that begins with a capital and holds no text of the expression."""
    assume(validate_cron_expression(text)[0])
    english = format_cron_description(text)
    assert english[0].isupper()
    assert not set(english) & set("*/@_[]()")
    assert "  " not in english


def test_a_refused_expression_has_no_description() -> None:
    """The refusal is the same sentence as everywhere."""
    with pytest.raises(InvalidSchedule, match="minute"):
        format_cron_description("61 * * * *")
