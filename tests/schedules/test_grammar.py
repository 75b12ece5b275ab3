"""Which cron expressions are accepted, what they expand to, and how the others are refused: contract rule 19."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.errors import InvalidSchedule
from flowforge_graph.schedules import ALIASES, CronExpression, validate_cron_expression
from tests.schedules import oracle
from tests.schedules.strategies import cron_texts

ALL_MINUTES = tuple(range(60))

ACCEPTED = [
    ("* * * * *", "minutes", ALL_MINUTES),
    ("*/15 * * * *", "minutes", (0, 15, 30, 45)),
    ("*/1 * * * *", "minutes", ALL_MINUTES),
    ("*/60 * * * *", "minutes", (0,)),
    ("*/7 * * * *", "minutes", (0, 7, 14, 21, 28, 35, 42, 49, 56)),
    ("05 * * * *", "minutes", (5,)),
    ("5-5 * * * *", "minutes", (5,)),
    ("10-20/5 * * * *", "minutes", (10, 15, 20)),
    ("10-20/60 * * * *", "minutes", (10,)),
    ("59,0,30-32,30 * * * *", "minutes", (0, 30, 31, 32, 59)),
    ("7,*/30 * * * *", "minutes", (0, 7, 30)),
    ("0 9-17 * * *", "hours", tuple(range(9, 18))),
    ("0 */24 * * *", "hours", (0,)),
    ("0 0 */31 * *", "days", (1,)),
    ("0 0 31 * *", "days", (31,)),
    ("0 0 1 JAN,Jul,dec *", "months", (1, 7, 12)),
    ("0 0 1 jan-MAR *", "months", (1, 2, 3)),
    ("0 0 1 */5 *", "months", (1, 6, 11)),
    ("0 0 1 4-JUN *", "months", (4, 5, 6)),
    ("0 0 * * 0", "weekdays", (0,)),
    ("0 0 * * 7", "weekdays", (0,)),
    ("0 0 * * 7-7", "weekdays", (0,)),
    ("0 0 * * Sun", "weekdays", (0,)),
    ("0 0 * * MON-FRI", "weekdays", (1, 2, 3, 4, 5)),
    ("0 0 * * MON-FRI/2", "weekdays", (1, 3, 5)),
    ("0 0 * * 5-7", "weekdays", (0, 5, 6)),
    ("0 0 * * 5-7/2", "weekdays", (0, 5)),
    ("0 0 * * 0-7", "weekdays", (0, 1, 2, 3, 4, 5, 6)),
    ("0 0 * * */2", "weekdays", (0, 2, 4, 6)),
    ("0 0 * * */7", "weekdays", (0,)),
    ("  0 \t 0  * * 1  ", "weekdays", (1,)),
]

REFUSED = [
    ("60 * * * *", "minute", "60"),
    ("-1 * * * *", "minute", "-1"),
    ("5/15 * * * *", "minute", "5/15"),
    ("0,5/15 * * * *", "minute", "5/15"),
    ("*/0 * * * *", "minute", "0"),
    ("*/61 * * * *", "minute", "61"),
    ("10-20/61 * * * *", "minute", "61"),
    ("*/2/2 * * * *", "minute", "*/2/2"),
    ("30-10 * * * *", "minute", "30-10"),
    ("1-2-3 * * * *", "minute", "1-2-3"),
    ("1- * * * *", "minute", "1-"),
    ("*-5 * * * *", "minute", "*-5"),
    ("*5 * * * *", "minute", "*5"),
    ("** * * * *", "minute", "**"),
    (", * * * *", "minute", ","),
    ("1,,2 * * * *", "minute", "1,,2"),
    ("1.5 * * * *", "minute", "1.5"),
    ("+5 * * * *", "minute", "+5"),
    ("1e1 * * * *", "minute", "1e1"),
    ("1_0 * * * *", "minute", "1_0"),
    ("H * * * *", "minute", "H"),
    ("R * * * *", "minute", "R"),
    ("r(0-30) * * * *", "minute", "r(0-30)"),
    ("MON * * * *", "minute", "MON"),
    ("0 24 * * *", "hour", "24"),
    ("0 22-2 * * *", "hour", "22-2"),
    ("0 */25 * * *", "hour", "25"),
    ("0 0 0 * *", "day", "0"),
    ("0 0 32 * *", "day", "32"),
    ("0 0 L * *", "day", "L"),
    ("0 0 l * *", "day", "l"),
    ("0 0 15W * *", "day", "15W"),
    ("0 0 LW * *", "day", "LW"),
    ("0 0 ? * 1", "day", "?"),
    ("0 0 */32 * *", "day", "32"),
    ("0 0 1 0 *", "month", "0"),
    ("0 0 1 13 *", "month", "13"),
    ("0 0 1 january *", "month", "january"),
    ("0 0 1 DEC-JAN *", "month", "DEC-JAN"),
    ("0 0 1 DEC/3 *", "month", "DEC/3"),
    ("0 0 1 MON *", "month", "MON"),
    ("0 0 * * 8", "weekday", "8"),
    ("0 0 * * FRI-MON", "weekday", "FRI-MON"),
    ("0 0 * * MON#2", "weekday", "MON#2"),
    ("0 0 * * 5L", "weekday", "5L"),
    ("0 0 * * L5", "weekday", "L5"),
    ("0 0 * * ?", "weekday", "?"),
    ("0 0 * * MON/2", "weekday", "MON/2"),
    ("0 0 * * */8", "weekday", "8"),
    ("0 0 * * Monday", "weekday", "Monday"),
]

REFUSED_AS_A_WHOLE = [
    ("", "empty"),
    (" \t ", "empty"),
    ("* * * *", "4 fields"),
    ("0 2 * * * *", "6 fields"),
    ("0 0 2 * * * 2026", "7 fields"),
    ("daily", "1 field"),
    ("@midnight", "@midnight"),
    ("@annually", "@annually"),
    ("@reboot", "@reboot"),
    ("@every 5m", "@every"),
    ("@daily *", "@daily *"),
    ("0 2 * * *\n", "ASCII"),
    ("0 2\n* * *", "ASCII"),
    ("0 2 * * *\x00", "ASCII"),
    ("0\u00a02 * * *", "ASCII"),
    ("0 \u0663 * * *", "ASCII"),  # an Arabic three, which int() would take
    ("0 \uff12 * * *", "ASCII"),  # a full-width two
    ("\ud800 * * * *", "ASCII"),
    ("0," * 130 + "0 * * * *", "256"),
]

NOT_TEXT = [None, 0, 2.5, True, b"* * * * *", ["*"] * 5, {"cron": "* * * * *"}, object()]


@pytest.mark.parametrize(("text", "attribute", "values"), ACCEPTED)
def test_an_accepted_field_expands_to_its_values(text: str, attribute: str, values: tuple[int, ...]) -> None:
    """Numbers, ranges, lists, steps and names mean what Debian's cron means by them; Sunday is 0."""
    assert getattr(CronExpression.parse(text), attribute) == values


@pytest.mark.parametrize(("text", "field", "value"), REFUSED)
def test_a_refusal_names_the_field_and_the_value(text: str, field: str, value: str) -> None:
    """Whatever else croniter takes is refused in one sentence that names the field and what stands there."""
    with pytest.raises(InvalidSchedule) as refusal:
        CronExpression.parse(text)
    sentence = str(refusal.value)
    assert f": {field} " in sentence or f": {field}: " in sentence
    assert f"'{value}'" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(("text", "hint"), REFUSED_AS_A_WHOLE)
def test_a_text_that_is_not_five_fields_is_refused(text: str, hint: str) -> None:
    """Other numbers of fields, unknown aliases, control characters and foreign digits are refused with the reason."""
    with pytest.raises(InvalidSchedule) as refusal:
        CronExpression.parse(text)
    sentence = str(refusal.value)
    assert hint in sentence
    assert sentence.isprintable()
    assert len(sentence) < 300


@pytest.mark.parametrize("value", NOT_TEXT)
def test_what_is_not_text_is_refused(value: object) -> None:
    """Nothing is turned into text silently."""
    with pytest.raises(InvalidSchedule, match="must be text"):
        CronExpression.parse(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("alias", "fields"), ALIASES.items())
def test_an_alias_means_its_five_fields(alias: str, fields: str) -> None:
    """@hourly, @daily, @weekly, @monthly and @yearly, and their texts stay as they were given."""
    short, long = CronExpression.parse(f" {alias} "), CronExpression.parse(fields)
    assert short.text == alias
    assert (short.fields, short.seconds_of_day, short.days_by_shape) == (
        long.fields,
        long.seconds_of_day,
        long.days_by_shape,
    )


@pytest.mark.parametrize(
    ("text", "either"),
    [
        ("0 0 13 * 5", True),
        ("0 0 1-31 * 5", True),
        ("0 0 * * 5", False),
        ("0 0 13 * *", False),
        ("0 0 */2 * 5", False),
        ("0 0 13 * */5", False),
        ("0 0 *,13 * 5", False),
        ("0 0 13,* * 5", True),
    ],
)
def test_day_and_weekday_are_alternatives_unless_one_starts_with_a_star(text: str, either: bool) -> None:
    """Rule 20 goes by the text of the two fields, not by their values."""
    assert CronExpression.parse(text).either_day is either


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("* * * * *", True),
        ("*/15 2 * * *", True),
        ("30 */2 * * *", True),
        ("@hourly", True),
        ("*,5 2 * * *", True),
        ("0-59 0-23 * * *", False),
        ("5,* 2 * * *", False),
        ("@daily", False),
    ],
)
def test_a_schedule_follows_the_wall_clock_where_minute_or_hour_starts_with_a_star(text: str, repeats: bool) -> None:
    """Rule 21 goes by the text of the minute and hour fields, not by their values."""
    assert CronExpression.parse(text).repeats_on_wall_clock is repeats


def test_the_text_is_kept_with_single_spaces() -> None:
    """Two spellings that differ only in white space are equal; names keep their case."""
    expression = CronExpression.parse(" 0  9\t* *  Mon ")
    assert str(expression) == expression.text == "0 9 * * Mon"
    assert expression == CronExpression.parse("0 9 * * Mon")
    assert pickle.loads(pickle.dumps(expression)) == expression


@given(cron_texts())
def test_any_expression_of_the_grammar_expands_as_an_independent_reading_says(text: str) -> None:
    """croniter's expansion of our rewritten fields equals a reading by hand, for every accepted expression."""
    valid, error = validate_cron_expression(text)
    if not valid:
        assert error is not None
        assert "can never fire" in error
        return
    expression = CronExpression.parse(text)
    by_hand = [tuple(sorted(values)) for values in oracle.Schedule(text).sets]
    assert by_hand == [
        expression.minutes,
        expression.hours,
        expression.days,
        expression.months,
        expression.weekdays,
    ]


@given(st.one_of(st.text(), st.text("*/-,0123456789 @LW#?MONjanhr\t"), st.binary(), st.integers(), st.none()))
def test_validation_never_raises(value: object) -> None:
    """For any object the answer is a pair: accepted without an error, or refused with one sentence."""
    valid, error = validate_cron_expression(value)
    assert (error is None) if valid else (error is not None and error.isprintable())
