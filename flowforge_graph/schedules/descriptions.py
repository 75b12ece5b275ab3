"""Cron expressions in English.

A sentence is made of what repeats or the times of day, then the days, then the months. It is told from the values
an expression expands to, so that two spellings of one schedule read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flowforge_graph.schedules.cron import CronExpression

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WORKING_WEEK = (1, 2, 3, 4, 5)
_WEEKEND = (0, 6)
# More times of day than these read better as "at minutes 5 and 35 of each hour".
_MOST_LISTED_TIMES = 6


def describe(expression: CronExpression) -> str:
    """What an expression means, as a phrase without a final stop: "Every Monday at 9:00 AM".

    Args:
        expression: an accepted expression.

    Returns:
        English with 12-hour times.
    """
    times = _listed_times(expression)
    if times is None:
        return _repetition(expression) + _days_after_a_repetition(expression)
    return f"{_days_before_times(expression)} at {times}"


# Times of day.


def _listed_times(expression: CronExpression) -> str | None:
    """The times of day as a list, where the schedule is best told by one."""
    if not _is_told_by_a_list(expression):
        return None
    return _listed([_time(hour, minute) for hour in expression.hours for minute in expression.minutes])


def _is_told_by_a_list(expression: CronExpression) -> bool:
    minutes, hours = expression.minutes, expression.hours
    if len(minutes) == 1 and _step(hours) is None:
        return True
    if expression.repeats_on_wall_clock or len(minutes) * len(hours) > _MOST_LISTED_TIMES:
        return False
    return max(_even_run(minutes), _even_run(hours)) <= 2


def _repetition(expression: CronExpression) -> str:
    if len(expression.minutes) == 1:
        return _hourly_repetition(expression.minutes[0], expression.hours)
    return _minutes_of_an_hour(expression.minutes) + _hours_of_a_repetition(expression.hours)


def _hourly_repetition(minute: int, hours: tuple[int, ...]) -> str:
    every = _every(_step(hours), "hour")
    if minute and _goes_round(hours, 24):
        return f"{every} at {minute} {'minute' if minute == 1 else 'minutes'} past the hour"
    if _goes_round(hours, 24):
        return every
    return f"{every} from {_short_time(hours[0], minute)} to {_short_time(hours[-1], minute)}"


def _minutes_of_an_hour(minutes: tuple[int, ...]) -> str:
    every = _every(_step(minutes), "minute")
    if _step(minutes) is None:
        return f"At minutes {_listed(minutes)} of each hour"
    if _goes_round(minutes, 60):
        return every
    return f"{every} from minute {minutes[0]} to {minutes[-1]} of each hour"


def _hours_of_a_repetition(hours: tuple[int, ...]) -> str:
    step = _step(hours)
    if len(hours) == 24:
        return ""
    if len(hours) == 1 or step == 1:
        return f" from {_time(hours[0], 0)} to {_time(hours[-1], 59)}"
    if step is not None and len(hours) > 3:
        return f" during every {_ordinal(step)} hour from {_short_time(hours[0], 0)} to {_short_time(hours[-1], 0)}"
    return f" during the hours of {_listed([_short_time(hour, 0) for hour in hours])}"


def _time(hour: int, minute: int) -> str:
    return f"{hour % 12 or 12}:{minute:02} {'AM' if hour < 12 else 'PM'}"


def _short_time(hour: int, minute: int) -> str:
    return _time(hour, minute).replace(":00", "")


# Days and months.


def _days_before_times(expression: CronExpression) -> str:
    day, weekday, months = _day_phrase(expression), _weekday_phrase(expression), _months(expression)
    if day and weekday:
        return _day_and_weekday(expression, day, weekday)
    if weekday:
        return f"Every {weekday}{months and f' in {months}'}"
    if not day:
        return f"Daily{months and f' in {months}'}"
    if len(expression.days) == len(expression.months) == 1:
        return f"Every year on {months} {expression.days[0]}"
    return f"On {day} of {months or 'every month'}"


def _days_after_a_repetition(expression: CronExpression) -> str:
    day, weekday, months = _day_phrase(expression), _weekday_phrase(expression), _months(expression)
    if day and weekday:
        combined = _day_and_weekday(expression, day, weekday)
        return f" {'' if expression.either_day else 'on '}{combined[0].lower()}{combined[1:]}"
    if day:
        return f" on {day} of {months or 'every month'}"
    on_weekdays = f" on {_weekdays_in_plural(expression.weekdays)}" if weekday else ""
    return f"{on_weekdays}{months and f' in {months}'}"


def _day_and_weekday(expression: CronExpression, day: str, weekday: str) -> str:
    months = _months(expression) or "every month"
    if expression.either_day:
        return f"On {day} of {months} and every {weekday}{_months(expression) and ' in those months'}"
    return f"Every {weekday} that falls on {day} of {months}"


def _day_phrase(expression: CronExpression) -> str:
    """The days of the month, "" for all: "the 1st and 15th", "every 2nd day from the 1st to the 31st"."""
    days = expression.days
    if len(days) == 31 or _matches_every_day(expression):
        return ""
    step = _step(days)
    if step is None or len(days) < 4:
        return f"the {_listed([_ordinal(day) for day in days])}"
    every = "every day" if step == 1 else f"every {_ordinal(step)} day"
    return f"{every} from the {_ordinal(days[0])} to the {_ordinal(days[-1])}"


def _weekday_phrase(expression: CronExpression) -> str:
    """The weekdays after "every", "" for all, Monday first: "weekday", "Monday and Friday"."""
    weekdays = expression.weekdays
    if len(weekdays) == 7 or _matches_every_day(expression):
        return ""
    return "weekday" if weekdays == _WORKING_WEEK else _listed(_weekday_names(weekdays))


def _weekdays_in_plural(weekdays: tuple[int, ...]) -> str:
    if weekdays == _WORKING_WEEK:
        return "weekdays"
    return "weekends" if weekdays == _WEEKEND else _listed([f"{name}s" for name in _weekday_names(weekdays)])


def _weekday_names(weekdays: tuple[int, ...]) -> list[str]:
    return [_WEEKDAYS[weekday] for weekday in sorted(weekdays, key=lambda weekday: weekday or 7)]


def _matches_every_day(expression: CronExpression) -> bool:
    """Where day and weekday are alternatives, one of them that is always true decides."""
    return expression.either_day and (len(expression.days) == 31 or len(expression.weekdays) == 7)


def _months(expression: CronExpression) -> str:
    months = expression.months
    if len(months) == 12:
        return ""
    if len(months) > 3 and _step(months) == 1:
        return f"each month from {_MONTHS[months[0] - 1]} to {_MONTHS[months[-1] - 1]}"
    return _listed([_MONTHS[month - 1] for month in months])


# Numbers and lists.


def _step(values: Sequence[int]) -> int | None:
    """The one distance between neighbours, ``None`` where it varies or there is one value only."""
    steps = {later - earlier for earlier, later in pairwise(values)}
    return steps.pop() if len(steps) == 1 else None


def _even_run(values: Sequence[int]) -> int:
    """How many values there are, where they follow each other evenly; otherwise 0."""
    return len(values) if _step(values) else 0


def _goes_round(values: Sequence[int], span: int) -> bool:
    """Whether even steps begin at 0 and meet the next hour or day without a jump."""
    step = _step(values)
    return step is not None and values[0] == 0 and values[-1] + step == span


def _every(step: int | None, unit: str) -> str:
    return f"Every {unit}" if step == 1 else f"Every {step} {unit}s"


def _listed(items: Sequence[object]) -> str:
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _ordinal(number: int) -> str:
    ending = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
