"""Differential runs against cronsim and croniter: no difference without a rule that predicts it.

What the rules are, with an example each, stands in ``docs/schedules.md``, and ``test_peers_page.py`` runs that page.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from flowforge_graph.schedules import validate_cron_expression
from tests.conftest import PROFILE
from tests.schedules.peers import PEERS, Question
from tests.schedules.strategies import ZONES, busy_cron_texts
from tests.schedules.test_every_transition import SEED, SLICES
from tests.schedules.transitions import (
    FIRST_YEAR,
    LAST_YEAR,
    Transition,
    fixed_texts,
    repeating_texts,
    transitions_of,
)

# From hours before a change to well after it; also in the middle of a gap's hour and of an overlap's second pass.
MINUTES_BEFORE = [180, 90, 20, 1, 0, -1, -29, -60, -100]
CHANGING_ZONES = [name for name in ZONES if transitions_of(name)]


def question_about(text: str, transition: Transition, minutes_before: int) -> Question:
    return Question(
        text=text,
        zone_name=transition.zone_name,
        start=transition.instant - timedelta(minutes=minutes_before),
        end=transition.instant + timedelta(hours=5),
    )


def explained(question: Question, peer: str) -> Counter[str]:
    """How often each rule was the reason; fails on a difference without one."""
    counts: Counter[str] = Counter()
    for difference in question.differences(peer):
        rule = difference.explanation()
        assert rule is not None, f"{difference}, wall clock {difference.wall}"
        counts[f"{peer}: {rule.name}"] += 1
    return counts


@pytest.mark.parametrize("peer", PEERS)
@given(
    text=busy_cron_texts(),
    transition=st.sampled_from(CHANGING_ZONES).flatmap(lambda name: st.sampled_from(transitions_of(name))),
    minutes_before=st.sampled_from(MINUTES_BEFORE),
)
def test_random_expressions_differ_by_rule_only(
    peer: str, text: str, transition: Transition, minutes_before: int
) -> None:
    """Random expressions and starts around random transitions."""
    assume(validate_cron_expression(text)[0])
    for reason in explained(question_about(text, transition, minutes_before), peer):
        event(reason)


@pytest.mark.parametrize("names", SLICES if PROFILE == "long" else SLICES[:1], ids=lambda names: names[0])
@pytest.mark.parametrize("peer", PEERS)
def test_typical_expressions_differ_by_rule_only(peer: str, names: list[str]) -> None:
    """Typical expressions around the changes of a year that the seed chooses for each zone (``long``: all zones)."""
    chance = random.Random(f"{SEED} {names}")
    counts: Counter[str] = Counter()
    for name in names:
        year = chance.randint(FIRST_YEAR, LAST_YEAR)
        for transition in transitions_of(name, year, year):
            for text in (*fixed_texts(transition), *repeating_texts(transition)):
                counts["questions"] += 1
                counts += explained(question_about(text, transition, chance.choice(MINUTES_BEFORE)), peer)
    print(f"\nseed {SEED}, {names[0]} to {names[-1]}: {dict(counts)}")
