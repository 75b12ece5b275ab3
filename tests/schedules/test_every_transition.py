"""No double and no miss at any change of offset of any IANA zone from 2020 to 2037: contract rule 21.

Each zone, each transition and each expression is compared with the oracle from 26 hours before to 26 hours after.
The profiles ``dev`` and ``ci`` look at a sample that a seed decides (``FLOWFORGE_SEED``, printed with ``-s`` and on a
failure); ``long`` looks at all of it. The last line printed counts what was looked at.
"""

from __future__ import annotations

import os
import random
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise, takewhile

import pytest

from flowforge_graph.schedules import CronExpression, fire_times, zone
from tests.conftest import PROFILE
from tests.schedules import oracle
from tests.schedules.transitions import (
    FIRST_YEAR,
    LAST_YEAR,
    Transition,
    fixed_texts,
    repeating_texts,
    transitions_of,
    zone_names,
)

SEED = int(os.environ.get("FLOWFORGE_SEED", "2026"))
AROUND = timedelta(hours=26)
_ZONES_A_TEST = 20
_SAMPLED_ZONES, _SAMPLED_YEARS = 60, 2
_ANSWERS: dict[object, array[int]] = {}  # in Unix seconds: as datetimes they would fill a gigabyte


def zones_looked_at() -> list[str]:
    """All of them, or a sample that is the same in every process."""
    return zone_names() if PROFILE == "long" else sorted(random.Random(SEED).sample(zone_names(), _SAMPLED_ZONES))


def transitions_looked_at(zone_name: str) -> Sequence[Transition]:
    """All from 2020 to 2037, or those of the years that the seed chooses for the zone."""
    if PROFILE == "long":
        return transitions_of(zone_name)
    years = random.Random(f"{SEED} {zone_name}").sample(range(FIRST_YEAR, LAST_YEAR + 1), _SAMPLED_YEARS)
    return [transition for year in years for transition in transitions_of(zone_name, year, year)]


ZONES = zones_looked_at()
SLICES = [ZONES[at : at + _ZONES_A_TEST] for at in range(0, len(ZONES), _ZONES_A_TEST)]


@pytest.fixture(scope="module")
def counted() -> Iterator[Counter[str]]:
    """What this process has looked at, printed in the end."""
    counts: Counter[str] = Counter()
    yield counts
    print(f"\nseed {SEED}, profile {PROFILE}: " + ", ".join(f"{number:,} {what}" for what, number in counts.items()))


@pytest.mark.parametrize("names", SLICES, ids=lambda names: f"{names[0]}..{names[-1]}")
def test_every_transition_is_the_oracles(names: list[str], counted: Counter[str]) -> None:
    """Fixed and repeating expressions fire at the oracle's instants around each transition, and at no other."""
    for name in names:
        counted["zones"] += 1
        for transition in transitions_looked_at(name):
            counted["gaps" if transition.is_gap else "overlaps"] += 1
            for text in (*fixed_texts(transition), *repeating_texts(transition)):
                counted["comparisons"] += 1
                counted["fire times"] += assert_agrees(text, transition)


@pytest.mark.parametrize("names", SLICES, ids=lambda names: f"{names[0]}..{names[-1]}")
def test_a_nightly_schedule_fires_once_a_night(names: list[str]) -> None:
    """Without any oracle: of the nights around a transition each has one fire time, whatever the clock does in it."""
    for name in names:
        for transition in transitions_looked_at(name):
            middle = transition.first_wall + transition.size / 2
            start = transition.instant - timedelta(days=2, hours=12)
            fires = fires_until(f"{middle.minute} {middle.hour} * * *", name, start, start + timedelta(days=5))
            assert len(fires) == 5, f"{transition} (seed {SEED})"
            assert all(timedelta(hours=12) < later - fire < timedelta(hours=36) for fire, later in pairwise(fires))


def assert_agrees(text: str, transition: Transition) -> int:
    """Compare the fire times around a transition with the oracle's; return how many there are."""
    start, end = transition.instant - AROUND, transition.instant + AROUND
    fires = fires_until(text, transition.zone_name, start, end)
    assert fires == expected(text, transition.zone_name, start, end), f"{text} at {transition} (seed {SEED})"
    return len(fires)


def fires_until(text: str, zone_name: str, start: datetime, end: datetime) -> list[datetime]:
    fires = fire_times(CronExpression.parse(text), zone(zone_name), start)
    return list(takewhile(lambda fire: fire <= end, fires))


def expected(text: str, zone_name: str, start: datetime, end: datetime) -> list[datetime]:
    """The oracle's answer. Zones whose clocks showed the same share it: many names stand for one rule."""
    key = (text, start, end, stretches(zone_name, start - timedelta(days=2), end + timedelta(days=2)))
    if key not in _ANSWERS:
        answer = oracle.fire_times(text, zone(zone_name), start=start, end=end)
        _ANSWERS[key] = array("q", [int(instant.timestamp()) for instant in answer])
    return [datetime.fromtimestamp(seconds, UTC) for seconds in _ANSWERS[key]]


@lru_cache(maxsize=2)
def stretches(zone_name: str, first: datetime, last: datetime) -> tuple[tuple[datetime, timedelta | None], ...]:
    """What the clock of a zone did, minute by minute: each minute at which its offset became another."""
    found: list[tuple[datetime, timedelta | None]] = []
    where = zone(zone_name)
    for instant in oracle.minutes_between(first, last):
        offset = instant.astimezone(where).utcoffset()
        if not found or found[-1][1] != offset:
            found.append((instant, offset))
    return tuple(found)
