"""cronsim and croniter beside our rule: what they answer, and a rule for every way in which that may differ.

A peer may read an expression as another one: :data:`READINGS` rewrites it as the peer understands it. Beyond that, a
difference is one instant that only one side fires at. Each rule of :data:`RULES` is a pure predicate that says from the
expression as read, the changes of offset, the start and the instant alone that a peer may differ there, and how.
None of them asks the peer anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import takewhile

from croniter import croniter
from cronsim import CronSim

from flowforge_graph.schedules import CronExpression, fire_times, zone
from tests.schedules import oracle
from tests.schedules.strategies import SPANS
from tests.schedules.transitions import Transition, transitions_of

HOUR = timedelta(hours=1)


def fires_of_cronsim(text: str, zone_name: str, start: datetime) -> Iterator[datetime]:
    """What cronsim answers for an aware start, as UTC datetimes."""
    return (fire.astimezone(UTC) for fire in CronSim(text, start.astimezone(zone(zone_name))))


def fires_of_croniter(text: str, zone_name: str, start: datetime) -> Iterator[datetime]:
    """What croniter answers for an aware start, as UTC datetimes."""
    fires = croniter(text, start.astimezone(zone(zone_name)), ret_type=datetime)
    return (fire.astimezone(UTC) for fire in fires.all_next())


PEERS = {"cronsim": fires_of_cronsim, "croniter": fires_of_croniter}


def _while_increasing(fires: Iterator[datetime]) -> Iterator[datetime]:
    """What comes before an answer that is not later than the one before it: from there a peer may go round for ever."""
    before = None
    for fire in fires:
        if before is not None and fire <= before:
            return
        yield fire
        before = fire


@dataclass(frozen=True, kw_only=True)
class Question:
    """An expression in a zone, from a start (excluded) to an end (included)."""

    text: str
    zone_name: str
    start: datetime
    end: datetime

    def ours(self) -> list[datetime]:
        """Our fire times."""
        return self._until_end(fire_times(CronExpression.parse(self.text), zone(self.zone_name), self.start))

    def of_peer(self, peer: str) -> list[datetime]:
        """A peer's fire times up to where it goes back in time; it may answer some that are not after the start."""
        return self._until_end(_while_increasing(PEERS[peer](self.text, self.zone_name, self.start)))

    def _until_end(self, fires: Iterator[datetime]) -> list[datetime]:
        return list(takewhile(lambda fire: fire <= self.end, fires))

    def as_read_by(self, peer: str) -> Question:
        """The question that a peer understands."""
        return replace(self, text=READINGS[peer](self.text))

    def differences(self, peer: str) -> list[Difference]:
        """Every instant that only one side fires at, in order, where both read the expression as the peer does."""
        as_read = self.as_read_by(peer)
        ours, theirs = set(as_read.ours()), set(self.of_peer(peer))
        return [
            Difference(question=as_read, peer=peer, instant=instant, only_ours=instant in ours)
            for instant in sorted(ours ^ theirs)
        ]

    @cached_property
    def schedule(self) -> oracle.Schedule:
        """The five fields, read by the oracle."""
        return oracle.Schedule(self.text)

    @cached_property
    def transitions(self) -> tuple[Transition, ...]:
        """The changes of offset of the years that the question touches."""
        return transitions_of(self.zone_name, self.start.year, self.end.year)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An instant that only we (``only_ours``) or only the peer fires at."""

    question: Question
    peer: str
    instant: datetime
    only_ours: bool

    @cached_property
    def wall(self) -> datetime:
        """What the wall clock shows at the instant, without a zone."""
        return self.instant.astimezone(zone(self.question.zone_name)).replace(tzinfo=None)

    def explanation(self) -> Rule | None:
        """The first rule that predicts the difference; None if no rule does."""
        return next((rule for rule in RULES if rule.peer == self.peer and rule.predicts(self)), None)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One way in which a peer differs: ``name`` is what the page calls it."""

    peer: str
    name: str
    predicts: Callable[[Difference], bool]


def _gap_that_ends_at(difference: Difference) -> Transition | None:
    return next((t for t in difference.question.transitions if t.is_gap and t.instant == difference.instant), None)


def _second_pass_of(question: Question, instant: datetime) -> Transition | None:
    """The overlap whose second pass an instant lies in."""
    overlaps = (t for t in question.transitions if not t.is_gap)
    return next((t for t in overlaps if t.instant <= instant < t.instant + t.size), None)


def _skipped_walls(transition: Transition) -> Iterator[datetime]:
    return oracle.minutes_between(transition.first_wall, transition.end_wall - oracle.MINUTE)


def _names_a_skipped_wall(schedule: oracle.Schedule, transition: Transition) -> bool:
    return any(schedule.matches(wall) for wall in _skipped_walls(transition))


def _is_within_an_hour(transition: Transition) -> bool:
    return transition.first_wall.minute != 0 or transition.end_wall.minute != 0


def _names_all_hours(schedule: oracle.Schedule) -> bool:
    return len(schedule.sets[1]) == 24


# How they read an expression.


def _item_by_item(text: str, rewrite: Callable[[str, str], str]) -> str:
    fields = zip(oracle.BOUNDS, text.split(), strict=True)
    return " ".join(",".join(rewrite(field, item) for item in items.split(",")) for field, items in fields)


def _read_by_cronsim(text: str) -> str:
    """``5-5/2`` is from 5 on, every second."""

    def rewrite(field: str, item: str) -> str:
        base, slash, step = item.partition("/")
        low, _, high = base.partition("-")
        return f"{low}-{oracle.BOUNDS[field][1]}/{step}" if slash and low == high else item

    return _item_by_item(text, rewrite)


def _read_by_croniter(text: str) -> str:
    """``5-5`` is the whole field. Of day and weekday both must hold where one of them is read as ``*``, else either."""

    def rewrite(field: str, item: str) -> str:
        base, slash, step = item.partition("/")
        low, _, high = base.partition("-")
        is_whole = low == high or (base == "*" and slash != "" and field in _OTHER_DAY_FIELD)
        return f"{_whole(field)}{slash}{step}" if is_whole else item

    given = dict(zip(oracle.BOUNDS, text.split(), strict=True))
    read = dict(zip(oracle.BOUNDS, _item_by_item(text, rewrite).split(), strict=True))
    for field, other in _OTHER_DAY_FIELD.items():
        names_all = len(oracle.matching(field, read[field])) == SPANS[field]
        if "*" in given[field].split(",") or (names_all and "*" in given[other]):
            read[field] = "*"
    return " ".join(read.values())


_OTHER_DAY_FIELD = {"day": "weekday", "weekday": "day"}


def _whole(field: str) -> str:
    low, high = oracle.BOUNDS[field]
    return f"{low}-{high - 1 if field == 'weekday' else high}"


READINGS = {"cronsim": _read_by_cronsim, "croniter": _read_by_croniter}


# cronsim


def _cronsim_begins_in_the_first_pass_again(difference: Difference) -> bool:
    """Begun in the second pass it forgets which pass it was in, and answers instants that have been."""
    question = difference.question
    overlap = _second_pass_of(question, question.start)
    return not difference.only_ours and overlap is not None and difference.instant <= question.start


def _cronsim_begins_a_day_at_a_skipped_midnight(difference: Difference) -> bool:
    """A day begins for it at 00:00, skipped or not: if a repeating schedule names 00:00, it fires at the gap's end.

    If not, it goes on from there by an hour, and what comes before that is left out.
    """
    schedule = difference.question.schedule
    return schedule.repeats() and any(
        _goes_on_from_midnight(difference, gap, midnight)
        for gap in difference.question.transitions
        if gap.is_gap
        for midnight in _skipped_walls(gap)
        if midnight.time() == time.min
    )


def _goes_on_from_midnight(difference: Difference, gap: Transition, midnight: datetime) -> bool:
    since = difference.instant - gap.instant
    if difference.only_ours:
        return timedelta() <= since < midnight - gap.first_wall + HOUR
    return since == midnight - gap.first_wall and difference.question.schedule.matches(midnight)


def _cronsim_steps_by_whole_hours(difference: Difference) -> bool:
    """It looks for the next hour or minute in steps of an hour, which a change within an hour puts out of step.

    From a whole hour that was skipped it also counts the gap twice. It is in step again after the first hour it finds.
    """
    question = difference.question
    return (
        difference.only_ours
        and question.schedule.repeats()
        and any(
            transition.instant <= difference.instant and difference.wall < _in_step_again(question.schedule, transition)
            for transition in question.transitions
            if _is_within_an_hour(transition)
        )
    )


def _cronsim_goes_round_in_an_overlap(difference: Difference) -> bool:
    """Where the clock goes back into an hour that is not named, from one that is, it steps into the first pass again.

    So it answers the same instants again and again, even such as have been, and none after them.
    """
    question = difference.question
    return any(
        overlap.instant <= difference.instant if difference.only_ours else difference.instant <= question.start
        for overlap in question.transitions
        if _leads_round(question.schedule, overlap)
    )


def _leads_round(schedule: oracle.Schedule, transition: Transition) -> bool:
    before, back = transition.end_wall - oracle.MINUTE, transition.first_wall
    hours = schedule.sets[1]
    is_overlap_within_an_hour = not transition.is_gap and back.minute != 0
    return is_overlap_within_an_hour and schedule.repeats() and before.hour in hours and back.hour not in hours


def _in_step_again(schedule: oracle.Schedule, transition: Transition) -> datetime:
    """The end of the first hour that is named after a change, as a wall time."""
    wall = transition.end_wall + transition.size if transition.is_gap else transition.first_wall
    hour = wall.replace(minute=0)
    while hour.hour not in schedule.sets[1]:
        hour += HOUR
    return hour + HOUR


# croniter


def _croniter_fires_in_both_passes(difference: Difference) -> bool:
    """It fires at a fixed wall time whenever the clock shows it, so twice in an overlap."""
    question = difference.question
    return (
        not difference.only_ours
        and not question.schedule.repeats()
        and _second_pass_of(question, difference.instant) is not None
    )


def _croniter_loses_part_of_a_second_pass(difference: Difference) -> bool:
    """In an overlap other than of one whole hour it finds the second pass only from a wall time that is in it."""
    overlap = _second_pass_of(difference.question, difference.instant)
    return (
        difference.only_ours
        and difference.question.schedule.repeats()
        and overlap is not None
        and (overlap.size != HOUR or _is_within_an_hour(overlap))
    )


def _croniter_moves_a_repeating_time_out_of_a_gap(difference: Difference) -> bool:
    """Unless its hours are all 24, it fires at the gap's end for a skipped wall time, ``*/30`` or not."""
    gap, schedule = _gap_that_ends_at(difference), difference.question.schedule
    return (
        not difference.only_ours
        and gap is not None
        and schedule.repeats()
        and not _names_all_hours(schedule)
        and _names_a_skipped_wall(schedule, gap)
    )


def _croniter_drops_a_fixed_time_in_a_gap(difference: Difference) -> bool:
    """Where the hours named are all 24 it takes them for ``*``, and leaves a skipped wall time out."""
    gap, schedule = _gap_that_ends_at(difference), difference.question.schedule
    return (
        difference.only_ours
        and gap is not None
        and not schedule.repeats()
        and _names_all_hours(schedule)
        and _names_a_skipped_wall(schedule, gap)
    )


RULES = (
    Rule(peer="cronsim", name="first pass again", predicts=_cronsim_begins_in_the_first_pass_again),
    Rule(peer="cronsim", name="skipped midnight", predicts=_cronsim_begins_a_day_at_a_skipped_midnight),
    Rule(peer="cronsim", name="goes round", predicts=_cronsim_goes_round_in_an_overlap),
    Rule(peer="cronsim", name="steps by whole hours", predicts=_cronsim_steps_by_whole_hours),
    Rule(peer="croniter", name="both passes", predicts=_croniter_fires_in_both_passes),
    Rule(peer="croniter", name="second pass cut short", predicts=_croniter_loses_part_of_a_second_pass),
    Rule(peer="croniter", name="moved out of the gap", predicts=_croniter_moves_a_repeating_time_out_of_a_gap),
    Rule(peer="croniter", name="all hours are a star", predicts=_croniter_drops_a_fixed_time_in_a_gap),
)
