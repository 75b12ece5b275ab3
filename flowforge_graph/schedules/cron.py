"""The cron grammar that FlowForge accepts (contract rule 19), and what an expression expands to.

The grammar is an allow-list of our own; croniter takes far more. Only what passed it, rewritten to plain numbers,
is handed to croniter, which expands the fields into their values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn

from flowforge_graph.errors import InvalidSchedule, shown

MAXIMUM_LENGTH = 256

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}

# The lengths each month can have over the 400 years of the Gregorian cycle.
_MONTH_LENGTHS = {month: (30,) if month in (4, 6, 9, 11) else (31,) for month in range(1, 13)} | {2: (28, 29)}

_ITEM = re.compile(r"(?P<star>\*)(?:/(?P<star_step>\d+))?|(?P<low>\w+)(?:-(?P<high>\w+)(?:/(?P<step>\d+))?)?", re.ASCII)
_STEP_ON_A_NUMBER = re.compile(r"\w+/\d+", re.ASCII)
_NUMBER = re.compile(r"\d+", re.ASCII)
_PRINTABLE = re.compile(r"[ \t!-~]*")


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: its name, its numbers, how many different values it has, and names for them."""

    name: str
    lowest: int
    highest: int
    span: int
    names: tuple[str, ...] = ()

    def number_of_name(self, text: str) -> int | None:
        lowered = text.lower()
        return self.lowest + self.names.index(lowered) if lowered in self.names else None


_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

FIELDS = (
    Field("minute", 0, 59, 60),
    Field("hour", 0, 23, 24),
    Field("day", 1, 31, 31),
    Field("month", 1, 12, 12, _MONTH_NAMES),
    Field("weekday", 0, 7, 7, _WEEKDAY_NAMES),
)


@dataclass(frozen=True, slots=True)
class CronExpression:
    """An accepted cron expression with its fields expanded; two are equal when their texts are.

    Attributes:
        text: the expression as given, with single spaces between its fields.
        fields: the five fields as text, an alias such as ``@daily`` written out.
        minutes, hours, days, months, weekdays: the values that match, ascending; Sunday is weekday 0.
        either_day: day and weekday are alternatives (rule 20: neither starts with ``*``); otherwise both must hold.
        repeats_on_wall_clock: minute or hour starts with ``*``: the schedule follows the wall clock of each
            instant (rule 21) instead of naming fixed wall times.
        seconds_of_day: the matching times of a day in seconds since its midnight, ascending.
        days_by_shape: the matching days of a month by its length less 28, then by the weekday of its 1st (Sunday 0).
    """

    text: str
    fields: tuple[str, ...] = field(compare=False)
    minutes: tuple[int, ...] = field(compare=False, repr=False)
    hours: tuple[int, ...] = field(compare=False, repr=False)
    days: tuple[int, ...] = field(compare=False, repr=False)
    months: tuple[int, ...] = field(compare=False, repr=False)
    weekdays: tuple[int, ...] = field(compare=False, repr=False)
    either_day: bool = field(compare=False, repr=False)
    repeats_on_wall_clock: bool = field(compare=False, repr=False)
    seconds_of_day: tuple[int, ...] = field(compare=False, repr=False)
    days_by_shape: tuple[tuple[tuple[int, ...], ...], ...] = field(compare=False, repr=False)

    @staticmethod
    def parse(text: str) -> CronExpression:
        """Check and expand a cron expression; the last 512 different ones are remembered.

        Args:
            text: five fields (minute hour day month weekday) or one of ``@hourly @daily @weekly @monthly @yearly``;
                at most 256 characters.

        Returns:
            The expression with its fields expanded.

        Raises:
            InvalidSchedule: the text is outside the grammar of contract rule 19, or can never fire.
        """
        if not isinstance(text, str):
            raise InvalidSchedule(f"a cron expression must be text, not {shown(text)}")
        # A subclass of str could hash or compare as it likes: the memory of parsed expressions holds plain ones.
        return _parse(str.__str__(text))

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[object, ...]:
        return CronExpression.parse, (self.text,)


@lru_cache(maxsize=512)
def _parse(text: str) -> CronExpression:
    words = _split(text)
    fields = _five_fields(words, text)
    values = _expand(_rewritten_to_numbers(fields, text))
    expression = _assemble(" ".join(words), fields, values)
    _refuse_if_never_firing(expression)
    return expression


def _split(text: str) -> list[str]:
    if len(text) > MAXIMUM_LENGTH:
        raise InvalidSchedule(
            f"cron expression {shown(text)} has {len(text)} characters; at most {MAXIMUM_LENGTH} are accepted"
        )
    if not _PRINTABLE.fullmatch(text):
        strange = next(character for character in text if not _PRINTABLE.fullmatch(character))
        raise InvalidSchedule(
            f"cron expression {shown(text)} contains {strange!a}; write it in plain ASCII on one line"
        )
    words = text.split()
    if not words:
        raise InvalidSchedule("the cron expression is empty; write five fields: minute hour day month weekday")
    return words


def _five_fields(words: list[str], text: str) -> tuple[str, ...]:
    if words[0].startswith("@"):
        return _alias_fields(words, text)
    if len(words) != len(FIELDS):
        noun = "field" if len(words) == 1 else "fields"
        raise InvalidSchedule(
            f"cron expression {shown(text)} has {len(words)} {noun}; write five: minute hour day month weekday"
        )
    return tuple(words)


def _alias_fields(words: list[str], text: str) -> tuple[str, ...]:
    written_out = ALIASES.get(words[0].lower()) if len(words) == 1 else None
    if written_out is None:
        raise InvalidSchedule(f"cron expression {shown(text)} is none of {', '.join(ALIASES)}, nor five fields")
    return tuple(written_out.split())


def _rewritten_to_numbers(fields: tuple[str, ...], text: str) -> str:
    """The checked expression without names and one-value ranges, which croniter would read differently."""
    return " ".join(
        ",".join(_ItemReader(kind, item, fieldtext, text).rewritten() for item in fieldtext.split(","))
        for kind, fieldtext in zip(FIELDS, fields, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _ItemReader:
    """Reads one item of one field's list; every refusal names the field and its value."""

    kind: Field
    item: str
    fieldtext: str
    text: str

    def rewritten(self) -> str:
        match = _ITEM.fullmatch(self.item)
        if match is None:
            self._refuse_shape()
        if match["star"]:
            return f"*{self._step(match['star_step'])}"
        if match["high"] is None:
            return str(self._number(match["low"]))
        return self._range(match)

    def _range(self, match: re.Match[str]) -> str:
        low, high, step = self._number(match["low"]), self._number(match["high"]), self._step(match["step"])
        if low > high:
            self._refuse(f"range {shown(self.item)} runs backwards; write it as two, joined by a comma")
        # croniter reads an equal range such as 5-5 as the whole field.
        return str(low) if low == high else f"{low}-{high}{step}"

    def _step(self, digits: str | None) -> str:
        if digits is None:
            return ""
        if not 1 <= int(digits) <= self.kind.span:
            self._refuse(f"step {shown(digits)} is not within 1-{self.kind.span}")
        return f"/{int(digits)}"

    def _number(self, word: str) -> int:
        named = self.kind.number_of_name(word)
        if named is not None:
            return named
        if not _NUMBER.fullmatch(word):
            self._refuse_shape()
        if not self.kind.lowest <= int(word) <= self.kind.highest:
            self._refuse(f"{shown(word)} is not within {self.kind.lowest}-{self.kind.highest}")
        return int(word)

    def _refuse_shape(self) -> NoReturn:
        if _STEP_ON_A_NUMBER.fullmatch(self.item):
            self._refuse(f"step {shown(self.item)} needs '*' or a range before the '/'")
        names = f", a name such as {self.kind.names[1].upper()}" if self.kind.names else ""
        self._refuse(
            f"{shown(self.item)} is not '*', a number within {self.kind.lowest}-{self.kind.highest}{names},"
            " a range such as 1-5, or a step such as */2 or 1-5/2"
        )

    def _refuse(self, reason: str) -> NoReturn:
        where = "" if self.item == self.fieldtext else f" {shown(self.fieldtext)}"
        raise InvalidSchedule(f"cron expression {shown(self.text)}: {self.kind.name}{where}: {reason}")


def _expand(numbers_only: str) -> list[tuple[int, ...]]:
    from croniter import croniter  # 60 ms of imports that a process without schedules need not pay

    expanded = croniter.expand(numbers_only)[0]
    return [_values(kind, items) for kind, items in zip(FIELDS, expanded, strict=True)]


def _values(kind: Field, items: Sequence[int | str]) -> tuple[int, ...]:
    if "*" in items:
        return tuple(range(kind.lowest, kind.lowest + kind.span))
    return tuple(sorted(int(item) for item in items))


def _assemble(text: str, fields: tuple[str, ...], values: list[tuple[int, ...]]) -> CronExpression:
    minutes, hours, days, months, weekdays = values
    either_day = not (fields[2].startswith("*") or fields[4].startswith("*"))
    return CronExpression(
        text=text,
        fields=fields,
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=either_day,
        repeats_on_wall_clock=fields[0].startswith("*") or fields[1].startswith("*"),
        seconds_of_day=_seconds_of_day(hours, minutes),
        days_by_shape=_days_by_shape(frozenset(days), frozenset(weekdays), either_day=either_day),
    )


@lru_cache(maxsize=256)
def _seconds_of_day(hours: tuple[int, ...], minutes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(hour * 3600 + minute * 60 for hour in hours for minute in minutes)


def _days_by_shape(
    days: frozenset[int], weekdays: frozenset[int], *, either_day: bool
) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """The matching days of all 28 shapes a month can have: four lengths, seven weekdays for its 1st."""
    combine = any if either_day else all
    longest = [
        [day for day in range(1, 32) if combine((day in days, (first_weekday + day - 1) % 7 in weekdays))]
        for first_weekday in range(7)
    ]
    return tuple(
        tuple(tuple(day for day in matching if day <= length) for matching in longest) for length in range(28, 32)
    )


def _refuse_if_never_firing(expression: CronExpression) -> None:
    """Refuse what no day of the Gregorian calendar can match.

    The calendar repeats after 400 years, and in these each month, in each length it can have, begins on each of the
    seven weekdays. So the shapes of the named months decide it: at most 13 × 7 look-ups.
    """
    if not any(_days_of_all_shapes(expression)):
        raise InvalidSchedule(
            f"cron expression {shown(expression.text)} can never fire: day '{expression.fields[2]}', month"
            f" '{expression.fields[3]}' and weekday '{expression.fields[4]}' never meet"
        )


def _days_of_all_shapes(expression: CronExpression) -> Iterator[tuple[int, ...]]:
    for month in expression.months:
        for length in _MONTH_LENGTHS[month]:
            yield from expression.days_by_shape[length - 28]
